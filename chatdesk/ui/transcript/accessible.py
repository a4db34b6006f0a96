"""What assistive technology sees: a list of messages, each with its state, text and actions.

Interfaces are made when somebody asks for them and kept as long as the view, because Qt's cache
holds bare pointers to them. A reply is announced once, when it is finished, and never token by
token. GUI thread only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QObject, QPoint, QRect
from PySide6.QtGui import (
    QAccessible,
    QAccessibleActionInterface,
    QAccessibleAnnouncementEvent,
    QAccessibleEvent,
    QAccessibleInterface,
)
from PySide6.QtWidgets import QAccessibleWidget
from shiboken6 import Shiboken

from chatdesk.ui.transcript.entries import Entry, actions, label, origin
from chatdesk.ui.transcript.overlay import WORDS

if TYPE_CHECKING:
    from chatdesk.ui.transcript.view import TranscriptView

# A name is spoken as a whole; the full text is the item's value.
NAME_CHARACTERS = 1_000
ANNOUNCED_CHARACTERS = 400
_INSTALLED = "chatdeskTranscriptAccessible"


class MessageList(QAccessibleWidget):
    """The view: its messages come first, then its widgets (action rows, scroll bar)."""

    def __init__(self, view: TranscriptView) -> None:
        super().__init__(view, QAccessible.Role.List, "Messages")
        self._view = view
        self._items: dict[str, MessageItem] = {}
        view.destroyed.connect(_forgetting(self._items))

    def item(self, entry_id: str) -> MessageItem:
        """The interface of a message."""
        found = self._items.get(entry_id)
        if found is None:
            found = self._items[entry_id] = MessageItem(self._view, self, entry_id)
        return found

    def childCount(self) -> int:
        return len(self._view.content) + super().childCount()

    def child(self, index: int) -> QAccessibleInterface:
        messages = self._view.content.messages
        if 0 <= index < len(messages):
            return self.item(messages[index].entry.id)
        return super().child(index - len(messages))

    def indexOfChild(self, child: QAccessibleInterface) -> int:
        if isinstance(child, MessageItem):
            index = self._view.content.index(child.entry_id)
            return -1 if index is None else index
        found = super().indexOfChild(child)
        return found + len(self._view.content) if found >= 0 else -1

    def childAt(self, x: int, y: int) -> QAccessibleInterface:
        point = self._view.viewport().mapFromGlobal(QPoint(x, y))
        one = self._view.pointer.unit_at(point)
        if one is not None and self._view.viewport().rect().contains(point):
            return self.item(one.message.entry.id)
        return super().childAt(x, y)

    def focusChild(self) -> QAccessibleInterface:
        focused = self._view.focused_entry
        if self._view.hasFocus() and focused is not None:
            return self.item(focused)
        return super().focusChild()


class MessageItem(QAccessibleInterface):
    """One message."""

    def __init__(self, view: TranscriptView, parent: MessageList, entry_id: str) -> None:
        super().__init__()
        self.entry_id = entry_id
        self._view = view
        self._parent = parent
        self._actions = MessageActions(self)

    @property
    def view(self) -> TranscriptView:
        return self._view

    @property
    def entry(self) -> Entry | None:
        """The entry, None when it is shown no more."""
        message = self._view.content.find(self.entry_id)
        return message.entry if message is not None else None

    def isValid(self) -> bool:
        return Shiboken.isValid(self._view) and self.entry is not None

    def object(self) -> QObject:
        return None  # type: ignore[return-value]

    def parent(self) -> QAccessibleInterface:
        return self._parent

    def child(self, index: int) -> QAccessibleInterface:
        return None  # type: ignore[return-value]

    def childAt(self, x: int, y: int) -> QAccessibleInterface:
        return None  # type: ignore[return-value]

    def childCount(self) -> int:
        return 0

    def indexOfChild(self, child: QAccessibleInterface) -> int:
        return -1

    def role(self) -> QAccessible.Role:
        return QAccessible.Role.ListItem

    def text(self, kind: QAccessible.Text) -> str:
        entry = self.entry
        if entry is None:
            return ""
        if kind == QAccessible.Text.Name:
            return spoken(entry, self._view.text_of(self.entry_id), NAME_CHARACTERS)
        if kind == QAccessible.Text.Value:
            return self._view.text_of(self.entry_id)
        if kind == QAccessible.Text.Description:
            parts = (self._activity(), origin(entry), entry.time, entry.meter)
            return ", ".join(part for part in parts if part)
        return ""

    def _activity(self) -> str:
        """What a reply being written waits for."""
        message = self._view.content.find(self.entry_id)
        return message.activity[0] if message is not None and message.entry.streaming else ""

    def setText(self, kind: QAccessible.Text, text: str) -> None:
        return

    def rect(self) -> QRect:
        index = self._view.content.index(self.entry_id)
        if index is None:
            return QRect()
        top, height = self._view.heights_of(index)
        corner = self._view.viewport().mapToGlobal(QPoint(self._view.column_left, top))
        return QRect(corner.x(), corner.y(), self._view.content.width, height)

    def state(self) -> QAccessible.State:
        state = QAccessible.State()
        state.focusable = state.readOnly = state.multiLine = state.selectableText = 1
        entry = self.entry
        if entry is None:
            state.invalid = 1
            return state
        state.focused = int(self._view.hasFocus() and self._view.focused_entry == self.entry_id)
        state.busy = int(entry.streaming)
        index = self._view.content.index(self.entry_id) or 0
        top, height = self._view.heights_of(index)
        state.offscreen = int(top + height <= 0 or top >= self._view.viewport().height())
        return state

    def interface_cast(self, kind: QAccessible.InterfaceType) -> int:
        if kind == QAccessible.InterfaceType.ActionInterface:
            return Shiboken.VoidPtr(Shiboken.getCppPointer(self._actions)[0])  # type: ignore[return-value]
        # None would be read as a pointer.
        return Shiboken.VoidPtr(0)  # type: ignore[return-value]


class MessageActions(QAccessibleActionInterface):
    """What can be done with a message, by the names its buttons have."""

    def __init__(self, item: MessageItem) -> None:
        super().__init__()
        self._item = item

    def _names(self) -> dict[str, str]:
        entry = self._item.entry
        return {WORDS[name][0]: name for name in actions(entry)} if entry is not None else {}

    def actionNames(self) -> list[str]:
        return [self.setFocusAction(), *self._names()]

    def localizedActionName(self, name: str) -> str:
        return name

    def localizedActionDescription(self, name: str) -> str:
        return name

    def doAction(self, name: str) -> None:
        view, entry_id = self._item.view, self._item.entry_id
        if name == self.setFocusAction():
            view.setFocus()
            view.focus_entry(entry_id, keyboard=True)
            return
        action = self._names().get(name)
        if action is not None:
            view.act(entry_id, action)

    def keyBindingsForAction(self, name: str) -> list[str]:
        return []


def spoken(entry: Entry, text: str, most: int) -> str:
    """A message as it is read out: who and in what state, what went wrong, then what it says."""
    if entry.error:
        text = " ".join(part for part in (entry.error, entry.error_advice, text) if part)
    if len(text) > most:
        text = text[:most].rsplit(" ", 1)[0] + " \u2026"
    return f"{label(entry)}: {text}" if text else label(entry)


def announce(view: TranscriptView, entry: Entry) -> None:
    """Say that a reply is finished, once."""
    if QAccessible.isActive():
        message = spoken(entry, view.text_of(entry.id), ANNOUNCED_CHARACTERS)
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(view, message))


def say(view: TranscriptView, text: str) -> None:
    """Say something that the view shows and that the person waits for."""
    if QAccessible.isActive():
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(view, text))


def tell_focus(view: TranscriptView, index: int) -> None:
    """Say which message the keyboard is at."""
    if QAccessible.isActive():
        event = QAccessibleEvent(view, QAccessible.Event.Focus)
        event.setChild(index)
        QAccessible.updateAccessibility(event)


def install(application: QCoreApplication) -> None:
    """Let Qt ask make() for interfaces; once for an application."""
    if not application.property(_INSTALLED):
        application.setProperty(_INSTALLED, True)
        QAccessible.installFactory(make)


def make(class_name: str, thing: QObject) -> QAccessibleInterface | None:
    """The interface of a TranscriptView, None for any other class."""
    if class_name != "TranscriptView":
        return None
    interface: QAccessibleInterface = thing.accessible()  # type: ignore[attr-defined]
    return interface


def _forgetting(items: dict[str, MessageItem]) -> Callable[[], None]:
    """Take items out of Qt's cache, which would keep pointers to them after their end."""

    def forget() -> None:
        while items:
            _id, item = items.popitem()
            QAccessible.deleteAccessibleInterface(QAccessible.uniqueId(item))

    return forget
