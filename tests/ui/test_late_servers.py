"""What talks to servers is made when it is first needed, and ends with the window."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from faults import faulty, good

from chatdesk.app import LateServers
from chatdesk.chat.events import Event
from chatdesk.chat.messages import Role
from chatdesk.chat.provider import PromptMessage, Request
from chatdesk.credentials import Keys
from chatdesk.errors import ProviderError
from chatdesk.paths import DataDir
from chatdesk.providers.profiles import Accounts, Profiles

PATIENCE_S = 30.0


@pytest.fixture
def accounts(tmp_path: Path) -> Accounts:
    data = DataDir(tmp_path / "data")
    data.create()
    return Accounts(Profiles(data), Keys(data))


def test_the_window_starts_without_what_talks_to_servers() -> None:
    code = (
        "import sys, chatdesk.app\n"
        "heavy = {'openai', 'httpx2', 'keyring', 'truststore', 'huggingface_hub'}\n"
        "found = heavy & set(sys.modules) | {m for m in sys.modules if '.remote' in m}\n"
        "sys.exit(' '.join(sorted(found)) or None)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_it_answers_lists_and_tests_like_the_real_one(accounts: Accounts) -> None:
    servers = LateServers(accounts)
    with faulty(good("Yes")) as server:
        profile = accounts.profiles.add(
            "Mistral", "custom", base_url=server.base_url, needs_key=False
        )
        assert [m.id for m in servers.models(profile).result(PATIENCE_S)] == ["model"]
        assert servers.test(profile).result(PATIENCE_S).ok
        events: list[Event] = []
        message = PromptMessage(Role.USER, "Hello")
        run = servers.start(Request("c", (message,), model=f"{profile.id}:model"), events.append)
        assert run.id
        assert servers.close()


def test_closed_it_begins_nothing(accounts: Accounts) -> None:
    servers = LateServers(accounts)
    assert servers.close()
    with pytest.raises(ProviderError, match="closing"):
        servers.start(Request("c", (PromptMessage(Role.USER, "Hello"),), model="a:b"), print)
