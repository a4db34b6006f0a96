"""A server that speaks the wire format of Text Generation Inference's router, bytes and all.

Written after the router's own source: its checks of parameters with their very words, errors of
/generate_stream as events of a stream that began with 200, errors of /generate as statuses,
comments that keep a silent stream alive, tokens with their "special" flag, no [DONE]. A test says
what the model writes, and which answers come first instead (`faults`).
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

PATIENCE_S = 30.0


@dataclass(frozen=True)
class Token:
    """A piece of the reply as the router sends it."""

    text: str
    special: bool = False


@dataclass(frozen=True)
class Status:
    """An answer that is no reply."""

    code: int
    body: bytes = b""
    kind: str = "application/json"
    headers: tuple[str, ...] = ()

    @classmethod
    def error(cls, code: int, words: str, error_type: str = "", *headers: str) -> Status:
        content = {"error": words} | ({"error_type": error_type} if error_type else {})
        return cls(code, json.dumps(content).encode(), headers=headers)


@dataclass(frozen=True)
class Event:
    """A stream that has this event first; nothing follows."""

    content: Any


@dataclass(frozen=True)
class Raw:
    """A stream of these bytes, written piece by piece with the connection flushed between."""

    pieces: tuple[bytes, ...]
    kind: str = "text/event-stream"


@dataclass(frozen=True)
class Hold:
    """In a reply: wait here until the test releases it or the client is gone."""


@dataclass(frozen=True)
class Drop:
    """In a reply: reset the connection."""


@dataclass(frozen=True)
class Trouble:
    """In a reply: an error event."""

    words: str
    error_type: str = "generation"


Step = Token | Hold | Drop | Trouble
Fault = Status | Event | Raw


@dataclass
class Recorded:
    method: str
    path: str
    headers: dict[str, str]
    body: Any

    @property
    def parameters(self) -> dict[str, Any]:
        return dict(self.body["parameters"])


@dataclass
class FakeTgi:
    """What the server is like; a test changes it at will."""

    url: str = ""
    reply: Sequence[Step] = (Token("Hello"), Token(" there"), Token("</s>", special=True))
    finish_reason: str = "eos_token"
    faults: list[Fault] = field(default_factory=list)
    api_key: str | None = None
    max_stop_sequences: int = 4
    max_input_tokens: int = 1024
    max_total_tokens: int = 2048
    # How the pretended tokenizer counts a prompt.
    count: Callable[[str], int] = lambda text: len(text.split())
    info_extra: dict[str, Any] = field(default_factory=dict)
    info_left_out: frozenset[str] = frozenset()
    has_info: bool = True
    info_faults: list[Status] = field(default_factory=list)
    streams: bool = True
    details: bool = True
    piece: int | None = None  # bytes written at once; None: an event at once
    new_line: bytes = b"\n"
    requests: list[Recorded] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    holding: threading.Event = field(default_factory=threading.Event)
    gone: threading.Event = field(default_factory=threading.Event)  # a client left in the middle

    @property
    def generated(self) -> list[Recorded]:
        """The requests for replies."""
        return [request for request in self.requests if request.method == "POST"]

    def info(self) -> dict[str, Any]:
        info = {
            "model_id": "meta-llama/Llama-2-7b-chat-hf",
            "model_sha": "0123abcd",
            "model_pipeline_tag": "text-generation",
            "max_concurrent_requests": 128,
            "max_best_of": 2,
            "max_stop_sequences": self.max_stop_sequences,
            "max_input_tokens": self.max_input_tokens,
            "max_total_tokens": self.max_total_tokens,
            "validation_workers": 2,
            "max_client_batch_size": 4,
            "router": "text-generation-router",
            "version": "3.3.4",
            "sha": None,
            "docker_label": None,
        }
        kept = {name: value for name, value in info.items() if name not in self.info_left_out}
        return kept | self.info_extra

    # -- the router's checks ------------------------------------------------------------------

    def refusal(self, body: Any) -> str | None:
        """The words with which the router refuses a request."""
        asked: dict[str, Any] = body.get("parameters", {})
        new, stops = asked.get("max_new_tokens"), asked.get("stop") or []
        top_p, top_k = asked.get("top_p"), asked.get("top_k")
        if asked.get("temperature") is not None and asked["temperature"] <= 0:
            return "`temperature` must be strictly positive"
        if asked.get("repetition_penalty") is not None and asked["repetition_penalty"] <= 0:
            return "`repetition_penalty` must be strictly positive"
        if top_p is not None and not 0 < top_p < 1:
            return "`top_p` must be > 0.0 and < 1.0"
        if top_k is not None and top_k <= 0:
            return "`top_k` must be strictly positive"
        if new == 0:
            return "`max_new_tokens` must be strictly positive"
        if len(stops) > self.max_stop_sequences:
            return (
                f"`stop` supports up to {self.max_stop_sequences} stop sequences. "
                f"Given: {len(stops)}"
            )
        length = self.count(body["inputs"])
        if not body["inputs"]:
            return "`inputs` cannot be empty"
        if new is not None and length + new > self.max_total_tokens:
            return (
                f"`inputs` tokens + `max_new_tokens` must be <= {self.max_total_tokens}. "
                f"Given: {length} `inputs` tokens and {new} `max_new_tokens`"
            )
        if length > self.max_input_tokens:
            return f"`inputs` must have less than {self.max_input_tokens} tokens. Given: {length}"
        return None

    # -- the connection -----------------------------------------------------------------------

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await _read(reader)) is not None:
                self.requests.append(request)
                await self._answer(request, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.gone.set()
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _answer(
        self, request: Recorded, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if self.api_key and request.headers.get("authorization") != f"Bearer {self.api_key}":
            await self._send(writer, Status(401))
        elif request.method == "GET" and self.info_faults:
            await self._send(writer, self.info_faults.pop(0))
        elif request.method == "GET":
            known = request.path.endswith("/info") and self.has_info
            await self._send(
                writer, Status(200, json.dumps(self.info()).encode()) if known else Status(404)
            )
        elif self.faults:
            fault = self.faults.pop(0)
            if isinstance(fault, Status):
                await self._send(writer, fault)
            elif isinstance(fault, Event):
                await self._stream(writer, [self._event(fault.content)])
            else:
                await self._stream(writer, fault.pieces, fault.kind)
        elif request.path.endswith("/generate"):
            await self._generate(request, writer)
        elif request.path.endswith("/generate_stream") and self.streams:
            await self._generate_stream(request, reader, writer)
        else:
            await self._send(writer, Status(404))

    async def _generate(self, request: Recorded, writer: asyncio.StreamWriter) -> None:
        refused = self.refusal(request.body)
        if refused is not None:
            words = f"Input validation error: {refused}"
            await self._send(writer, Status.error(422, words, "validation"))
            return
        tokens = [step for step in self.reply if isinstance(step, Token)]
        answer: dict[str, Any] = {"generated_text": self._text(tokens)}
        if self.details and request.parameters.get("details"):
            answer["details"] = {
                "finish_reason": self.finish_reason,
                "generated_tokens": len(tokens),
                "prefill": [],
                "seed": request.parameters.get("seed"),
                "tokens": [_token(index, token) for index, token in enumerate(tokens)],
            }
        prompt = f"x-prompt-tokens: {self.count(request.body['inputs'])}"
        await self._send(writer, Status(200, json.dumps(answer).encode(), headers=(prompt,)))

    async def _generate_stream(
        self, request: Recorded, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        refused = self.refusal(request.body)
        if refused is not None:
            words = f"Input validation error: {refused}"
            await self._stream(writer, [self._event({"error": words, "error_type": "validation"})])
            return
        await self._begin(writer, "text/event-stream")
        told: list[Token] = []
        for index, step in enumerate(self.reply, start=1):
            if isinstance(step, Hold):
                await self._hold(reader, writer)
            elif isinstance(step, Drop):
                writer.transport.abort()
                return
            elif isinstance(step, Trouble):
                error = {"error": step.words, "error_type": step.error_type}
                await self._chunk(writer, self._event(error))
                break
            else:
                told.append(step)
                content: dict[str, Any] = {"index": index, "token": _token(index, step)}
                content |= {"generated_text": None, "details": None}
                if index == len(self.reply):
                    content["generated_text"] = self._text(told)
                    if self.details and request.parameters.get("details"):
                        content["details"] = {
                            "finish_reason": self.finish_reason,
                            "generated_tokens": len(told),
                            "seed": request.parameters.get("seed"),
                            "input_length": self.count(request.body["inputs"]),
                        }
                await self._chunk(writer, self._event(content))
        await self._end(writer)

    async def _hold(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.holding.set()
        while not self.released.is_set():
            await self._chunk(writer, b":" + self.new_line * 2)
            if reader.at_eof() or writer.is_closing():
                raise ConnectionResetError
            await asyncio.sleep(0.01)

    def _text(self, tokens: Sequence[Token]) -> str:
        return "".join(token.text for token in tokens if not token.special)

    def _event(self, content: Any) -> bytes:
        return b"data:" + json.dumps(content, ensure_ascii=False).encode() + self.new_line * 2

    async def _send(self, writer: asyncio.StreamWriter, status: Status) -> None:
        lines = [
            f"HTTP/1.1 {status.code} X",
            f"content-type: {status.kind}",
            f"content-length: {len(status.body)}",
            *status.headers,
        ]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + status.body)
        await writer.drain()

    async def _stream(
        self,
        writer: asyncio.StreamWriter,
        pieces: Sequence[bytes],
        kind: str = "text/event-stream",
    ) -> None:
        await self._begin(writer, kind)
        for piece in pieces:
            await self._chunk(writer, piece)
        await self._end(writer)

    async def _begin(self, writer: asyncio.StreamWriter, kind: str) -> None:
        writer.write(
            f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncache-control: no-cache\r\n"
            "x-compute-type: cuda\r\nx-accel-buffering: no\r\ntransfer-encoding: chunked"
            "\r\n\r\n".encode()
        )
        await writer.drain()

    async def _chunk(self, writer: asyncio.StreamWriter, content: bytes) -> None:
        size = self.piece or len(content)
        for start in range(0, len(content), size):
            piece = content[start : start + size]
            writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            await writer.drain()

    async def _end(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"0\r\n\r\n")
        await writer.drain()


def _token(index: int, token: Token) -> dict[str, Any]:
    return {"id": index, "text": token.text, "logprob": -0.5, "special": token.special}


async def _read(reader: asyncio.StreamReader) -> Recorded | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return None
    first, *lines = head.rstrip("\r\n").split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (s.partition(":") for s in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Recorded(method, path, headers, json.loads(body) if body else None)


@contextmanager
def serving(server: FakeTgi | None = None) -> Iterator[FakeTgi]:
    """Serve on a free port of 127.0.0.1, in a thread of its own, until the block ends."""
    server = server or FakeTgi()
    loop = asyncio.new_event_loop()
    ready, tasks = threading.Event(), set[asyncio.Task[None]]()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await server.serve(reader, writer)
        finally:
            tasks.discard(task)

    async def run() -> None:
        listener = await asyncio.start_server(accept, "127.0.0.1", 0)
        server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        ready.set()
        await stop.wait()
        listener.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await listener.wait_closed()

    stop = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), name="fake-tgi")
    thread.start()
    assert ready.wait(PATIENCE_S)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(PATIENCE_S)
        loop.close()
