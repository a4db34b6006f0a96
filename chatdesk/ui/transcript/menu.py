"""The transcript's context menu: what can be copied here, and what can be done with the message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QGuiApplication, QKeySequence
from PySide6.QtWidgets import QMenu

from chatdesk.ui.icons import icon
from chatdesk.ui.theme import Theme
from chatdesk.ui.transcript.code import Code
from chatdesk.ui.transcript.overlay import fill_menu
from chatdesk.ui.transcript.painter import Shown

if TYPE_CHECKING:
    from chatdesk.ui.transcript.view import TranscriptView


def transcript_menu(
    view: TranscriptView, theme: Theme, entry_id: str | None, one: Shown | None, link: str
) -> QMenu:
    """A menu for a place in the view; it deletes itself when it closes."""
    menu = QMenu(view)
    menu.setObjectName("transcriptMenu")
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    if link:
        menu.addAction(icon("link", theme), "Open link").triggered.connect(
            lambda: view.link_activated.emit(link)
        )
        menu.addAction(icon("copy", theme), "Copy link address").triggered.connect(
            lambda: QGuiApplication.clipboard().setText(link)
        )
        menu.addSeparator()
    if not view.selection.empty:
        copy = menu.addAction(icon("copy", theme), "Copy selected text")
        copy.setShortcut(QKeySequence(QKeySequence.StandardKey.Copy))
        copy.setShortcutVisibleInContextMenu(True)
        copy.triggered.connect(lambda: view.copy_selection())
    if one is not None and isinstance(one.block, Code):
        message, block_id, part = one.message, one.block_id, one.block.part
        if part is not None:
            menu.addAction(icon("copy", theme), "Copy code").triggered.connect(
                lambda: view.copy_code(message, part, block_id)
            )
    everything = menu.addAction("Select all")
    everything.setShortcut(QKeySequence(QKeySequence.StandardKey.SelectAll))
    everything.setShortcutVisibleInContextMenu(True)
    everything.triggered.connect(lambda: view.select_all())
    message_of = view.content.find(entry_id) if entry_id is not None else None
    if message_of is not None:
        menu.addSeparator()
        fill_menu(menu, message_of.entry, theme)

    def chosen(action: QAction) -> None:
        data = action.data()
        if isinstance(data, (tuple, list)):
            view.act(str(data[0]), str(data[1]))

    menu.triggered.connect(chosen)
    return menu
