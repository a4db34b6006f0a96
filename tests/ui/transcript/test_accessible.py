"""What a screen reader meets: a list of messages with names, states and actions."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtGui import QAccessible
from pytestqt.qtbot import QtBot

from chatdesk.chat.messages import Role, Status
from chatdesk.ui.theme import Theme
from chatdesk.ui.transcript import Entry, TranscriptView
from chatdesk.ui.transcript.accessible import MessageItem, spoken

ENTRIES = [
    Entry("1", Role.USER, "Hello"),
    Entry("2", Role.ASSISTANT, "Hi there", name="SmolLM2", meter="41 tok/s"),
    Entry("3", Role.ASSISTANT, "", name="SmolLM2", status=Status.FAILED, error="It failed."),
]


def test_messages_are_list_items_that_say_who_speaks_and_what(view: TranscriptView) -> None:
    view.set_entries(ENTRIES)
    found = QAccessible.queryAccessibleInterface(view)
    assert found.role() == QAccessible.Role.List
    items = [found.child(index) for index in range(3)]
    assert [item.role() for item in items] == [QAccessible.Role.ListItem] * 3
    assert [item.text(QAccessible.Text.Name) for item in items] == [
        "Your message: Hello",
        "Reply from SmolLM2, complete: Hi there",
        "Reply from SmolLM2, failed: It failed.",
    ]
    assert [found.indexOfChild(item) for item in items] == [0, 1, 2]
    assert found.child(99) is None
    assert found.childCount() > 3, "the buttons are there too"


def test_an_action_can_be_done_by_its_name(view: TranscriptView) -> None:
    asked: list[tuple[str, str]] = []
    view.action_requested.connect(lambda entry_id, action: asked.append((entry_id, action)))
    view.set_entries(ENTRIES)
    item = QAccessible.queryAccessibleInterface(view).child(1)
    actions = item.actionInterface()
    assert "New reply" in actions.actionNames()
    actions.doAction("New reply")
    assert asked == [("2", "regenerate")]
    assert item.valueInterface() is None, "an unknown interface is none, not a crash"


def test_an_item_whose_message_went_away_is_invalid(view: TranscriptView) -> None:
    view.set_entries(ENTRIES)
    item = QAccessible.queryAccessibleInterface(view).child(1)
    assert isinstance(item, MessageItem) and item.isValid()
    view.set_entries(ENTRIES[:1])
    assert not item.isValid() and item.text(QAccessible.Text.Name) == ""


def test_nothing_stays_in_the_cache_after_the_view(qtbot: QtBot, theme: Theme) -> None:
    view = TranscriptView(theme)
    view.set_entries(ENTRIES)
    found = QAccessible.queryAccessibleInterface(view)
    ids = [QAccessible.uniqueId(found.child(index)) for index in range(3)]
    del found
    view.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert [QAccessible.accessibleInterface(one) for one in ids] == [None] * 3


def test_long_messages_are_named_by_their_beginning() -> None:
    entry = Entry("1", Role.ASSISTANT, "word " * 1_000, name="M")
    name = spoken(entry, entry.content, 100)
    assert name.startswith("Reply from M, complete: word") and len(name) < 140
