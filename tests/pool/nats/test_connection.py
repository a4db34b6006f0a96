"""What a connection to a NATS server gives away, and what is said when there is none."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from asking_desk import desk, request
from nats.aio.client import Client
from nats_server import NatsServer
from scripted_worker import STARTED, ScriptedWorker

from chatdesk.chat.events import Finished
from chatdesk.providers.nats.connection import connect, disconnect
from chatdesk.providers.nats.login import read_login
from chatdesk.providers.nats.problems import NoConnection, NotAllowed


class Impostor:
    """Answers as a NATS server does, in the clear, and keeps what it is told."""

    def __init__(self, **info: Any) -> None:
        self.info = {"server_id": "x", "max_payload": 1_000_000, "headers": True} | info
        self.heard = b""
        self.callers = 0
        self.port = 0
        self._writers: list[asyncio.StreamWriter] = []

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Impostor]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            self.drop()
            server.close()
            await server.wait_closed()

    def drop(self) -> None:
        for writer in self._writers:
            writer.close()
        self._writers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.callers += 1
        self._writers.append(writer)
        writer.write(b"INFO " + json.dumps(self.info).encode() + b"\r\n")
        while line := await reader.readline():
            self.heard += line
            if line == b"PING\r\n":
                writer.write(b"PONG\r\n")


def test_a_password_is_not_sent_to_a_tls_address_that_does_not_encrypt() -> None:
    async def run() -> None:
        async with Impostor(auth_required=True).open() as server:
            with pytest.raises(NoConnection, match="does not encrypt") as caught:
                await connect(f"tls://127.0.0.1:{server.port}", read_login("anna:the-password"))
            assert caught.value.reason == "tls"
            assert server.heard == b""

    asyncio.run(run())


def test_a_key_goes_to_no_server_that_another_one_names() -> None:
    async def run() -> None:
        async with Impostor().open() as other:
            named = [f"127.0.0.1:{other.port}"]
            async with Impostor(auth_required=True, connect_urls=named).open() as server:
                client = await connect(
                    f"nats://127.0.0.1:{server.port}", read_login("anna:the-password")
                )
                for count in range(2, 6):
                    server.drop()
                    while server.callers < count:
                        await asyncio.sleep(0.02)
                await disconnect(client)
                assert b"the-password" in server.heard
            assert (other.callers, other.heard) == (0, b"")

    asyncio.run(run())


def test_a_connection_is_closed_in_whatever_state_it_is(nats: NatsServer) -> None:
    async def run() -> None:
        client = await connect(nats.url, read_login(None))
        nats.kill()
        while client.is_connected:
            await asyncio.sleep(0.01)
        # As at the end of a loop: its tasks are cancelled, wherever they are.
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await disconnect(client)
        assert client.is_closed
        await disconnect(client)

        class Halfway(Client):
            async def close(self) -> None:
                await asyncio.sleep(0)
                raise asyncio.CancelledError

        await disconnect(Halfway())
        closing = asyncio.ensure_future(disconnect(Halfway()))
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing

    asyncio.run(run())


def test_where_nothing_listens_it_is_said() -> None:
    with pytest.raises(NoConnection) as caught:
        asyncio.run(connect("nats://127.0.0.1:1", read_login(None)))
    assert (caught.value.reason, caught.value.what) == (
        "refused",
        "Nothing listens at 127.0.0.1:1.",
    )


def test_a_name_that_nobody_has_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*asked: object, **how: object) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(NoConnection) as caught:
        asyncio.run(connect("nats://nowhere.invalid:4222", read_login(None)))
    assert caught.value.reason == "name"


def test_a_wrong_password_is_told_as_such(tmp_path: Path) -> None:
    config = 'authorization { users = [ { user: "anna", password: "right" } ] }'
    server = NatsServer(tmp_path, config).start()
    try:
        for key in ("anna:wrong", "", "a-token"):
            with pytest.raises(NoConnection) as caught:
                asyncio.run(connect(server.url, read_login(key)))
            assert caught.value.reason == "login"
            assert "wrong" not in caught.value.detail
    finally:
        server.kill()


@pytest.fixture
def tls_server(tmp_path: Path) -> Iterator[tuple[NatsServer, trustme.CA]]:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    (tmp_path / "key.pem").write_bytes(issued.private_key_pem.bytes())
    (tmp_path / "cert.pem").write_bytes(b"".join(b.bytes() for b in issued.cert_chain_pems))
    config = f'tls {{ cert_file: "{tmp_path}/cert.pem", key_file: "{tmp_path}/key.pem" }}'
    server = NatsServer(tmp_path / "nats", config).start()
    yield server, authority
    server.kill()


def test_tls_asks_for_a_certificate_that_is_trusted(
    tls_server: tuple[NatsServer, trustme.CA],
) -> None:
    server, authority = tls_server
    url = server.url.replace("nats://", "tls://")

    async def run() -> None:
        with pytest.raises(NoConnection) as caught:
            await connect(url, read_login(None))
        assert caught.value.reason == "tls"
        context = ssl.create_default_context()
        authority.configure_trust(context)
        client = await connect(url, read_login(None), tls=context)
        await disconnect(client)

    asyncio.run(run())


def test_who_may_not_ask_is_told_so(tmp_path: Path) -> None:
    config = """authorization { users = [
        { user: worker, password: w }
        { user: anna, password: a, permissions: {
            publish: ["chatdesk.*.anna", "chatdesk.*.anna.>"], subscribe: "_INBOX.anna.>" } }
        { user: bob, password: b, permissions: {
            publish: ["chatdesk.*.bobby"], subscribe: "_INBOX.bob.>" } }
    ] }"""
    server = NatsServer(tmp_path, config).start()

    async def run() -> None:
        async with (
            ScriptedWorker(server.url, key="worker:w") as worker,
            desk(server, key="anna:a") as anna,
            desk(server, key="bob:b") as bob,
        ):
            error = await bob.ask(request(conversation="c2")).error()
            assert isinstance(error, NotAllowed)
            assert "the user bob" in error.what
            heard = anna.ask()
            work = await worker.work()
            assert work.user == "anna"
            await work.say(STARTED)
            await work.finish()
            assert isinstance(await heard.end(), Finished)

    try:
        asyncio.run(run())
    finally:
        server.kill()
