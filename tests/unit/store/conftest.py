"""A store in a fresh data directory, and short ways to say things in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from chatdesk.chat.messages import Message, Role, Status, new_id
from chatdesk.paths import DataDir
from chatdesk.store import Store, open_store


@dataclass(frozen=True)
class Speaker:
    """Says things in one conversation of a store."""

    store: Store
    conversation: str

    def person(self, text: str, after: Message | None = None, **given: Any) -> Message:
        return self.store.messages.add(self.message(Role.USER, text, after, **given))

    def reply(self, after: Message | None, text: str = "", **given: Any) -> Message:
        """Begin a reply."""
        given.setdefault("status", Status.STREAMING)
        return self.store.messages.begin_reply(self.message(Role.ASSISTANT, text, after, **given))

    def message(self, role: Role, text: str, after: Message | None, **given: Any) -> Message:
        values: dict[str, Any] = {
            "id": new_id(),
            "conversation_id": self.conversation,
            "parent_id": after.id if after else None,
            "role": role,
            "content": text,
            "created_at": 1_700_000_000.25,
        }
        return Message(**{**values, **given})

    def load(self) -> list[Message]:
        return self.store.messages.load(self.conversation)


@pytest.fixture
def data(tmp_path: Path) -> DataDir:
    return DataDir(tmp_path / "data")


@pytest.fixture
def opened(data: DataDir) -> Iterator[Callable[[], Store]]:
    """Opens the data directory's store, as often as it is called; all are closed at the end."""
    stores: list[Store] = []

    def open_one() -> Store:
        stores.append(open_store(data))
        return stores[-1]

    yield open_one
    for store in stores:
        store.close()


@pytest.fixture
def store(opened: Callable[[], Store]) -> Store:
    return opened()


@pytest.fixture
def say(store: Store) -> Speaker:
    """A speaker in a new conversation."""
    return Speaker(store, store.conversations.create("Test").id)


@pytest.fixture
def speaker() -> type[Speaker]:
    return Speaker
