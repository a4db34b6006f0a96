"""A message that is broken in any way costs nobody but its sender anything."""

from __future__ import annotations

import asyncio
import socket

import pytest
from nats_server import NatsServer

from chatdesk.providers.nats.connection import connect, disconnect
from chatdesk.providers.nats.login import Login


def send(server: NatsServer, *commands: bytes) -> None:
    """Say this to the server as no client library does."""
    with socket.create_connection(("127.0.0.1", server.port)) as line:
        said = line.recv(4_096)
        line.sendall(b'CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\n')
        line.sendall(b"".join(commands) + b"PING\r\n")
        while b"PONG" not in said:
            more = line.recv(4_096)
            assert more, said
            said += more


def with_header(header: bytes) -> bytes:
    return b"HPUB t.a %d %d\r\n%sx\r\n" % (len(header), len(header) + 1, header)


BROKEN = {
    "status": with_header(b"NATS/1.0 \xff\xff\xff\r\n\r\n"),
    "description": with_header(b"NATS/1.0 503 \xff\r\n\r\n"),
    "no header": with_header(b"N"),
    "empty header": with_header(b"NATS/1.0\r\n"),
    "no line": with_header(b"\xff" * 40),
    "reply": b"PUB t.a \xff\xfe 1\r\nx\r\n",
    "subject": b"PUB t.\xff\xfe 1\r\nx\r\n",
}


@pytest.mark.parametrize("what", BROKEN)
def test_who_listens_hears_the_next_message_too(nats: NatsServer, what: str) -> None:
    async def run() -> None:
        heard = asyncio.Event()

        async def hear(message: object) -> None:
            if getattr(message, "data", b"") == b"fine":
                heard.set()

        client = await connect(nats.url, Login("anna"))
        try:
            await client.subscribe("t.>", cb=hear)
            await client.flush()
            await asyncio.to_thread(send, nats, BROKEN[what], b"PUB t.b 4\r\nfine\r\n")
            await asyncio.wait_for(heard.wait(), 60)
        finally:
            await disconnect(client)

    asyncio.run(run())
