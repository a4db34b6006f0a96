"""A server that streams chunks as fast or as evenly as it is asked: `python -m
benchmarks.chunk_server`, a process of its own, so that its work is not in the figures.

The request's max_tokens is the number of chunks; the model's name is "paced" (RATE chunks a second,
each in a write of its own, as a model sends them) or "unpaced" (as fast as they are taken). It
writes its address and serves, one connection at a time, until its standard input ends.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time

RATE = 2_000  # chunks a second
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
_MODELS = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n"
    b'{"object": "list", "data": [{"id": "paced"}, {"id": "unpaced"}]}'
)
_BURST = 64 * 1024  # bytes of a write where nothing is paced


def events(count: int) -> list[bytes]:
    """The stream of one reply: count pieces of text as OpenAI sends them, the end, the usage."""
    head = {"id": "chatcmpl-0", "object": "chat.completion.chunk", "created": 1, "model": "paced"}

    def event(delta: dict[str, str], reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return b"data: " + json.dumps(head | {"choices": [choice]}).encode() + b"\n\n"

    usage = {"prompt_tokens": 9, "completion_tokens": count, "total_tokens": count + 9}
    last = json.dumps(head | {"choices": [], "usage": usage}).encode()
    words = (event({"content": f" word{index % 100}"}) for index in range(count))
    begin, end = event({"role": "assistant", "content": ""}), event({}, "stop")
    return [begin, *words, end, b"data: " + last + b"\n\n", b"data: [DONE]\n\n"]


def _serve(connection: socket.socket) -> None:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    if head.startswith(b"GET "):
        connection.sendall(_MODELS)
        return
    lines = head.lower().split(b"\r\n")
    length = next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))
    while len(body) < length:
        body += connection.recv(65536)
    wanted = json.loads(body)
    connection.sendall(_HEAD)
    pieces = events(wanted["max_tokens"])
    if wanted["model"] != "paced":
        whole = b"".join(pieces)
        for begin in range(0, len(whole), _BURST):
            connection.sendall(whole[begin : begin + _BURST])
        return
    started = time.perf_counter()
    for index, piece in enumerate(pieces):
        wait = started + index / RATE - time.perf_counter()
        if wait > 0:
            time.sleep(wait)
        connection.sendall(piece)


def _end_with_parent() -> None:
    os.read(sys.stdin.fileno(), 1)
    os._exit(0)


def main() -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sys.stdout.write(f"http://127.0.0.1:{listener.getsockname()[1]}/v1\n")
        sys.stdout.flush()
        while True:
            connection, _ = listener.accept()
            with connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                _serve(connection)


if __name__ == "__main__":
    main()
