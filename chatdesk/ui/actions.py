"""The one table of actions: menus, shortcuts, the shortcuts dialog and the palette come from it.

ACTIONS says what can be done, in the order in which it is shown. Actions makes a QAction of each
entry that a window can trigger anywhere; what a widget does with a key of its own (Enter in the
composer, Up in an empty one) is in the table too, so that it is told to the person, and stays with
the widget. An action that nobody connected is shown nowhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Literal

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QAction, QIcon, QKeySequence
from PySide6.QtWidgets import QMenu, QWidget

Scope = Literal["window", "list", "composer", "transcript", "picker"]

# In the order in which the shortcuts dialog shows them.
GROUPS = ("Conversations", "Messages", "Models", "View", "Application")

SEND_KEYS = ("Return", "Ctrl+Return")
NEWLINE_KEYS = ("Shift+Return",)


@dataclass(frozen=True, slots=True)
class Action:
    """One thing a person can do.

    id: stable name. text: a verb phrase. shortcuts: portable text ("Ctrl+N", which is Command on
    macOS), the first one is shown in menus. icon: a name of ui/icons.py, "" for none. scope: where
    the keys work; only "window" actions become QActions, the others belong to their widget. hint:
    one plain sentence for the palette where the text alone does not say enough.
    """

    id: str
    text: str
    group: str
    shortcuts: tuple[str, ...] = ()
    icon: str = ""
    scope: Scope = "window"
    hint: str = ""
    checkable: bool = False


ACTIONS: tuple[Action, ...] = (
    Action("new_chat", "New chat", "Conversations", ("Ctrl+N",), "plus"),
    Action("search", "Search conversations", "Conversations", ("Ctrl+K",), "search"),
    Action("next_chat", "Next conversation", "Conversations", ("Ctrl+Tab", "Alt+Down"), "next"),
    Action(
        "previous_chat",
        "Previous conversation",
        "Conversations",
        ("Ctrl+Shift+Tab", "Alt+Up"),
        "previous",
    ),
    Action("rename_chat", "Rename conversation", "Conversations", ("F2",), "edit"),
    Action(
        "conversation_settings",
        "Settings of this conversation",
        "Conversations",
        ("Ctrl+Shift+,",),
        "settings",
        hint="System prompt and sampling for this conversation only.",
    ),
    Action("delete_chat", "Move conversation to the trash", "Conversations", (), "trash"),
    Action(
        "delete_selected",
        "Move selected conversations to the trash",
        "Conversations",
        ("Del",),
        scope="list",
    ),
    Action("show_trash", "Show the trash", "Conversations", (), "trash", checkable=True),
    Action(
        "undo",
        "Undo",
        "Conversations",
        ("Ctrl+Z",),
        "undo",
        hint="Takes back what was just deleted or moved, while the note about it is shown.",
    ),
    Action("send", "Send the message", "Messages", SEND_KEYS, "send", scope="composer"),
    Action("newline", "New line", "Messages", NEWLINE_KEYS, scope="composer"),
    Action("edit_last", "Edit the last message", "Messages", ("Up",), "edit", scope="composer"),
    Action("focus_composer", "Write a message", "Messages", ("Ctrl+L",), "edit"),
    Action("stop", "Stop the reply", "Messages", ("Esc",), "stop", scope="composer"),
    Action("regenerate", "Write the last reply anew", "Messages", ("Ctrl+R",), "regenerate"),
    Action("copy_reply", "Copy the last reply", "Messages", ("Ctrl+Shift+C",), "copy"),
    Action("find", "Find in this conversation", "Messages", ("Ctrl+F",), "search"),
    Action("models", "Choose a model", "Models", ("Ctrl+M",), "model"),
    Action(
        "use_for_new",
        "Use the selected model for new chats",
        "Models",
        ("Ctrl+Return",),
        scope="picker",
    ),
    Action(
        "manage_models",
        "Manage models",
        "Models",
        (),
        "model",
        hint="The model files of this computer: add, look at and remove them.",
    ),
    Action(
        "providers",
        "Manage providers",
        "Models",
        (),
        "cloud",
        hint="Servers that answer with models of their own, and the keys they need.",
    ),
    Action("add_model", "Add a model file", "Models", (), "folder"),
    Action("palette", "All commands", "View", ("Ctrl+Shift+P",), "search"),
    Action("toggle_sidebar", "Show or hide the sidebar", "View", ("Ctrl+B",), "sidebar"),
    Action("larger_text", "Larger text", "View", ("Ctrl++", "Ctrl+="), "plus"),
    Action("smaller_text", "Smaller text", "View", ("Ctrl+-",)),
    Action("normal_text", "Normal text size", "View", ("Ctrl+0",)),
    Action("full_screen", "Full screen", "View", ("F11",)),
    Action("settings", "Settings", "Application", ("Ctrl+,",), "settings"),
    Action("shortcuts", "Keyboard shortcuts", "Application", ("F1",), "info"),
    Action("open_data", "Open the data folder", "Application", (), "folder"),
    Action("open_logs", "Open the log folder", "Application", (), "folder"),
    Action("about", "About Chatdesk", "Application", (), "info"),
    Action("quit", "Quit Chatdesk", "Application", ("Ctrl+Q",), "close"),
)


def native(shortcut: str) -> str:
    """A portable key as this system writes it ("Ctrl+N", "⌘N"), with short names of long keys."""
    text = QKeySequence.fromString(shortcut).toString(QKeySequence.SequenceFormat.NativeText)
    return text.replace("Return", "Enter")


def describe(action: Action) -> str:
    """A tooltip: what the action does and its key, as in "New chat (Ctrl+N)"."""
    return f"{action.text} ({native(action.shortcuts[0])})" if action.shortcuts else action.text


class Actions(QObject):
    """The window's QActions. GUI thread only.

    icon: gives a QIcon for a name; it is asked when actions are shown, for a start would wait for
    dozens of pictures. Call refresh_icons() when the theme changed. triggered(id) tells which
    action was chosen, whatever way; connect_action() is the shorter way for one action.
    """

    triggered = Signal(str)

    def __init__(
        self,
        window: QWidget,
        icon: Callable[[str], QIcon] | None = None,
        table: Iterable[Action] = ACTIONS,
    ) -> None:
        super().__init__(window)
        self._icon = icon
        self._table = {action.id: action for action in table}
        self._actions: dict[str, QAction] = {}
        self._connected: set[str] = set()
        self._stale = True  # the icons are not those of the theme there is now
        for entry in self._table.values():
            if entry.scope != "window":
                continue
            action = QAction(entry.text, window)
            action.setObjectName(f"action_{entry.id}")
            action.setData(entry.id)
            action.setShortcuts([QKeySequence.fromString(key) for key in entry.shortcuts])
            action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
            action.setCheckable(entry.checkable)
            action.setToolTip(describe(entry))
            action.setStatusTip(entry.hint)
            # Keys are known from the first moment on and do nothing until they are connected.
            action.setEnabled(False)
            action.triggered.connect(self._on_triggered)
            window.addAction(action)
            self._actions[entry.id] = action

    def __getitem__(self, action_id: str) -> QAction:
        """The QAction of a window action; KeyError where there is none."""
        return self._actions[action_id]

    def connect_action(self, action_id: str, slot: Callable[[], object]) -> QAction:
        """Let an action call slot (in the GUI thread); it can be chosen from now on."""
        action = self._actions[action_id]
        action.triggered.connect(lambda _checked=False: slot())
        self._connected.add(action_id)
        action.setEnabled(True)
        return action

    def set_possible(self, action_id: str, possible: bool) -> None:
        """Whether an action can be done now; the palette leaves out what cannot."""
        self._actions[action_id].setEnabled(possible and action_id in self._connected)

    def entries(self, enter_sends: bool = True) -> list[Action]:
        """What can be told to the person: connected actions and the widgets' own keys.

        enter_sends: the setting of that name, which decides what Enter does in the composer.
        """
        keys = {} if enter_sends else {"send": SEND_KEYS[1:], "newline": ("Return", *NEWLINE_KEYS)}
        return [
            replace(entry, shortcuts=keys.get(entry.id, entry.shortcuts))
            for entry in self._table.values()
            if entry.scope != "window" or entry.id in self._connected
        ]

    def available(self) -> list[tuple[Action, QAction]]:
        """What can be chosen now: connected and enabled, for the palette."""
        self._fetch_icons()
        return [
            (self._table[action_id], action)
            for action_id, action in self._actions.items()
            if action_id in self._connected and action.isEnabled()
        ]

    def fill(self, menu: QMenu, ids: Iterable[str]) -> QMenu:
        """Add actions to a menu ("-" is a separator); unconnected ones are left out."""
        self._fetch_icons()
        for action_id in ids:
            if action_id == "-":
                menu.addSeparator()
            elif action_id in self._connected:
                menu.addAction(self._actions[action_id])
        return menu

    def refresh_icons(self) -> None:
        """The theme is another: fetch the icons again, in its colours, when they are next shown."""
        self._stale = True

    def _fetch_icons(self) -> None:
        if self._icon is None or not self._stale:
            return
        self._stale = False
        for action_id, action in self._actions.items():
            name = self._table[action_id].icon
            if name:
                action.setIcon(self._icon(name))

    def _on_triggered(self) -> None:
        action = self.sender()
        if isinstance(action, QAction):
            self.triggered.emit(str(action.data()))
