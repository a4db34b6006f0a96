"""The dialog of the providers: add, change, test and remove them, and look after their keys.

It has the list and the pages; what can be done with one provider is the editor's (editor.py).
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QModelIndex, QPoint, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QKeyEvent, QShowEvent
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QMenu,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from chatdesk.providers.profiles import PRESETS, Accounts, Profile
from chatdesk.ui.dialog import Dialog, EmptyState, Side, announce, centred, wrapped
from chatdesk.ui.icons import icon
from chatdesk.ui.listing import TwoLineDelegate, row_list
from chatdesk.ui.providers.asking import Servers
from chatdesk.ui.providers.chooser import PresetChooser
from chatdesk.ui.providers.editor import ProviderEditor, in_environment
from chatdesk.ui.providers.lines import provider_lines
from chatdesk.ui.providers.question import Answer, ask
from chatdesk.ui.providers.rows import ProviderRows
from chatdesk.ui.providers.work import Places
from chatdesk.ui.theme import S3, S4, Theme

_ABOUT = (
    "A provider is a server that answers with models of its own: a service on the internet such as "
    "Mistral or OpenAI, or another program such as Ollama. You need none: Chatdesk's own models "
    "run on this computer and stay what new conversations use."
)
_WIDEST = 560  # pixels, of the words where there is no provider
_ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)
_LOST = "What you changed is not saved yet."
_SAVE_OR_NOT = (
    Answer("save", "Save", "primary"),
    Answer("discard", "Discard"),
    Answer("", "Go on editing"),
)


class ProvidersDialog(Dialog):
    """Open it with open(). GUI thread only."""

    _changed = Signal()

    def __init__(
        self,
        accounts: Accounts,
        remote: Servers,
        theme: Theme,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__("Providers", theme, parent, QSize(920, 680))
        self.setObjectName("providersDialog")
        self._profiles = accounts.profiles
        self._unsubscribe: Callable[[], None] | None = None
        self._then: Callable[[], None] | None = None  # what was wanted when something was unsaved
        self._closing = False
        self._to_key = False
        self._marking = False
        self.rows = ProviderRows(self)
        self.editor = ProviderEditor(accounts, remote, theme)
        self._pages = QStackedWidget(self)
        self.body.addWidget(self._pages, 1)
        self._make_both()
        self.chooser = PresetChooser(theme, self._pages)
        self._pages.addWidget(self.chooser)
        self._nothing = QWidget(self._pages)
        self.empty = EmptyState(theme, "cloud", "Add a provider", self._nothing)
        centred(self.empty, _WIDEST, self._nothing).setContentsMargins(0, 0, 0, 0)
        self.empty.setObjectName("noProviders")
        self.empty.set_words("No providers", _ABOUT)
        self.empty.button.setObjectName("addFirstProviderButton")
        self._pages.addWidget(self._nothing)
        self._make_buttons()
        self._connect()
        self.refresh_theme()
        self._reload()

    # -- building -----------------------------------------------------------------------------

    def _make_both(self) -> None:
        self._both = QWidget(self._pages)
        across = QHBoxLayout(self._both)
        across.setContentsMargins(0, 0, 0, 0)
        across.setSpacing(0)
        self._side = Side(self.theme, self._both)
        column = QVBoxLayout(self._side)
        column.setContentsMargins(S3, S4, S3, S3)
        column.setSpacing(S3)
        self.add_button = QPushButton("Add provider", self._side)
        self.add_button.setObjectName("addProviderButton")
        self.add_button.setToolTip("Choose what kind of provider to add (Ctrl+N)")
        self.add_button.setAutoDefault(False)
        column.addWidget(self.add_button)
        self.list = row_list(
            "providerList",
            "Providers",
            self.rows,
            TwoLineDelegate(self.theme, provider_lines),
            self._side,
        )
        self.list.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        column.addWidget(self.list, 1)
        across.addWidget(self._side, 2)
        self.editor.setParent(self._both)
        across.addWidget(self.editor, 5)
        self._pages.addWidget(self._both)

    def _make_buttons(self) -> None:
        self.remove_button = self._button("Remove provider", "removeProviderButton", "quiet")
        self.remove_button.setToolTip("Take it off the list and delete its key (Delete)")
        self.said = wrapped("", self, "small")
        self.said.setObjectName("providersSaid")
        self.buttons.addWidget(self.said, 1)
        self.discard_button = self._button("Discard changes", "discardProviderButton", "quiet")
        self.save_button = self._button("Save", "saveProviderButton", "primary")
        self.save_button.setToolTip("Save the provider (Ctrl+S)")
        self.add_close()

    def _button(self, text: str, name: str, kind: str) -> QPushButton:
        button = QPushButton(text, self)
        button.setObjectName(name)
        button.setProperty("kind", kind)
        button.setAutoDefault(False)
        self.buttons.addWidget(button)
        return button

    def _connect(self) -> None:
        # A subscriber is called by the thread that made the change: carried over to this one.
        self._changed.connect(self._reload)
        self.add_button.clicked.connect(self.add)
        self.empty.button.clicked.connect(self.add)
        self.chooser.chosen.connect(self.begin)
        self.chooser.back.connect(self._leave_chooser)
        self.list.selectionModel().currentChanged.connect(self._current_changed)
        self.list.customContextMenuRequested.connect(self._menu)
        self.remove_button.clicked.connect(self.editor.remove)
        self.discard_button.clicked.connect(self.discard)
        self.save_button.clicked.connect(self.save)
        self.editor.changed.connect(self._refresh_buttons)
        self.editor.saved.connect(self._saved)
        self.editor.key_deleted.connect(self._key_deleted)
        self.editor.removed.connect(self._removed)
        self.editor.work.found.connect(self._places_found)

    # -- what is shown ------------------------------------------------------------------------

    def select(self, profile_id: str, *, key: bool = False) -> None:
        """Show a provider; nothing happens where there is none of this id.

        key: it is its key that is to be given or replaced.
        """
        self._to_key = key
        index = self.rows.index_of(profile_id)
        if index.isValid():
            self._pages.setCurrentWidget(self._both)
            self.list.setCurrentIndex(index)

    def refresh_theme(self) -> None:
        self.add_button.setIcon(icon("plus", self.theme))
        super().refresh_theme()

    def _reload(self) -> None:
        """Show the list as it is now; what is being changed in the form stays."""
        profiles, editor = self._profiles.list(), self.editor
        self.rows.set_profiles(profiles)
        editor.look()
        self._side.setVisible(bool(profiles))
        shown = editor.profile
        if editor.new:
            return
        found = self.rows.profile(shown.id) if shown is not None else None
        if found is None:
            found = profiles[0] if profiles else None
        if found is None:
            editor.forget()
            if self._pages.currentWidget() is self._both:
                self._pages.setCurrentWidget(self._nothing)
        else:
            if self._pages.currentWidget() is self._nothing:
                self._pages.setCurrentWidget(self._both)
            self._mark(found.id)
            if found != shown and not (editor.busy or editor.dirty):
                editor.load(found)
        self._refresh_buttons()

    def _mark(self, profile_id: str) -> None:
        """Make a provider the list's current one, without showing it; "": none."""
        self._marking = True
        self.list.setCurrentIndex(self.rows.index_of(profile_id))
        if not profile_id:
            self.list.clearSelection()
        self._marking = False

    def _refresh_buttons(self) -> None:
        editor = self.editor
        on_form = self._pages.currentWidget() is self._both and editor.profile is not None
        changed = on_form and (editor.dirty or editor.new)
        if changed:
            self.said.setText("")
        idle = not editor.busy
        self.remove_button.setVisible(on_form and not editor.new)
        self.remove_button.setEnabled(idle)
        self.discard_button.setVisible(changed)
        self.discard_button.setText("Cancel" if editor.new else "Discard changes")
        self.discard_button.setEnabled(idle)
        self.save_button.setVisible(on_form)
        self.save_button.setEnabled(changed and idle)
        self.add_button.setEnabled(idle)
        self.list.setEnabled(idle)

    def _say(self, short: str, text: str = "") -> None:
        self.said.setText(short)
        announce(self, text or short)

    def _places_found(self, found: Places) -> None:
        shown = dict(found.places) | dict.fromkeys(found.errors, "unreachable")
        for profile in self._profiles.list():
            opted_in = profile.use_environment and in_environment(profile)
            if opted_in and shown.get(profile.id) == "none":
                shown[profile.id] = "environment"
        self.rows.set_places(shown)
        self.editor.set_places(found)
        if self.focusWidget() is self.list:  # else the person is somewhere by now
            self._go_to_key()

    def _saved(self, profile: Profile) -> None:
        self._reload()
        self._say("Saved.", f"{profile.name} is saved.")

    def _key_deleted(self) -> None:
        self._reload()
        self._say("The key is deleted.")

    def _removed(self, profile: Profile) -> None:
        self._reload()
        self._say("Removed.", f"{profile.name} is removed.")
        if self.rows.rowCount():
            self.list.setFocus()
        else:
            self.empty.button.setFocus()

    # -- adding -------------------------------------------------------------------------------

    def add(self) -> None:
        """Let the person choose a kind of provider."""
        self._unless_unsaved(self._open_chooser)

    def _open_chooser(self) -> None:
        self._pages.setCurrentWidget(self.chooser)
        self.chooser.open()
        self.said.setText("")
        self._refresh_buttons()

    def _leave_chooser(self) -> None:
        if self.rows.rowCount():
            self._pages.setCurrentWidget(self._both)
            self.list.setFocus()
        else:
            self._pages.setCurrentWidget(self._nothing)
            self.empty.button.setFocus()
        self._refresh_buttons()

    def begin(self, kind: str) -> None:
        """Show the form of a new provider of a kind; it is not there before it is saved."""
        preset = PRESETS[kind]
        name = "" if kind == "custom" else self._free_name(preset.name)
        self._pages.setCurrentWidget(self._both)
        self._mark("")
        self.editor.load(Profile("", name, kind, preset.base_url, preset.needs_key), new=True)
        form = self.editor.form
        if not name:
            form.name.setFocus()
        elif preset.needs_key:
            form.key.entry.setFocus()
        else:
            form.address.setFocus()

    def _free_name(self, name: str) -> str:
        taken = {profile.name.casefold() for profile in self._profiles.list()}
        number, chosen = 1, name
        while chosen.casefold() in taken:
            number += 1
            chosen = f"{name} {number}"
        return chosen

    # -- what is unsaved ----------------------------------------------------------------------

    def save(self) -> None:
        """Save what stands in the form, or say at the fields why not."""
        if self._unsaved() or self.editor.new:
            self.editor.save()

    def discard(self) -> None:
        """Show the provider as it is saved; a new one goes."""
        shown = self.editor.profile
        self.editor.forget()
        if shown is not None and shown.id:
            self._mark(shown.id)
            self.editor.load(self.rows.profile(shown.id) or shown)
            return
        self._reload()
        (self.list if self.rows.rowCount() else self.empty.button).setFocus()

    def _current_changed(self, current: QModelIndex, _previous: QModelIndex) -> None:
        row, shown = self.rows.row(current), self.editor.profile
        if self._marking or row is None or (shown is not None and row.profile.id == shown.id):
            return
        wanted = row.profile.id
        if self._unsaved():
            # The list goes back at once; the click that brought us here is not over yet.
            before = shown.id if shown is not None else ""
            QTimer.singleShot(0, self, lambda: self._mark(before))
        self._unless_unsaved(lambda: self._show_other(wanted))

    def _show_other(self, profile_id: str) -> None:
        profile = self.rows.profile(profile_id)
        if profile is not None:
            self._mark(profile_id)
            self.said.setText("")
            self.editor.load(profile)

    def _unsaved(self) -> bool:
        return self._pages.currentWidget() is self._both and self.editor.dirty

    def _unless_unsaved(self, then: Callable[[], None]) -> None:
        """Do something, after asking where it would lose what was written."""
        if not self._unsaved():
            then()
            return
        self._then = then
        name = self.editor.form.name_line.text().strip() or "the provider"
        ask(self, self.theme, f"Save the changes to {name}?", _LOST, _SAVE_OR_NOT, self._answered)

    def _answered(self, answer: str) -> None:
        then, self._then = self._then, None
        if answer == "save":
            self.editor.save(then)
        elif answer == "discard" and then is not None:
            self.editor.forget()
            then()

    # -- hands --------------------------------------------------------------------------------

    def _menu(self, position: QPoint) -> None:
        if not self.list.indexAt(position).isValid():
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Rename", self.editor.rename)
        menu.addAction("Test connection", self.editor.test)
        menu.addSeparator()
        menu.addAction("Remove", self.editor.remove)
        menu.popup(self.list.viewport().mapToGlobal(position))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        control = event.modifiers() == Qt.KeyboardModifier.ControlModifier
        key, editor = event.key(), self.editor
        on_form = self._pages.currentWidget() is self._both
        if control and key == Qt.Key.Key_N and self.add_button.isEnabled():
            self.add()
        elif control and key == Qt.Key.Key_S and on_form:
            self.save()
        elif control and key == Qt.Key.Key_T and on_form:
            editor.test()
        elif key == Qt.Key.Key_Escape and editor.busy:
            editor.stop_waiting()
        elif key == Qt.Key.Key_Escape and on_form and editor.form.strip.running:
            editor.cancel_test()
        elif key == Qt.Key.Key_Escape and on_form and editor.new and not editor.dirty:
            self._open_chooser()  # nothing is lost: back to where this kind was chosen
        elif key == Qt.Key.Key_Delete and self.list.hasFocus():
            editor.remove()
        elif key == Qt.Key.Key_F2 and on_form:
            editor.rename()
        elif key in _ENTER and self.list.hasFocus():
            editor.form.name.setFocus()
        else:
            super().keyPressEvent(event)

    # -- coming and going ---------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._stop_watching()
        self._unsubscribe = self._profiles.subscribe(self._changed.emit)
        self._profiles.reload_if_changed()
        self._reload()
        QTimer.singleShot(0, self, self._focus_first)

    def hideEvent(self, event: QHideEvent) -> None:
        self._stop_watching()
        self.editor.asking.cancel()
        super().hideEvent(event)

    def done(self, result: int) -> None:
        """Close, after asking where something unsaved would be lost."""
        if self.isVisible() and not self._closing and not self.editor.busy and self._unsaved():
            self._unless_unsaved(self._close)
        else:
            super().done(result)

    def _close(self) -> None:
        self._closing = True
        self.done(QDialog.DialogCode.Accepted)

    def _stop_watching(self) -> None:
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None

    def _focus_first(self) -> None:
        if self._pages.currentWidget() is self._nothing:
            self.empty.button.setFocus()
        elif self._pages.currentWidget() is self._both and not self.editor.new:
            # The keyring may have answered before the dialog was shown: then the key has it.
            if not self.editor.form.key.isAncestorOf(self.focusWidget() or self):
                self.list.setFocus()
            self._go_to_key()

    def _go_to_key(self) -> None:
        form = self.editor.form
        if self._to_key and form.profile is not None and form.takes_key and form.key.take_focus():
            self._to_key = False
