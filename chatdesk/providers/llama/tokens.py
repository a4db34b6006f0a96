"""Text to tokens and back.

Control tokens such as <|im_start|> exist only where the template writes them: tokenize() never
makes one from text (see prompt.py, which places them).
"""

from __future__ import annotations

import codecs
import ctypes
import re
from dataclasses import dataclass

from chatdesk.providers.llama.backend import Backend

# Reasoning models mark their reasoning with these; a vocabulary may hide them as control tokens.
_ALWAYS_VISIBLE = (b"<think>", b"</think>")


@dataclass(frozen=True, slots=True)
class Special:
    """A control token of the vocabulary. It swallows white space beside it where it says so."""

    token: int
    strips_left: bool = False
    strips_right: bool = False


class Vocabulary:
    """A model's vocabulary. Belongs to the thread that owns the model and lives as long as it."""

    def __init__(self, backend: Backend, pointer: int) -> None:
        self._lib = lib = backend.lib
        self._pointer = pointer
        self.size: int = lib.llama_vocab_n_tokens(pointer)
        self._pieces: list[bytes | None] = [None] * self.size
        self._known = bytearray(self.size)
        self._buffer = ctypes.create_string_buffer(256)
        self.controls: dict[str, Special] = {}
        self.user_defined: list[str] = []
        control = lib.LLAMA_TOKEN_ATTR_CONTROL | lib.LLAMA_TOKEN_ATTR_UNKNOWN
        special = control | lib.LLAMA_TOKEN_ATTR_USER_DEFINED
        attribute = lib.llama_vocab_get_attr
        for token in range(self.size):
            attributes = attribute(pointer, token)
            if attributes & special:
                text = self.text(token)
                if attributes & control and text:
                    self.controls[text] = Special(
                        token,
                        bool(attributes & lib.LLAMA_TOKEN_ATTR_LSTRIP),
                        bool(attributes & lib.LLAMA_TOKEN_ATTR_RSTRIP),
                    )
                elif text.strip():
                    self.user_defined.append(text)
        longest_first = sorted(self.controls, key=len, reverse=True)
        self.control_pattern = (
            re.compile("|".join(map(re.escape, longest_first))) if longest_first else None
        )
        bos, eos = lib.llama_vocab_bos(pointer), lib.llama_vocab_eos(pointer)
        self.bos_text = self.text(bos) if bos >= 0 else ""
        self.eos_text = self.text(eos) if eos >= 0 else ""
        self.first_token: int | None = (
            bos if bos >= 0 and lib.llama_vocab_get_add_bos(pointer) else None
        )

    def tokenize(self, text: str) -> list[int]:
        """The tokens of plain text: no control token, whatever the text says."""
        data = text.encode("utf-8", "replace")
        size = len(data) + 8  # at most a token per byte, and a space some vocabularies put first
        tokens = (self._lib.llama_token * size)()
        count = self._lib.llama_tokenize(self._pointer, data, len(data), tokens, size, False, False)
        if count < 0:
            tokens = (self._lib.llama_token * -count)()
            count = self._lib.llama_tokenize(
                self._pointer, data, len(data), tokens, -count, False, False
            )
        return list(tokens[:count])

    def text(self, token: int) -> str:
        """How the vocabulary writes a token, which for a control token is its name."""
        return (self._lib.llama_vocab_get_text(self._pointer, token) or b"").decode(
            "utf-8", "replace"
        )

    def piece(self, token: int) -> bytes | None:
        """The bytes a token stands for (possibly a part of a character); None ends the turn."""
        if not self._known[token]:
            self._pieces[token] = self._look_up(token)
            self._known[token] = 1
        return self._pieces[token]

    def _look_up(self, token: int) -> bytes | None:
        if self._lib.llama_vocab_is_eog(self._pointer, token):
            return None
        piece = self._read(token, special=False)
        if not piece and (name := self._read(token, special=True)) in _ALWAYS_VISIBLE:
            return name
        return piece

    def _read(self, token: int, *, special: bool) -> bytes:
        count = self._lib.llama_token_to_piece(
            self._pointer, token, self._buffer, len(self._buffer), 0, special
        )
        if count < 0:
            self._buffer = ctypes.create_string_buffer(-count)
            count = self._lib.llama_token_to_piece(
                self._pointer, token, self._buffer, -count, 0, special
            )
        return self._buffer.raw[:count]


class Utf8Stream:
    """Bytes in any cut to text: half a character waits for its rest, what is no text is U+FFFD."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.feed = self._decoder.decode

    def finish(self, *, cut: bool) -> str:
        """The end. Half a character at the end is left out of a reply that was cut, else U+FFFD."""
        return "" if cut else self._decoder.decode(b"", True)
