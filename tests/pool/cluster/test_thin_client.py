"""A thin client where nobody answers: what its user is told, and what is sent again."""

from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path

import pytest
from nats.aio.client import Client
from nats_server import NatsServer

from chatdesk.chat.events import Delta, Event, Finished, Waiting
from chatdesk.chat.messages import new_id
from chatdesk.cluster import thin_client
from chatdesk.cluster.prompts import Prompt, decode_prompt
from chatdesk.cluster.streams import make_streams, prompts_stream
from chatdesk.cluster.supervisor import check_bytewax
from chatdesk.cluster.thin_client import talk
from chatdesk.errors import ChatdeskError, NotFound, ProviderError, UsageError
from chatdesk.providers.nats.attempt import ServerGone
from chatdesk.providers.nats.connection import connect, disconnect
from chatdesk.providers.nats.login import Login, read_login
from chatdesk.providers.nats.subjects import Subjects
from chatdesk.providers.nats.wire import Told, encode_told


async def heard(
    client: Client, subjects: Subjects, prompt: Prompt, enough: int = 100
) -> list[Event]:
    events: list[Event] = []
    async with asyncio.timeout(60):
        async for event in talk(client, subjects, "anna", prompt):
            events.append(event)
            if len(events) == enough:
                break
    return events


async def refusal(url: str, prompt: Prompt, *, streams: bool = True) -> ChatdeskError:
    subjects = Subjects(f"t-{new_id()}")
    client = await connect(url, Login("anna"))
    try:
        if streams:
            await make_streams(client.jetstream(), subjects)
        with pytest.raises(ChatdeskError) as caught:
            await heard(client, subjects, prompt)
        return caught.value
    finally:
        await disconnect(client)


def test_where_no_cluster_ever_was_it_is_told(server: NatsServer) -> None:
    error = asyncio.run(refusal(server.url, Prompt("Hi"), streams=False))
    assert isinstance(error, ProviderError) and "No cluster has ever run" in error.what


def test_what_no_server_carries_is_told_and_not_waited_for(server: NatsServer) -> None:
    error = asyncio.run(refusal(server.url, Prompt("x" * 1_100_000)))
    assert isinstance(error, UsageError) and "larger than the NATS server takes" in error.what


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thin_client, "SILENCE_S", 0.1)


def test_who_may_not_ask_is_told_so(tmp_path: Path, soon: None) -> None:
    config = """authorization { users = [ { user: anna, password: a, permissions: {
        publish: ["other.>"], subscribe: "_INBOX.anna.>" } } ] }"""
    server = NatsServer(tmp_path, config).start()

    async def run() -> None:
        client = await connect(server.url, read_login("anna:a"))
        try:
            with pytest.raises(ProviderError, match="does not let the user anna ask"):
                await heard(client, Subjects(), Prompt("Hi"))
        finally:
            await disconnect(client)

    try:
        asyncio.run(run())
    finally:
        server.stop()


def test_a_connection_that_is_closed_for_good_ends_the_wait(server: NatsServer, soon: None) -> None:
    async def run() -> None:
        subjects = Subjects(f"t-{new_id()}")
        client = await connect(server.url, Login("anna"))
        await make_streams(client.jetstream(), subjects)
        waiting = asyncio.create_task(heard(client, subjects, Prompt("Hi")))
        await asyncio.sleep(0)
        await disconnect(client)
        with pytest.raises(ServerGone):
            await waiting

    asyncio.run(run())


def test_a_prompt_is_sent_again_under_the_same_id_until_somebody_speaks(
    server: NatsServer, soon: None
) -> None:
    async def run() -> None:
        subjects = Subjects(f"t-{new_id()}")
        client = await connect(server.url, Login("anna"))
        js = client.jetstream()
        await make_streams(js, subjects)
        prompt = Prompt("Hi")
        asking = asyncio.create_task(heard(client, subjects, prompt))
        while (await js.stream_info(prompts_stream(subjects))).state.messages < 3:
            await asyncio.sleep(0.05)
        for number in (1, 2, 3):
            kept = await js.get_msg(prompts_stream(subjects), seq=number)
            assert decode_prompt(kept.data or b"") == prompt
        for number, event in enumerate((Delta("text", "Hello"), Finished("stop"))):
            told = encode_told(Told(prompt.id, "attempt", number, event))
            await client.publish(subjects.replies("anna", prompt.id), told)
        events = await asking
        assert events[-2:] == [Delta("text", "Hello"), Finished("stop")]
        assert all(isinstance(event, Waiting) for event in events[:-2]) and len(events) > 3
        await disconnect(client)

    asyncio.run(run())


def test_without_bytewax_it_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(NotFound, match=r"chatdesk\[cluster\]"):
        check_bytewax()
