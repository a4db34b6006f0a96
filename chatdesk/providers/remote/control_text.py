"""Makes text that people and models wrote unable to forge a turn of a prompt.

A server that is given a ready prompt reads control tokens wherever they stand: whoever pastes
"<|im_end|>" ends the message, and "[INST]" or a line that begins with "Assistant:" speaks for
somebody else. A word joiner (U+2060, no width on paper) after the first character of such a text
makes it plain text to every tokenizer, while people and models still read the same words. Local
models get the same treatment where their template needs it (providers/llama/prompt.py).

Known tokens of all templates are broken up whatever template is used, because the person may have
chosen one that does not fit the model, and the server obeys its own tokens all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

WORD_JOINER = "\u2060"

# Where str.splitlines and tokenizers' normalisers may see a new line.
_LINE_ENDS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"

# White space and marks without width: what may stand between a line's beginning and a marker
# without a reader noticing.
_BLANK = "[\\s\u00ad\u200b-\u200f\u2060-\u2064\ufeff]*"

# Tokens that begin, end or address a turn: the first group is the families <|...|> (ChatML,
# Llama 3, Falcon, Phi, Zephyr) and its full-width form (DeepSeek); then SentencePiece's own,
# Llama 2's and Mistral's, Gemma's, and Falcon's sections. Only the first character is taken, so
# that a token within another one ("<|[INST]|>") is found too.
_TOKENS = re.compile(
    r"(?=<[|\uff5c][^<>|\uff5c\s]{1,64}[|\uff5c]>"
    r"|</?s>|<(?:unk|pad|bos|eos|mask)>"
    r"|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_RESULTS|TOOL_CALLS|TOOL_CONTENT|PREFIX"
    r"|SUFFIX|MIDDLE|IMG|THINK)\]"
    r"|<</?SYS>>"
    r"|</?(?:start|end)_of_turn>"
    r"|>>(?:TITLE|ABSTRACT|INTRODUCTION|SUMMARY|COMMENT|ANSWER|QUESTION|DOMAIN|PREFIX|SUFFIX"
    r"|MIDDLE)<<"
    r")[<>\[]"
)


def harmless(text: str, speakers: Iterable[str] = ()) -> str:
    """The text with every control token broken up by a word joiner.

    speakers: names that begin a turn when they stand at the beginning of a line before a colon;
    they are broken up there, in whatever case they are written.
    """
    text = _TOKENS.sub(_broken, text)
    pattern = "|".join(map(re.escape, speakers))
    if not pattern:
        return text
    line = re.compile(
        f"(^|[{_LINE_ENDS}])({_BLANK})((?:{pattern}){_BLANK}[:\uff1a])", re.IGNORECASE
    )
    return line.sub(lambda found: found[1] + found[2] + _break(found[3]), text)


def _broken(found: re.Match[str]) -> str:
    return _break(found[0])


def _break(text: str) -> str:
    return text[0] + WORD_JOINER + text[1:]
