"""Chat with a model at a provider, in a script and in a notebook."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from recording_server import Recorder, chunks, recording

from chatdesk import Chat
from chatdesk.errors import NotFound, ProviderError
from chatdesk.paths import DataDir
from chatdesk.providers.profiles import Profiles


@pytest.fixture
def server() -> Iterator[Recorder]:
    with recording() as recorder:
        yield recorder


@pytest.fixture
def profiles(data_path: Path, server: Recorder) -> Profiles:
    """The provider "House" with the model "small"."""
    profiles = Profiles(DataDir(data_path).create())
    profiles.add(
        "House", "custom", base_url=server.base_url, needs_key=False, default_model="small"
    )
    return profiles


def said(server: Recorder) -> list[str]:
    return [message["content"] for message in server.chat.body["messages"]]


@pytest.mark.usefixtures("profiles")
def test_a_provider_s_model_answers_turn_by_turn(server: Recorder) -> None:
    with Chat(model="house:big", system="Be brief.", temperature=0.5, max_tokens=9) as chat:
        assert list(chat.stream("Hello?")) == ["Yes", "."]
        assert chat.send("And?") == "Yes."
    assert said(server) == ["Be brief.", "Hello?", "Yes.", "And?"]
    body = server.chat.body
    assert (body["model"], body["temperature"]) == ("big", 0.5)


@pytest.mark.usefixtures("profiles")
def test_a_provider_alone_is_its_default_model(server: Recorder) -> None:
    with Chat(model="house:") as chat:
        chat.send("Hello?")
    assert server.chat.body["model"] == "small"


@pytest.mark.usefixtures("profiles")
def test_it_works_where_a_loop_runs_already_as_in_a_notebook() -> None:
    async def cell() -> str:
        with Chat(model="house:") as chat:
            return chat.send("Hello?")

    assert asyncio.run(cell()) == "Yes."


@pytest.mark.usefixtures("profiles")
def test_leaving_the_loop_early_ends_the_reply(server: Recorder) -> None:
    with Chat(model="house:") as chat:
        for piece in chat.stream("Hello?"):
            assert piece == "Yes"
            break
        assert chat.messages[-1]["content"] == "Yes"


@pytest.mark.usefixtures("profiles")
def test_an_unknown_provider_is_told_and_no_local_model_is_taken() -> None:
    with Chat(model="hose:big") as chat, pytest.raises(NotFound, match='no provider "hose"'):
        chat.send("Hello?")


def test_a_server_that_is_not_there_leaves_no_turn(profiles: Profiles) -> None:
    profiles.add("Away", "custom", base_url="http://127.0.0.1:9/v1", needs_key=True)
    with Chat(model="away:big") as chat:
        with pytest.raises(ProviderError, match="no key"):
            chat.send("Hello?")
        assert chat.messages == []


def test_a_key_comes_from_the_environment_after_opting_in(
    data_path: Path, server: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-the-key-of-this-test")
    profiles = Profiles(DataDir(data_path).create())
    for name, opted_in in (("With", True), ("Without", False)):
        profiles.add(
            name,
            "openai",
            base_url=server.base_url,
            needs_key=False,
            default_model="small",
            use_environment=opted_in,
        )
        with Chat(model=f"{name}:") as chat:
            chat.send("Hello?")
        sent = server.chat.headers.get("authorization")
        assert sent == ("Bearer sk-the-key-of-this-test" if opted_in else None)


def test_a_notice_is_a_warning_in_the_log(
    data_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from chatdesk.chat.events import Finished, Notice
    from chatdesk.chat.provider import Deliver, Request
    from chatdesk.headless import Pumped
    from chatdesk.providers.scripted import ScriptedProvider

    class Noting(ScriptedProvider):
        def start(self, request: Request, deliver: Deliver):  # type: ignore[no-untyped-def]
            deliver(Notice("House does not take min_p: it was left out."))
            deliver(Finished("stop"))
            return super().start(request, lambda event: None)

    class NotingChat(Chat):
        def _engine(self) -> Pumped:
            return Noting()

    with caplog.at_level(logging.WARNING), NotingChat() as chat:
        assert chat.send("Hello?") == ""
    assert caplog.messages == ["House does not take min_p: it was left out."]


def test_reasoning_is_not_part_of_the_reply(data_path: Path) -> None:
    with recording(chunks("<think>Hm.</think>", "Yes.")) as server:
        Profiles(DataDir(data_path).create()).add(
            "House", "custom", base_url=server.base_url, needs_key=False
        )
        with Chat(model="house:big") as chat:
            assert chat.send("Hello?").strip() == "Yes."
