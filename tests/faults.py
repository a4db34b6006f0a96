"""A server that answers exactly as badly as a test wants: raw bytes, at exact moments.

Each request takes the next of the answers; the last one serves all later ones. An answer is a
sequence of steps: bytes that are written and flushed, STALL (nothing more comes, the connection
stays open), RESET (the connection is torn down), or a Repeat of bytes. Requests for the list of
models are answered on their own and take none.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Literal

PATIENCE_S = 30.0
STALL: Literal["stall"] = "stall"
RESET: Literal["reset"] = "reset"


@dataclass(frozen=True)
class Repeat:
    """The same bytes again and again, until the client goes or it was done `count` times."""

    piece: bytes
    count: int
    every_s: float = 0.0


Step = bytes | Repeat | Literal["stall", "reset"]
Answer = Sequence[Step]


def chunk(content: str | None = None, reason: str | None = None, **more: Any) -> bytes:
    """One event of a reply in OpenAI's form."""
    delta = {} if content is None else {"content": content}
    choice = {"index": 0, "delta": delta | more, "finish_reason": reason}
    return event({"id": "c", "object": "chat.completion.chunk", "choices": [choice]})


def event(content: Any) -> bytes:
    return b"data: " + json.dumps(content, ensure_ascii=False).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"
STREAM_HEAD = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/event-stream\r\n\r\n"


def reply(*steps: Step, head: bytes = STREAM_HEAD) -> Answer:
    """A stream that begins well."""
    return (head, *steps)


def chunked(*pieces: bytes) -> Answer:
    """A stream in which a chunk of HTTP ends where the test wants it."""
    head = STREAM_HEAD.replace(b"connection: close", b"transfer-encoding: chunked")
    return (head, *(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (*pieces, b"")))


def good(*words: str) -> Answer:
    """A reply without any fault."""
    return reply(*(chunk(word) for word in words), chunk(reason="stop"), DONE)


def status(
    code: int, body: bytes | dict[str, Any] = b"", *headers: str, kind: str = "application/json"
) -> Answer:
    """An answer that is no reply."""
    content = json.dumps(body).encode() if isinstance(body, dict) else body
    lines = [f"HTTP/1.1 {code} Status", "connection: close", f"content-type: {kind}", *headers]
    head = "\r\n".join([*lines, f"content-length: {len(content)}", "", ""])
    return (head.encode("latin-1") + content,)


def error(code: int, message: str, *headers: str, **more: Any) -> Answer:
    """An error in OpenAI's form."""
    return status(code, {"error": {"message": message, "type": "error"} | more}, *headers)


@dataclass(frozen=True)
class Asked:
    """One request. headers by their names in small letters; raw: all of it but the body."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any
    raw: str


@dataclass
class FaultServer:
    """root: scheme, host and port. asked: the requests for replies so far, oldest first."""

    root: str
    answers: list[Answer]
    models: tuple[str | dict[str, Any], ...] | None = ("model",)
    list_answer: Answer | None = None  # in place of the list of models
    asked: list[Asked] = field(default_factory=list)
    lists: list[Asked] = field(default_factory=list)
    _came: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _gone: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    @property
    def base_url(self) -> str:
        return f"{self.root}/v1"

    def wait_until_asked(self) -> None:
        """Wait for the next request for a reply."""
        assert self._came.acquire(timeout=PATIENCE_S), "nobody asks"

    def wait_until_a_client_is_gone(self) -> None:
        """Wait until a client has closed its connection before the answer was complete."""
        assert self._gone.acquire(timeout=PATIENCE_S), "the connection is still open"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await self._serve(reader, writer)
        finally:
            with suppress(OSError):
                writer.close()
                await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await _read(reader)
        if asked.method == "GET":
            self.lists.append(asked)
            answer = self._list()
        else:
            self.asked.append(asked)
            self._came.release()
            answer = self.answers[min(len(self.asked), len(self.answers)) - 1]
        leaving = asyncio.create_task(reader.read(1))
        try:
            await self._give(answer, writer, leaving)
        except OSError:
            self._gone.release()
        finally:
            leaving.cancel()
            with suppress(asyncio.CancelledError, OSError):
                await leaving

    def _list(self) -> Answer:
        if self.list_answer is not None:
            return self.list_answer
        if self.models is None:
            return error(404, "Not found")
        entries = [each if isinstance(each, dict) else {"id": each} for each in self.models]
        return status(200, {"object": "list", "data": entries})

    async def _give(
        self, answer: Answer, writer: asyncio.StreamWriter, leaving: asyncio.Task[bytes]
    ) -> None:
        for step in answer:
            if isinstance(step, bytes):
                writer.write(step)
                await writer.drain()
            elif isinstance(step, Repeat):
                for _ in range(step.count):
                    if leaving.done():
                        raise ConnectionResetError
                    writer.write(step.piece)
                    await writer.drain()
                    await asyncio.sleep(step.every_s)
            elif step == STALL:
                await leaving
                raise ConnectionResetError
            else:
                # Without lingering, closing sends a reset.
                sock = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
                return


async def _read(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip().split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (s.partition(":") for s in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Asked(method, path, headers, json.loads(body) if body else None, head)


@contextmanager
def faulty(*answers: Answer, tls: ssl.SSLContext | None = None) -> Iterator[FaultServer]:
    """Serve on a free port of 127.0.0.1 (over TLS: localhost) until the block ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    server = FaultServer(
        f"https://localhost:{port}" if tls else f"http://127.0.0.1:{port}", list(answers)
    )
    loop = asyncio.new_event_loop()
    ended = asyncio.Event()

    async def serve() -> None:
        running = await asyncio.start_server(server.serve, sock=listener, ssl=tls)
        await ended.wait()
        running.close()
        await asyncio.sleep(0)  # whoever was let in a moment ago begins, and so can end
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), name="fault-server")
    thread.start()
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(PATIENCE_S)
        loop.close()
