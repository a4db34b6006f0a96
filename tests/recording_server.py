"""A server that keeps every request as it came and answers each with the same stream of chunks."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

PATIENCE_S = 30.0


@dataclass(frozen=True)
class Recorded:
    """One request: headers by their names in small letters, the body as JSON."""

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class Recorder:
    """The server's root address and what came to it so far, oldest first."""

    root: str
    requests: list[Recorded] = field(default_factory=list)

    @property
    def base_url(self) -> str:
        return f"{self.root}/v1"

    @property
    def chat(self) -> Recorded:
        """The newest request for a reply."""
        return [r for r in self.requests if r.path.endswith("/chat/completions")][-1]


def chunks(*pieces: Any, reason: str = "stop", usage: bool = True) -> list[dict[str, Any]]:
    """A reply in OpenAI's form: one chunk for each piece of content, the last one with a reason."""
    head = {"id": "cmpl-0", "object": "chat.completion.chunk", "created": 1, "model": "recorded"}
    last = [({"content": ""}, reason)]
    found = [
        head | {"choices": [{"index": 0, "delta": delta, "finish_reason": why}]}
        for delta, why in [({"role": "assistant", "content": p}, None) for p in pieces] + last
    ]
    if usage:
        counts = {"prompt_tokens": 9, "completion_tokens": len(pieces)}
        found[-1]["usage"] = counts | {"total_tokens": 9 + len(pieces)}
    return found


@contextmanager
def recording(answer: Iterable[dict[str, Any]] = tuple(chunks("Yes", "."))) -> Iterator[Recorder]:
    """Serve on a free port of 127.0.0.1 until the block ends."""
    events = [json.dumps(chunk) for chunk in answer] + ["[DONE]"]
    stream = "".join(f"data: {event}\n\n" for event in events).encode()
    listener = socket.create_server(("127.0.0.1", 0))
    recorder = Recorder(f"http://127.0.0.1:{listener.getsockname()[1]}")
    closing = threading.Event()

    def serve() -> None:
        while True:
            connection, _ = listener.accept()
            if closing.is_set():
                connection.close()
                return
            connection.settimeout(PATIENCE_S)
            with connection, suppress(OSError):
                recorder.requests.append(_read(connection))
                kind = b"text/event-stream" if recorder.requests[-1].body else b"application/json"
                content = stream if recorder.requests[-1].body else b'{"object":"list","data":[]}'
                connection.sendall(
                    b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: %s\r\n"
                    b"content-length: %d\r\n\r\n%s" % (kind, len(content), content)
                )

    thread = threading.Thread(target=serve, name="recording-server")
    thread.start()
    try:
        yield recorder
    finally:
        closing.set()
        socket.create_connection(listener.getsockname()).close()  # wakes accept()
        thread.join(PATIENCE_S)
        listener.close()


def _read(connection: socket.socket) -> Recorded:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536) or _ended()
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (s.partition(":") for s in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        body += connection.recv(65536) or _ended()
    return Recorded(method, path, headers, json.loads(body) if body else {})


def _ended() -> bytes:
    raise ConnectionResetError("the client ended in the middle of its request")
