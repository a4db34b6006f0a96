"""What each action of the table does: menus, shortcuts, dialogs.

A dialog's module is imported when it is first opened: together they would add a tenth to the time
until a person can type.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QPoint, Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QDialog, QFileDialog, QMenu

from chatdesk.library import Library
from chatdesk.paths import DataDir
from chatdesk.settings import SettingsFile, option
from chatdesk.store import Store
from chatdesk.ui.actions import Actions
from chatdesk.ui.icons import icon
from chatdesk.ui.main_window import MainWindow
from chatdesk.ui.theme import Theme

if TYPE_CHECKING:
    from chatdesk.providers.profiles import Accounts
    from chatdesk.ui.controller.answering import Question
    from chatdesk.ui.controller.catalogue import Servers
    from chatdesk.ui.controller.desk import Desk

MENU = (
    "rename_chat",
    "conversation_settings",
    "delete_chat",
    "-",
    "models",
    "manage_models",
    "providers",
    "-",
    "palette",
    "settings",
    "shortcuts",
    "about",
)


class Commands(QObject):
    """Makes the window's QActions and does what they say. GUI thread only."""

    def __init__(
        self,
        desk: Desk,
        window: MainWindow,
        theme: Theme,
        data: DataDir,
        settings: SettingsFile,
        store: Store,
        library: Library,
        accounts: Accounts,
        servers: Servers,
    ) -> None:
        super().__init__(desk)
        self._desk = desk
        self._window = window
        self._theme = theme
        self._data = data
        self._settings = settings
        self._store = store
        self._library = library
        self._accounts = accounts
        self._servers = servers
        self.actions = Actions(window, lambda name: icon(name, theme))
        theme.changed.connect(self.actions.refresh_icons)
        self._connect()

    def menu(self, position: QPoint) -> None:
        """Open the window's menu with its upper right corner at a point of the screen."""
        menu = QMenu(self._window)
        self.actions.fill(menu, MENU)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(position - QPoint(menu.sizeHint().width(), 0))

    def show_picker(self) -> None:
        """Open the list of models to choose from, below the model button; or close it."""
        from chatdesk.ui.model_picker.picker import ModelPicker

        window, choosing = self._window, self._desk.choosing
        shown = window.findChild(ModelPicker)
        if shown is not None and shown.isVisible():
            shown.reject()
            return
        picker = ModelPicker(self._theme, window, below=window.header.model_button)
        picker.models_requested.connect(self.show_models)
        picker.providers_requested.connect(self.show_providers)
        choosing.serve(picker)
        self._open(picker)

    def show_providers(
        self, profile_id: str = "", over: QDialog | None = None, *, key: bool = False
    ) -> None:
        """Open the manager of the providers, at this one.

        over: the dialog it was asked for in. key: what is wanted is to give it a key.
        """
        from chatdesk.ui.providers import ProvidersDialog

        parent = over or self._window
        dialog = ProvidersDialog(self._accounts, self._servers, self._theme, parent)
        dialog.editor.key_given.connect(self._desk.key_given)
        dialog.editor.removed.connect(self._desk.provider_removed)
        if profile_id:
            dialog.select(profile_id, key=key)
        self._open(dialog)

    def ask_consent(self, question: Question) -> None:
        """Ask whether a conversation may be sent; nothing happens unless the person agrees."""
        from chatdesk.ui.consent import ConsentDialog

        dialog = ConsentDialog(
            question.profile,
            question.told,
            question.before,
            question.stay,
            self._theme,
            self._window,
        )
        dialog.accepted.connect(question.yes)
        self._open(dialog)

    def show_models(self) -> None:
        """Open the model manager."""
        from chatdesk.ui.models import ModelsDialog

        models = self._desk.models
        dialog = ModelsDialog(self._library, self._settings, self._theme, self._window)
        dialog.model_chosen.connect(models.choose)
        dialog.cancel_requested.connect(models.cancel_loading)
        if models.state.kind == "ready":
            dialog.set_current(models.state.path)
        else:
            dialog.model_changed(models.state)
        models.changed.connect(dialog.model_changed)
        dialog.library_changed.connect(self._desk.locals.forget)
        self._open(dialog)

    def show_settings(self) -> None:
        """Open the settings dialog."""
        from chatdesk.ui.settings import SettingsDialog

        dialog = SettingsDialog(self._settings, self._theme, self._library, self._window)
        # Over the settings, so that closing the providers leads back to them.
        dialog.providers_requested.connect(lambda: self.show_providers(over=dialog))
        self._open(dialog)

    def show_conversation_settings(self) -> None:
        """Open the settings of the open conversation; a new one is made for them."""
        from chatdesk.ui.conversation_settings import ConversationSettings

        desk = self._desk
        conversation = self._store.conversations.get(desk.writing.conversation())
        dialog = ConversationSettings(
            conversation.system_prompt,
            conversation.parameters,
            self._settings.values,
            self._theme,
            self._window,
        )

        def configure(system_prompt: str | None, parameters: dict[str, Any]) -> None:
            desk.attempt(lambda: desk.session.configure(conversation.id, system_prompt, parameters))

        dialog.changed.connect(configure)
        self._open(dialog)

    # -- inner --------------------------------------------------------------------------------

    def _connect(self) -> None:
        desk, window = self._desk, self._window
        conversations = desk.conversations
        slots: dict[str, Callable[[], object]] = {
            "new_chat": conversations.new,
            "search": window.focus_search,
            "next_chat": lambda: conversations.step(1),
            "previous_chat": lambda: conversations.step(-1),
            "rename_chat": self._rename,
            "conversation_settings": self.show_conversation_settings,
            "delete_chat": conversations.delete_current,
            "show_trash": conversations.toggle_trash,
            "focus_composer": window.composer.focus,
            "undo": window.toasts.act,
            "regenerate": self._regenerate,
            "copy_reply": lambda: self._with_last_reply("copy"),
            "models": self.show_picker,
            "manage_models": self.show_models,
            "providers": self.show_providers,
            "add_model": self._add_model,
            "palette": self._show_palette,
            "toggle_sidebar": window.toggle_sidebar,
            "larger_text": lambda: self._resize_text(1),
            "smaller_text": lambda: self._resize_text(-1),
            "normal_text": lambda: self._resize_text(0),
            "full_screen": self._full_screen,
            "settings": self.show_settings,
            "shortcuts": self._show_shortcuts,
            "open_data": lambda: self._open_folder(self._data.root),
            "open_logs": lambda: self._open_folder(self._data.logs),
            "about": self._show_about,
            "quit": window.close,
        }
        for action_id, slot in slots.items():
            self.actions.connect_action(action_id, partial(desk.attempt, slot))
        self.actions.set_possible("undo", False)
        window.toasts.actable.connect(partial(self.actions.set_possible, "undo"))
        conversations.opened.connect(self._opened)
        window.header.menu_requested.connect(self.menu)
        window.header.model_requested.connect(self.show_picker)
        desk.answering.asked.connect(self.ask_consent)
        window.welcome.models_requested.connect(self.show_models)
        window.sidebar.settings_requested.connect(self.show_settings)

    def _open(self, dialog: QDialog) -> None:
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def _opened(self, conversation_id: str | None) -> None:
        for action_id in ("rename_chat", "delete_chat"):
            self.actions.set_possible(action_id, conversation_id is not None)

    def _rename(self) -> None:
        current = self._desk.conversations.current
        if current is not None:
            self._window.rename_in_sidebar(current)

    def _regenerate(self) -> None:
        # A message whose reply was deleted, or never began, gets one.
        message = self._desk.reading.last_message()
        if message is not None:
            self._desk.reading.try_act(message.id, "regenerate")

    def _with_last_reply(self, action: str) -> None:
        reply = self._desk.reading.last_reply()
        if reply is not None:
            self._desk.reading.try_act(reply.id, action)

    def _add_model(self) -> None:
        dialog = QFileDialog(self._window, "Add a model", "", "Models (*.gguf)")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.filesSelected.connect(self._desk.models.add)
        self._open(dialog)

    def _show_palette(self) -> None:
        from chatdesk.ui.palette import Palette

        self._open(Palette(self.actions, self._theme, self._window))

    def _show_about(self) -> None:
        from chatdesk.ui.about import AboutDialog

        self._open(AboutDialog(self._theme, self._data, self._window))

    def _show_shortcuts(self) -> None:
        from chatdesk.ui.shortcuts import ShortcutsDialog

        enter_sends = self._settings.values.composer.enter_sends
        self._open(
            ShortcutsDialog(self.actions, self._theme, self._window, enter_sends=enter_sends)
        )

    def _resize_text(self, by: int) -> None:
        size = option("appearance.text_size")
        wanted = self._settings.values.appearance.text_size + by if by else 0
        lowest, highest = int(size.minimum or 0), int(size.maximum or 0)
        self._settings.set("appearance.text_size", min(max(wanted, lowest), highest))

    def _full_screen(self) -> None:
        if self._window.isFullScreen():
            self._window.showNormal()
        else:
            self._window.showFullScreen()

    @staticmethod
    def _open_folder(folder: Path) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))
