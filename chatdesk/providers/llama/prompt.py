"""From messages to the prompt's tokens.

Control tokens come only from the template's own text. Contents are read as plain text, so a person
who pastes <|im_start|> forges no turn. Elsewhere the tokens are those llama.cpp would make of the
whole text: it too splits a text at control tokens and reads what is between as one run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from chatdesk.chat.messages import Role
from chatdesk.chat.reasoning import CLOSE, OPEN
from chatdesk.providers.llama.cache import ReplyMemory
from chatdesk.providers.llama.template import ChatTemplate, Part, Rendered, Turn
from chatdesk.providers.llama.tokens import Vocabulary

# Put into a control token's name it takes no room on paper and makes it plain text.
_WORD_JOINER = "\u2060"


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is evaluated. inside_reasoning: the template opened a block of reasoning at the end.

    stops: sequences the chat format ends a turn with. continued: the tokens of the continuation.
    """

    tokens: list[int]
    stops: tuple[str, ...] = ()
    inside_reasoning: bool = False
    continued: tuple[int, ...] = ()


class PromptBuilder:
    """Builds prompts for one model. Belongs to the thread that owns the model."""

    def __init__(
        self, vocabulary: Vocabulary, template: ChatTemplate, replies: ReplyMemory
    ) -> None:
        self._vocabulary = vocabulary
        self._template = template
        self._replies = replies
        # Some models mark turns with user-defined tokens, which llama.cpp reads even in plain
        # text. Those the template uses are broken up in contents.
        self._markers = _pattern(m for m in vocabulary.user_defined if m in template.source)
        self._forgeable = _pattern((*vocabulary.controls, *vocabulary.user_defined))

    def build(self, turns: Sequence[Turn], continuation: str = "") -> Prompt:
        """The tokens of a conversation up to where the reply begins, or goes on.

        Raises ProviderError when the template refuses the conversation.
        """
        rendered = self._template.render(turns)
        if not rendered.exact:
            rendered = self._template.render([self._harmless(turn) for turn in turns])
        tokens = _Tokens(self._vocabulary, self._markers)
        first = self._vocabulary.first_token
        self._write(rendered, tokens)
        open_block = rendered.parts[-1].text.rstrip().endswith(OPEN) if rendered.parts else False
        if continuation and open_block:
            # What goes on is the answer, so the reasoning the template began is over.
            tokens.add_template(f"\n{CLOSE}\n\n")
        written = tokens.finish()
        start = len(written)
        if continuation:
            self._add_reply(tokens, continuation)
            written = tokens.finish()
        if first is not None and written[:1] != [first]:
            written.insert(0, first)
            start += 1
        return Prompt(
            written, rendered.stops, open_block and not continuation, tuple(written[start:])
        )

    def count(self, text: str) -> int:
        """The tokens of a text by itself."""
        return len(self._vocabulary.tokenize(text))

    def _write(self, rendered: Rendered, tokens: _Tokens) -> None:
        if not rendered.exact:
            for part in rendered.parts:
                tokens.add_template(part.text)
            return
        parts = list(rendered.parts)
        for index, part in enumerate(parts):
            if part.turn is None:
                tokens.add_template(part.text)
                continue
            turn = rendered.turns[part.turn]
            reply = self._replies.find(turn.content) if turn.role is Role.ASSISTANT else None
            if reply is not None and _take_white_space(parts, index, turn.content, tokens):
                self._add_reply(tokens, turn.content)
            else:
                tokens.add_content(part.text)

    def _add_reply(self, tokens: _Tokens, text: str) -> None:
        """The tokens the model wrote this text with, where they are known."""
        reply = self._replies.find(text)
        if reply is None:
            tokens.add_content(text)
        else:
            tokens.add_tokens(reply.tokens)
            tokens.add_content(reply.rest)

    def _harmless(self, turn: Turn) -> Turn:
        if self._forgeable is None:
            return turn
        return Turn(
            turn.role,
            self._forgeable.sub(
                lambda found: found[0][0] + _WORD_JOINER + found[0][1:], turn.content
            ),
        )


class _Tokens:
    """Collects runs of plain text and the control tokens between them."""

    def __init__(self, vocabulary: Vocabulary, markers: re.Pattern[str] | None) -> None:
        self._vocabulary = vocabulary
        self._markers = markers
        self._tokens: list[int] = []
        self._run: list[str] = []
        self._strip_next = False

    def add_template(self, text: str) -> None:
        pattern = self._vocabulary.control_pattern
        position = 0
        for found in pattern.finditer(text) if pattern else ():
            special = self._vocabulary.controls[found[0]]
            self._run.append(text[position : found.start()])
            self._end_run(strip=special.strips_left)
            self._tokens.append(special.token)
            self._strip_next = special.strips_right
            position = found.end()
        self._run.append(text[position:])

    def add_content(self, text: str) -> None:
        position = 0
        for found in self._markers.finditer(text) if self._markers else ():
            self._run.append(text[position : found.start() + 1])
            self._end_run()
            position = found.start() + 1
        self._run.append(text[position:])

    def add_tokens(self, tokens: Iterable[int]) -> None:
        self._end_run()
        self._tokens.extend(tokens)

    def take_back(self, text: str) -> bool:
        """Take text off the end of the last run; False where the run does not end with it."""
        if not self._run or not self._run[-1].endswith(text):
            return False
        self._run[-1] = self._run[-1][: -len(text)]
        return True

    def finish(self) -> list[int]:
        self._end_run()
        return self._tokens

    def _end_run(self, *, strip: bool = False) -> None:
        text = "".join(self._run)
        self._run.clear()
        if self._strip_next:
            text = text.lstrip()
        if strip:
            text = text.rstrip()
        self._strip_next = False
        if text:
            self._tokens.extend(self._vocabulary.tokenize(text))


def _take_white_space(parts: list[Part], index: int, content: str, tokens: _Tokens) -> bool:
    """Whether content stands in the prompt whole, white space and all (no template trimmed it).

    The white space around it is then part of the reply's own tokens, so it is taken off the
    template's text before (already written to tokens) and behind.
    """
    core = parts[index].text
    lead = content[: content.index(core)]
    trail = content[len(lead) + len(core) :]
    if trail:
        following = parts[index + 1] if index + 1 < len(parts) else Part("")
        if following.turn is not None or not following.text.startswith(trail):
            return False
    if lead and not tokens.take_back(lead):
        return False
    if trail:
        parts[index + 1] = Part(parts[index + 1].text[len(trail) :])
    return True


def _pattern(texts: Iterable[str]) -> re.Pattern[str] | None:
    longest_first = sorted((text for text in texts if len(text) > 1), key=len, reverse=True)
    if not longest_first:
        return None
    # Only the first character is taken, so that a marker within another one is found too.
    return re.compile(f"(?=(?:{'|'.join(map(re.escape, longest_first))})).", re.DOTALL)
