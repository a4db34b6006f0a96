"""A key's text in a box that does not show it.

Whatever prints, logs, formats, copies or pickles a Secret gets a placeholder or an error. Its text
is also told to the redactor, so that a log line or a traceback in which it turned up by another way
shows [removed] in its place.
"""

from __future__ import annotations

import hmac
import re
from typing import Any, NoReturn, final

from chatdesk import diagnostics
from chatdesk.errors import UsageError

LONGEST = 8192  # characters; servers refuse longer headers
_SHOWN = "[secret]"
_AROUND = " \t\r\n\v\f\u00a0\u200b\u2060\ufeff"  # what comes along with a pasted key
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@final
class Secret:
    """A key. Immutable; equal to another Secret of the same text; any thread.

    White space around it goes. Raises UsageError, which does not repeat it, for what cannot be sent
    in a header: nothing, control characters, characters beyond Latin-1, more than LONGEST.
    """

    __slots__ = ("__weakref__", "_text")
    _text: str

    def __init__(self, text: str) -> None:
        kept = text.strip(_AROUND)
        if not kept:
            raise UsageError("The key is empty.", "Copy it from the provider's page again.")
        if len(kept) > LONGEST:
            raise UsageError(
                f"The key is longer than {LONGEST:,} characters.",
                "Copy only the key from the provider's page.",
            )
        if _CONTROL.search(kept):
            raise UsageError(
                "The key has a line break or a control character in it.",
                "Copy only the key from the provider's page.",
            )
        try:
            kept.encode("latin-1")
        except UnicodeEncodeError:
            problem = UsageError(
                "The key has a character in it that no key has.",
                "Copy only the key from the provider's page.",
            )
        else:
            object.__setattr__(self, "_text", kept)
            diagnostics.keep_out(kept)
            return
        raise problem  # apart from the codec's error, which has the text in it

    def reveal(self) -> str:
        """The text, for the header of a request and for the keyring, and for nothing else."""
        return self._text

    def __repr__(self) -> str:
        return _SHOWN

    def __format__(self, spec: str) -> str:
        return _SHOWN

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode("latin-1"), other._text.encode("latin-1"))

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("A secret cannot be changed.")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("A secret cannot be changed.")

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: Any) -> Secret:
        return self

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("A secret is not written anywhere.")

    def __getstate__(self) -> NoReturn:
        raise TypeError("A secret is not written anywhere.")
