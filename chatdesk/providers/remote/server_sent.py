"""Server-sent events, as servers of models use them: the data of each event, as bytes.

httpx2's own lines end where Python's do, which is also at U+2028, U+0085 and other characters that
stand unescaped in JSON: a reply with one of them would break. Here only CR and LF end a line, as
the format says, and bytes are not decoded before an event is whole.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class EventDecoder:
    """Feed it chunks of bytes. Pure; belongs to one stream. The stream bounds an event's size."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []
        self._data: list[bytes] = []
        self._skip_lf = False
        self._first = True

    def feed(self, chunk: bytes) -> list[bytes]:
        """The data of each event that this chunk completes.

        Events without data (comments, an id, a named ping) are left out, as the format says.
        """
        if self._skip_lf and chunk:
            self._skip_lf = False
            chunk = chunk.removeprefix(b"\n")
        if b"\r" in chunk:
            # A CR at the end may be the first half of CR LF.
            self._skip_lf = chunk.endswith(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, rest = chunk.split(b"\n")
        found: list[bytes] = []
        for line in lines:
            if self._rest:
                line = b"".join((*self._rest, line))
                self._rest.clear()
            self._line(line, found)
        if rest:
            self._rest.append(rest)
        return found

    def finish(self) -> list[bytes]:
        """The data of an event after which the empty line is missing, when the stream is over.

        A line that was cut in the middle is no data.
        """
        found: list[bytes] = []
        self._line(b"", found)
        return found

    def _line(self, line: bytes, found: list[bytes]) -> None:
        if self._first:
            self._first = False
            line = line.removeprefix(_BYTE_ORDER_MARK)
        if line.startswith(b"data:"):
            self._data.append(line[5:].removeprefix(b" "))
        elif not line and self._data:
            data = b"\n".join(self._data)
            self._data.clear()
            if data and not data.isspace():
                found.append(data)


async def event_data(chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """The data of each event of a stream."""
    decoder = EventDecoder()
    async for chunk in chunks:
        for data in decoder.feed(chunk):
            yield data
    for data in decoder.finish():
        yield data
