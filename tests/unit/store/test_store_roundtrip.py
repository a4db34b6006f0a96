"""Whatever a person or a model writes comes back, and no order of steps breaks a promise."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from chatdesk.chat.messages import Message, Role, Status, Usage, new_id
from chatdesk.paths import DataDir
from chatdesk.store import Store, open_store
from chatdesk.store.values import storable

ANY_TEXT = st.text(st.characters())  # NUL, controls and lone surrogates are in it
FINAL = [status for status in Status if status is not Status.STREAMING]
COUNTS = st.none() | st.integers(0, 2**40)
SPEEDS = st.none() | st.floats(0, 1e9)


@contextmanager
def fresh_store() -> Iterator[Store]:
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(DataDir(Path(folder)))
        try:
            yield store
        finally:
            store.close()


@given(ANY_TEXT)
def test_stored_text_is_text_that_utf8_can_hold_and_stays_as_it_is(text: str) -> None:
    stored = storable(text)
    stored.encode()
    assert storable(stored) == stored
    if not any("\ud800" <= character <= "\udfff" for character in text):
        assert stored == text


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.sampled_from(["text", "reasoning"]), ANY_TEXT), max_size=8),
    st.sampled_from(FINAL),
    st.none() | st.builds(Usage, COUNTS, COUNTS, COUNTS, SPEEDS, SPEEDS, st.booleans()),
    ANY_TEXT,
)
def test_any_text_comes_back_as_it_was_written(
    pieces: list[tuple[str, str]], status: Status, usage: Usage | None, text: str
) -> None:
    with fresh_store() as store:
        made = store.conversations.create(
            text, system_prompt=text, parameters={"stop": [text]}, model=text
        )
        draft = store.conversations.set_draft(made.id, text)
        assert store.conversations.list() == [draft]
        assert {draft.title, draft.system_prompt, draft.model, draft.draft} == {storable(text)}
        asked = store.messages.add(Message(new_id(), made.id, None, Role.USER, text, 0.1))
        reply = Message(
            new_id(), made.id, asked.id, Role.ASSISTANT, text, 0.2, status=Status.STREAMING
        )
        reply = store.messages.begin_reply(reply)
        for kind, piece in pieces:
            store.messages.append(reply.id, "text" if kind == "text" else "reasoning", piece)
        grown = store.messages.get(reply.id)
        assert grown.content == storable(text) + "".join(
            storable(piece) for kind, piece in pieces if kind == "text"
        )
        assert grown.reasoning == "".join(
            storable(piece) for kind, piece in pieces if kind == "reasoning"
        )
        end = replace(grown, status=status, usage=usage, error=text, provider=text)
        end = store.messages.finish(end)
        stored = storable(text)
        assert end == replace(grown, status=status, usage=usage, error=stored, provider=stored)
        assert store.messages.load(made.id) == [asked, end]


class Life(RuleBasedStateMachine):
    """Messages are added, grow, end, are hidden and shown, and the store is opened anew.

    A finished message is always there exactly as it ended; a parent is always above its children.
    """

    messages = Bundle("messages")
    growing = Bundle("growing")

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self._data = DataDir(Path(self._folder.name))
        self._store = open_store(self._data)
        self._conversations = [self._store.conversations.create().id for _ in range(2)]
        self._known: dict[str, Message] = {}

    def teardown(self) -> None:
        self._store.close()
        self._folder.cleanup()

    def _note(self, message: Message) -> str:
        self._known[message.id] = message
        return message.id

    def _new(self, place: int, parent: str | None, role: Role, status: Status) -> Message:
        conversation = self._known[parent].conversation_id if parent else self._conversations[place]
        return Message(new_id(), conversation, parent, role, "x", 1.0, status=status)

    @rule(target=messages, place=st.integers(0, 1), parent=st.none() | messages)
    def add(self, place: int, parent: str | None) -> str:
        message = self._new(place, parent, Role.USER, Status.COMPLETE)
        return self._note(self._store.messages.add(message))

    @rule(target=growing, parent=messages)
    def begin(self, parent: str) -> str:
        message = self._new(0, parent, Role.ASSISTANT, Status.STREAMING)
        return self._note(self._store.messages.begin_reply(message))

    @rule(reply=growing, text=ANY_TEXT)
    def grow(self, reply: str, text: str) -> None:
        known = self._known[reply]
        if known.status is Status.STREAMING:
            self._store.messages.append(reply, "text", text)
            self._note(replace(known, content=known.content + storable(text)))

    @rule(target=messages, reply=consumes(growing), status=st.sampled_from(FINAL))
    def finish(self, reply: str, status: Status) -> str:
        known = self._known[reply]
        if known.status is Status.STREAMING:
            self._note(self._store.messages.finish(replace(known, status=status)))
        return reply

    @rule(branch=messages)
    def hide_and_show(self, branch: str) -> None:
        conversation = self._known[branch].conversation_id
        self._store.messages.delete_branch(branch)
        shown = {message.id for message in self._store.messages.load(conversation)}
        assert branch not in shown
        assert all(m.parent_id in shown | {None} for m in map(self._known.get, shown) if m)
        self._store.messages.restore_branch(branch)

    @rule()
    def open_anew(self) -> None:
        self._store.close()
        self._store = open_store(self._data)
        for message in list(self._known.values()):
            if message.status is Status.STREAMING:
                self._note(replace(message, status=Status.INTERRUPTED))

    @invariant()
    def all_is_there_as_it_was(self) -> None:
        found = [m for c in self._conversations for m in self._store.messages.load(c)]
        assert {message.id: message for message in found} == self._known

    @invariant()
    def finished_rows_refuse_any_change(self) -> None:
        for message in self._known.values():
            if message.status is not Status.STREAMING:
                with pytest.raises(apsw.ConstraintError), self._store.database.transaction():
                    self._store.database.rows(
                        "UPDATE messages SET content = content WHERE id = ?", (message.id,)
                    )
                break


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=15, stateful_step_count=25)
