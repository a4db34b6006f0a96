"""The settings dialog: a page for each group of options, a search over all of them.

It knows no setting by name: pages and rows are made by looping over the option table. A change is
saved the moment it is made, and a change made elsewhere shows up here.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QKeyEvent, QShowEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from chatdesk.settings import GROUPS, OPTIONS, SettingsFile
from chatdesk.ui.dialog import Dialog, EmptyState, Notice, Side, label
from chatdesk.ui.icons import icon
from chatdesk.ui.listing import RowDelegate
from chatdesk.ui.models.background import Background
from chatdesk.ui.settings.choices import ModelEditor, Offer
from chatdesk.ui.settings.elsewhere import Elsewhere
from chatdesk.ui.settings.row import OptionRow, SettingsValues
from chatdesk.ui.settings.section import Section
from chatdesk.ui.theme import S3, S4, S5, S6, Theme

if TYPE_CHECKING:
    from chatdesk.library import BrokenModel, Library, ModelInfo

_WIDEST_PAGE = 760  # pixels
_PROVIDERS = "providers"  # a page, but no group of options
_GROUP_ICONS = {
    "appearance": "book",
    "composer": "edit",
    "chat": "chat",
    "sampling": "settings",
    "model": "model",
    _PROVIDERS: "cloud",
}


class SettingsDialog(Dialog):
    """Edits a settings file; open it with open() or show(). GUI thread only.

    providers_requested: the person wants to manage the providers.
    """

    providers_requested = Signal()
    _changed_elsewhere = Signal(str)

    def __init__(
        self,
        settings: SettingsFile,
        theme: Theme,
        library: Library | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__("Settings", theme, parent, QSize(920, 660))
        self.setObjectName("settingsDialog")
        self._settings = settings
        self._library = library
        self._background = Background(self)
        self._unsubscribe: Callable[[], None] | None = None
        self.rows: dict[str, OptionRow] = {}
        self._sections: dict[str, Section | Elsewhere] = {}

        across = QHBoxLayout()
        across.setSpacing(0)
        self.body.addLayout(across, 1)
        across.addWidget(self._make_side())
        across.addWidget(self._make_pages(), 1)
        self.buttons.addWidget(label("Changes are saved as you make them.", "small", self))
        self.buttons.addStretch(1)
        self.add_close()

        for row in self.rows.values():
            if isinstance(row.editor, ModelEditor):
                row.editor.browse.connect(self._browse)
        # A subscriber is called by the thread that made the change: carried over to this one.
        self._changed_elsewhere.connect(self._refresh_row)
        self.refresh_theme()
        self._pages.setCurrentRow(0)
        self.setTabOrder(self.search, self._pages)

    # -- building -----------------------------------------------------------------------------

    def _make_side(self) -> QWidget:
        side = Side(self.theme, self)
        column = QVBoxLayout(side)
        column.setContentsMargins(S3, S4, S3, S3)
        column.setSpacing(S3)
        self.search = QLineEdit(side)
        self.search.setObjectName("settingsSearch")
        self.search.setPlaceholderText("Search settings")
        self.search.setAccessibleName("Search settings")
        self.search.setToolTip("Search settings (Ctrl+F)")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._filter)
        column.addWidget(self.search)
        self._pages = QListWidget(side)
        self._pages.setObjectName("settingsPages")
        self._pages.setAccessibleName("Pages of settings")
        self._pages.setFrameShape(QFrame.Shape.NoFrame)
        self._pages.setItemDelegate(RowDelegate(self.theme, self._pages))
        self._pages.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._pages.setStyleSheet("QListWidget { background: transparent; border: none; }")
        self._pages.setMouseTracking(True)
        pages = [(group.name, group.label) for group in GROUPS] + [(_PROVIDERS, "Providers")]
        for name, text in pages:
            item = QListWidgetItem(text)
            item.setData(Qt.ItemDataRole.UserRole, name)
            self._pages.addItem(item)
        self._pages.currentRowChanged.connect(self._show_page)
        self._pages.itemClicked.connect(self._page_clicked)
        column.addWidget(self._pages, 1)
        widest = max(self.fontMetrics().horizontalAdvance(text) for _name, text in pages)
        side.setFixedWidth(max(176, widest + S6 * 3))
        return side

    def _make_pages(self) -> QWidget:
        self.area = QScrollArea(self)
        self.area.setWidgetResizable(True)
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        self.area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        content = QWidget()
        self.area.setWidget(content)
        centred = QHBoxLayout(content)
        centred.setContentsMargins(S5, S4, S5, S5)
        page = QWidget(content)
        page.setMaximumWidth(_WIDEST_PAGE)
        centred.addStretch(1)
        centred.addWidget(page, 1000)
        centred.addStretch(1)
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(S5)

        self.problems = Notice(self.theme, "warning", page, closable=True)
        self.problems.setObjectName("settingsProblems")
        column.addWidget(self.problems)
        values = SettingsValues(self._settings)
        for group in GROUPS:
            section = Section(group.label, group.help, page)
            for option in OPTIONS:
                if option.group == group.name:
                    row = OptionRow(option, values, self.theme, section)
                    self.rows[option.key] = row
                    section.add(row)
            self._sections[group.name] = section
            column.addWidget(section)
        self._sections[_PROVIDERS] = self._make_providers(page)
        column.addWidget(self._sections[_PROVIDERS])
        self.nothing = EmptyState(self.theme, "search", "Clear the search", page)
        self.nothing.button.clicked.connect(self.search.clear)
        self.nothing.hide()
        column.addWidget(self.nothing)
        column.addStretch(1)
        return self.area

    def _make_providers(self, page: QWidget) -> Elsewhere:
        providers = Elsewhere(
            "Providers",
            "Servers that answer with models of their own. Chatdesk needs none of them.",
            "Add, change, test and remove providers, and look after their keys.",
            "Manage providers",
            "api key keyring remote server openai mistral ollama token url",
            page,
        )
        providers.button.setObjectName("manageProvidersButton")
        providers.requested.connect(self.providers_requested)
        return providers

    # -- showing ------------------------------------------------------------------------------

    def show_group(self, name: str) -> None:
        """Go to the page of a group of options, such as "model", or to "providers"."""
        self.search.clear()
        for at in range(self._pages.count()):
            if self._pages.item(at).data(Qt.ItemDataRole.UserRole) == name:
                self._pages.setCurrentRow(at)

    def refresh_theme(self) -> None:
        for at in range(self._pages.count()):
            item = self._pages.item(at)
            name = _GROUP_ICONS.get(item.data(Qt.ItemDataRole.UserRole), "gear")
            item.setIcon(icon(name, self.theme))
        super().refresh_theme()

    def _page_clicked(self) -> None:
        if self.search.text():
            self.search.clear()

    def _show_page(self) -> None:
        if not self.search.text():
            self._filter()
            self.area.verticalScrollBar().setValue(0)

    def _filter(self) -> None:
        words = self.search.text().casefold().split()
        current = self._pages.currentItem()
        page = current.data(Qt.ItemDataRole.UserRole) if current else GROUPS[0].name
        found = False
        for name, section in self._sections.items():
            found |= section.filter(words, shown=bool(words) or name == page)
        self.nothing.set_words(
            f"No setting matches “{self.search.text().strip()}”", "Try another word."
        )
        self.nothing.setVisible(not found)
        if words:
            self.area.verticalScrollBar().setValue(0)
            self._pages.clearSelection()  # what is shown is no page
        elif current is not None:
            current.setSelected(True)

    def _refresh_row(self, key: str) -> None:
        if key in self.rows:
            self.rows[key].refresh()

    # -- models -------------------------------------------------------------------------------

    def _list_models(self) -> None:
        if self._library is not None:
            job = self._background.run(self._library.list)
            job.done.connect(self._take_models)

    def _take_models(self, models: list[ModelInfo | BrokenModel]) -> None:
        from chatdesk.library import ModelInfo, reference

        found = []
        for model in models:
            if isinstance(model, ModelInfo):
                bundled = model.source == "bundled"
                text = f"{model.name} (comes with Chatdesk)" if bundled else model.name
                found.append(Offer(reference(model, models), text, str(model.path)))
        for row in self.rows.values():
            if isinstance(row.editor, ModelEditor):
                row.editor.set_models(found)

    def _browse(self) -> None:
        editor = self.sender()
        if not isinstance(editor, ModelEditor):
            return
        chooser = QFileDialog(self, "Choose a model", "", "Models (*.gguf);;All files (*)")
        chooser.setFileMode(QFileDialog.FileMode.ExistingFile)
        chooser.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        chooser.fileSelected.connect(lambda path: editor.choose(str(Path(path))))
        chooser.open()

    # -- coming and going ---------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._stop_watching()
        self._unsubscribe = self._settings.subscribe(self._changed_elsewhere.emit)
        self._settings.reload_if_changed()
        for row in self.rows.values():
            row.refresh()
        self.problems.set_text("\n".join(self._settings.problems))
        self._list_models()
        QTimer.singleShot(0, self._pages, self._pages.setFocus)

    def hideEvent(self, event: QHideEvent) -> None:
        for row in self.rows.values():
            row.commit()
        self._stop_watching()
        super().hideEvent(event)

    def _stop_watching(self) -> None:
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None

    def keyPressEvent(self, event: QKeyEvent) -> None:
        control = event.modifiers() == Qt.KeyboardModifier.ControlModifier
        if event.key() == Qt.Key.Key_F and control:
            self.search.setFocus()
            self.search.selectAll()
        elif event.key() == Qt.Key.Key_Escape and self.search.text():
            self.search.clear()
        else:
            super().keyPressEvent(event)
