"""What nats-py does with broken messages and with its pings, and the client of ours does not."""

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


def test_a_flush_is_answered_after_all_that_was_said_before() -> None:
    """Otherwise nobody would know that a subscription counts, or that nobody listens."""
    said: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"server_id":"x","max_payload":1000000,"headers":true}\r\n')
        while line := await reader.readline():
            said.append(line.split(b" ")[0].strip())
            if line == b"PING\r\n":
                writer.write(b"PONG\r\n")
        writer.close()

    async def run() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        client = await connect(f"nats://127.0.0.1:{port}", Login("anna"))
        del said[:]
        subscription = await client.subscribe("t.a")
        await client.flush()
        await client.publish("t.b", b"x")
        await client.flush()
        await subscription.unsubscribe()
        await client.flush()
        await disconnect(client)
        server.close()
        await server.wait_closed()

    asyncio.run(run())
    assert said == [b"SUB", b"PING", b"PUB", b"x", b"PING", b"UNSUB", b"PING"]
