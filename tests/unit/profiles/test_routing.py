"""Where a request goes: to whom its model names, and to nobody else."""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import replace

import pytest

from chatdesk.chat.events import Event, Finished
from chatdesk.chat.messages import Role
from chatdesk.chat.provider import Deliver, PromptMessage, Request, Run
from chatdesk.errors import ProviderError
from chatdesk.headless import Everyone, Worker
from chatdesk.paths import DataDir
from chatdesk.providers.profiles import Profiles
from chatdesk.providers.router import Router
from chatdesk.providers.scripted import ScriptedProvider


class Server:
    """A remote provider that answers at once, in its own name."""

    def __init__(self) -> None:
        self.models: list[str | None] = []
        self.closed = 0
        self.refusing = False

    def start(self, request: Request, deliver: Deliver) -> Run:
        self.models.append(request.model)
        if self.refusing:
            raise ProviderError("The server is away.")
        run = ScriptedProvider(["from the server"]).start(request, lambda event: None)
        deliver(Finished("stop"))
        return run

    def close(self) -> bool:
        self.closed += 1
        return True


def asking(model: str | None) -> Request:
    return Request("c", (PromptMessage(Role.USER, "Hi"),), model=model)


def ignore(event: Event) -> None: ...


# -- the router -----------------------------------------------------------------------------------


def test_the_model_decides(profiles: Profiles) -> None:
    mistral = profiles.add("Mistral", "mistral")
    local, remote = Server(), Server()
    router = Router(local, remote, profiles)
    for model in (None, "", "SmolLM2", "C:\\a.gguf", "nosuch:model"):
        router.start(asking(model), ignore)
    assert (len(local.models), remote.models) == (5, [])
    for model in ("mistral:big", f"{mistral.id}:", "Mistral:a:b"):
        router.start(asking(model), ignore)
    assert (len(local.models), len(remote.models)) == (5, 3)


def test_whoever_was_chosen_and_fails_is_not_replaced(profiles: Profiles) -> None:
    profiles.add("Mistral", "mistral")
    local, remote = Server(), Server()
    remote.refusing = local.refusing = True
    router = Router(local, remote, profiles)
    with pytest.raises(ProviderError):
        router.start(asking("mistral:big"), ignore)
    with pytest.raises(ProviderError):
        router.start(asking(None), ignore)
    assert (local.models, remote.models) == ([None], ["mistral:big"])


def test_a_provider_removed_by_another_process_is_not_asked(
    profiles: Profiles, data: DataDir
) -> None:
    mistral = profiles.add("Mistral", "mistral")
    local, remote = Server(), Server()
    Profiles(data).remove(mistral.id)
    Router(local, remote, profiles).start(asking(f"{mistral.id}:big"), ignore)
    assert remote.models == []


# -- one of each, made when it is needed ----------------------------------------------------------


class Made:
    """Makes both sides and remembers which."""

    def __init__(self) -> None:
        self.local = ScriptedProvider(["from here"])
        self.remote = Server()
        self.made: list[str] = []

    def make_local(self) -> ScriptedProvider:
        self.made.append("local")
        return self.local

    def make_remote(self) -> Server:
        self.made.append("remote")
        return self.remote


@pytest.fixture
def made() -> Made:
    return Made()


@pytest.fixture
def everyone(made: Made, profiles: Profiles) -> Everyone:
    profiles.add("Mistral", "mistral")
    return Everyone(made.make_local, made.make_remote, profiles)


def last(worker: Worker, model: str | None) -> Event:
    return list(worker.events(asking(model)))[-1]


def test_a_remote_reply_makes_no_local_model(everyone: Everyone, made: Made) -> None:
    with Worker(everyone) as worker:
        everyone.load("mistral:big")
        assert isinstance(last(worker, "mistral:big"), Finished)
        assert made.made == ["remote"]
    assert made.remote.closed == 1


def test_a_local_reply_makes_nothing_that_talks_to_servers(everyone: Everyone, made: Made) -> None:
    with Worker(everyone) as worker:
        everyone.load(None)
        assert isinstance(last(worker, None), Finished)
        assert isinstance(last(worker, "SmolLM2"), Finished)
    assert made.made == ["local"]


def test_both_serve_side_by_side(everyone: Everyone, made: Made) -> None:
    with Worker(everyone) as worker:
        for model in (None, "mistral:big", None):
            assert isinstance(last(worker, model), Finished)
    assert sorted(made.made) == ["local", "remote"]


def test_without_a_request_it_ends_at_once(everyone: Everyone, made: Made) -> None:
    with Worker(everyone):
        pass
    assert made.made == []


def test_after_the_end_nothing_is_made(everyone: Everyone, made: Made) -> None:
    everyone.shutdown()
    everyone.shutdown()
    everyone.pump()
    for model in (None, "mistral:big"):
        with pytest.raises(ProviderError):
            everyone.start(asking(model), ignore)
    assert made.made == []


def test_a_start_and_an_end_at_the_same_time_leave_no_thread(
    everyone: Everyone, made: Made
) -> None:
    pumping = threading.Thread(target=everyone.pump)
    pumping.start()
    everyone.start(asking(None), ignore)
    everyone.shutdown()
    pumping.join(20)
    assert not pumping.is_alive()


def test_a_changed_provider_is_known_at_once(everyone: Everyone, made: Made, data: DataDir) -> None:
    other = Profiles(data)
    other.change(replace(other.find("mistral"), name="Work"))
    with Worker(everyone) as worker:
        assert isinstance(last(worker, "work:big"), Finished)
    assert made.made == ["remote"]


def test_what_is_slow_to_import_waits_until_it_is_needed() -> None:
    """The command line and Chat start without what talks to servers, keyrings and models."""
    code = (
        "import sys\n"
        "import chatdesk.chatbot, chatdesk.headless\n"
        "import chatdesk.cli.ask, chatdesk.cli.chat, chatdesk.cli.providers\n"
        "slow = ('openai', 'httpx2', 'huggingface_hub', 'truststore', 'keyring', 'llama_cpp')\n"
        "print([name for name in slow if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"
