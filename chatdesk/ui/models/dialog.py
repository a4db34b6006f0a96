"""The model manager's dialog: choose a model, add files by button or drop, remove with undo.

Files are read on a pool thread; the dialog stays usable meanwhile. Choosing emits model_chosen and
closes; what then happens to the model that is loaded is the controller's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QRectF, QSize, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import (
    QDesktopServices,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QShowEvent,
)
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QMenu,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from chatdesk.errors import ChatdeskError, LoadCancelled
from chatdesk.library import Library, ModelInfo, check_chat, check_fits
from chatdesk.paths import DataDir
from chatdesk.settings import SettingsFile
from chatdesk.ui.dialog import Dialog, EmptyState, Notice, label, tool_button
from chatdesk.ui.icons import icon
from chatdesk.ui.listing import TwoLineDelegate, row_list
from chatdesk.ui.models.adding import Adding
from chatdesk.ui.models.background import Background
from chatdesk.ui.models.details import Details
from chatdesk.ui.models.lines import model_lines
from chatdesk.ui.models.rows import ModelRows, Row, read_rows
from chatdesk.ui.theme import RADIUS, S2, S3, S4, Theme

if TYPE_CHECKING:
    from chatdesk.providers.llama import ModelState

SLOW_MS = 400  # before the list says that it is being read


@dataclass(frozen=True, slots=True)
class _Removed:
    """What undo needs: the name, and where add() finds the file."""

    name: str
    path: Path
    kept: bool  # the file stayed where it was


class ModelsDialog(Dialog):
    """model_chosen(name): use this model of the library; "" is the one that came with Chatdesk.

    cancel_requested: loading is to be given up. library_changed: a model was added or removed. GUI
    thread only; open with open().
    """

    model_chosen = Signal(str)
    cancel_requested = Signal()
    library_changed = Signal()

    def __init__(
        self,
        library: Library,
        settings: SettingsFile,
        theme: Theme,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__("Models", theme, parent, QSize(920, 600))
        self.setObjectName("modelsDialog")
        self.setAcceptDrops(True)
        self._library = library
        self._settings = settings
        self._folder = DataDir(settings.path.parent).models
        self._background = Background(self)
        self._current: Path | None = None
        self._wanted: Path | None = None  # to be selected when the list is read
        self._removed: _Removed | None = None
        self._dropping = False
        self.rows = ModelRows(self)

        column = QVBoxLayout()
        column.setContentsMargins(S4, S4, S4, S4)
        column.setSpacing(S3)
        self.body.addLayout(column)
        column.addLayout(self._make_top())
        self.error = Notice(theme, "danger", self, closable=True)
        self.error.setObjectName("modelError")
        column.addWidget(self.error)
        self.undo_notice = Notice(theme, "info", self, closable=True, action="Undo")
        self.undo_notice.setObjectName("modelUndo")
        self.undo_notice.acted.connect(self._undo)
        column.addWidget(self.undo_notice)
        self.adding = Adding(library, theme, self)
        self.adding.added.connect(self._added)
        self.adding.failed.connect(self._fail)
        self.adding.ended.connect(self._adding_ended)
        column.addWidget(self.adding)
        column.addWidget(self._make_pages(), 1)
        self.buttons.addWidget(label("Models run on this computer.", "small", self))
        self.buttons.addStretch(1)
        self.add_close()
        self.refresh_theme()

    # -- building -----------------------------------------------------------------------------

    def _make_top(self) -> QHBoxLayout:
        top = QHBoxLayout()
        top.setSpacing(S2)
        self.search = QLineEdit(self)
        self.search.setObjectName("modelSearch")
        self.search.setPlaceholderText("Search models")
        self.search.setAccessibleName("Search models")
        self.search.setToolTip("Search models (Ctrl+F)")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._filter)
        top.addWidget(self.search, 1)
        self._open_folder = tool_button(self.theme, "folder", "Open the models folder", self)
        self._open_folder.setObjectName("openModelsFolder")
        self._open_folder.clicked.connect(self._show_folder)
        top.addWidget(self._open_folder)
        self.add_button = QPushButton("Add a model file", self)
        self.add_button.setObjectName("addModelButton")
        self.add_button.setToolTip("Choose a GGUF file on this computer, or drop one here")
        self.add_button.setAutoDefault(False)
        self.add_button.clicked.connect(self.choose_file)
        top.addWidget(self.add_button)
        return top

    def _make_pages(self) -> QStackedWidget:
        self._pages = QStackedWidget(self)
        both = QWidget(self._pages)
        across = QHBoxLayout(both)
        across.setContentsMargins(0, 0, 0, 0)
        across.setSpacing(S4)
        self.list = row_list(
            "modelList", "Models", self.rows, TwoLineDelegate(self.theme, model_lines, S3 * 2), both
        )
        self.list.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.list.customContextMenuRequested.connect(self._menu)
        self.list.doubleClicked.connect(self.choose)
        self.list.selectionModel().currentChanged.connect(self._show_details)
        self.rows.dataChanged.connect(self._show_details)
        self.rows.modelReset.connect(self._after_reset)
        across.addWidget(self.list, 3)
        self.details = Details(self.theme, both)
        self.details.setMinimumWidth(248)
        self.details.use_requested.connect(self.choose)
        self.details.cancel_requested.connect(self.cancel_requested)
        self.details.remove_requested.connect(self.remove)
        across.addWidget(self.details, 2)
        self._pages.addWidget(both)
        self.empty = EmptyState(self.theme, "model", "Add a model file", self._pages)
        self.empty.button.clicked.connect(self.choose_file)
        self._pages.addWidget(self.empty)
        self.nothing = EmptyState(self.theme, "search", "Clear the search", self._pages)
        self.nothing.button.clicked.connect(self.search.clear)
        self._pages.addWidget(self.nothing)
        self._waiting = EmptyState(self.theme, "model", "", self._pages)
        self._waiting.set_words("Looking at the models", "Their files are being read.")
        self._pages.addWidget(self._waiting)
        # Usually the files are read before there is anything to say about waiting for it.
        self._blank = QWidget(self._pages)
        self._pages.addWidget(self._blank)
        self._pages.setCurrentWidget(self._blank)
        self._slow = QTimer(self)
        self._slow.setSingleShot(True)
        self._slow.setInterval(SLOW_MS)
        self._slow.timeout.connect(self._say_waiting)
        self.empty.set_words(
            "No models yet", "Add a GGUF file from this computer, or drop one here."
        )
        return self._pages

    def refresh_theme(self) -> None:
        self._open_folder.setIcon(icon("folder", self.theme))
        super().refresh_theme()

    # -- what is shown --------------------------------------------------------------------------

    def set_current(self, path: Path | None) -> None:
        """Mark the model that is loaded."""
        self._current = path
        self.rows.set_state(path)
        self._wanted = self._wanted or path

    def model_changed(self, state: ModelState) -> None:
        """Follow the engine: progress of loading, another model in use, a failure."""
        if state.kind == "loading" and state.path is not None:
            self._wanted = self._wanted or state.path
            self.rows.set_state(self._current, (state.path, state.fraction))
            return
        if state.kind in ("ready", "none"):
            self._current = state.path if state.kind == "ready" else None
        self.rows.set_state(self._current)
        if state.error is not None and not isinstance(state.error, LoadCancelled):
            self.show_error(state.error)

    def show_error(self, error: ChatdeskError) -> None:
        """Tell why something did not work; it stays until dismissed or until the next try."""
        self.error.set_text(error.told)

    def selected(self) -> Row | None:
        """The selected model; None where there is none."""
        return self.rows.row(self.list.currentIndex())

    def reload(self, select: Path | None = None) -> None:
        """Read the library again (on a pool thread), then select a file's row."""
        self._wanted = select or self._wanted
        context = self._settings.values.model.context_size
        job = self._background.run(partial(read_rows, self._library, context))
        job.done.connect(self._take_rows)
        job.failed.connect(self._fail)

    def _take_rows(self, rows: Sequence[Row]) -> None:
        self.rows.set_rows(rows)

    def _fail(self, error: ChatdeskError) -> None:
        self.show_error(error)

    def _say_waiting(self) -> None:
        if self._pages.currentWidget() is self._blank:
            self._pages.setCurrentWidget(self._waiting)

    def _after_reset(self) -> None:
        self._slow.stop()
        if not self.rows.total:
            self._pages.setCurrentWidget(self.empty)
            return
        if not self.rows.rowCount():
            text = self.search.text().strip()
            self.nothing.set_words(f"No model matches “{text}”", "Try another word.")
            self._pages.setCurrentWidget(self.nothing)
            return
        first = self._pages.currentWidget() in (self._waiting, self._blank)
        self._pages.setCurrentIndex(0)
        if first:
            self.list.setFocus()
        index = self.rows.index_of(self._wanted)
        self.list.setCurrentIndex(index if index.isValid() else self.rows.index(0))

    def _show_details(self) -> None:
        row = self.selected()
        if row is not None:
            self._wanted = row.entry.path
            self.details.show_row(row, self._settings.values.model.context_size)

    def _filter(self, text: str) -> None:
        self.rows.set_search(text)

    # -- choosing -----------------------------------------------------------------------------

    def choose(self) -> None:
        """Use the selected model, or say why it cannot be used."""
        row = self.selected()
        if row is None or row.in_use or row.loading is not None:
            return
        entry = row.entry
        if not isinstance(entry, ModelInfo):
            self.error.set_text(f"{entry.what} {entry.advice}".strip())
            return
        model = self._settings.values.model
        try:
            check_chat(entry, model.chat_format)
            check_fits(entry, model.context_size)
        except ChatdeskError as error:
            self.show_error(error)
            return
        self.error.set_text("")
        self.model_chosen.emit(row.value)
        self.accept()

    # -- adding -------------------------------------------------------------------------------

    def choose_file(self) -> None:
        """Let the person pick files to add."""
        chooser = QFileDialog(self, "Add a model", "", "Models (*.gguf);;All files (*)")
        chooser.setFileMode(QFileDialog.FileMode.ExistingFiles)
        chooser.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        chooser.filesSelected.connect(self.add)
        chooser.open()

    def add(self, files: Sequence[str]) -> None:
        """Add files to the library where they lie."""
        self.error.set_text("")
        if self.adding.start([Path(file) for file in files]):
            self.add_button.setEnabled(False)

    def _added(self, last: ModelInfo) -> None:
        self.search.clear()
        self.library_changed.emit()
        self.reload(last.path)

    def _adding_ended(self) -> None:
        self.add_button.setEnabled(True)
        self.reload()

    # -- removing -----------------------------------------------------------------------------

    def remove(self) -> None:
        """Take the selected model off the list; undo stands in a notice."""
        row = self.selected()
        if row is None or not self.details.remove_button.isEnabled():
            return
        self.error.set_text("")
        job = self._background.run(partial(_remove, self._library, row))
        job.done.connect(self._was_removed)
        job.failed.connect(self._fail)

    def _was_removed(self, removed: _Removed) -> None:
        self._removed = removed
        rest = "Its file stays where it is." if removed.kept else "Its file is in the trash."
        self.undo_notice.set_text(f"{removed.name} is off the list. {rest}")
        self.library_changed.emit()
        self.reload()

    def _undo(self) -> None:
        if self._removed is not None:
            removed, self._removed = self._removed, None
            self.undo_notice.set_text("")
            job = self._background.run(partial(self._library.add, removed.path))
            job.done.connect(self._added)
            job.failed.connect(self._fail)

    # -- hands --------------------------------------------------------------------------------

    def _menu(self, position: QPoint) -> None:
        if not self.list.indexAt(position).isValid():
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        use = menu.addAction(self.details.use_button.text(), self.choose)
        use.setEnabled(self.details.use_button.isEnabled())
        remove = menu.addAction("Remove", self.remove)
        remove.setEnabled(self.details.remove_button.isEnabled())
        menu.addAction("Show in its folder", self._show_file)
        menu.popup(self.list.viewport().mapToGlobal(position))

    def _show_file(self) -> None:
        row = self.selected()
        if row is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(row.entry.path.parent)))

    def _show_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._folder)))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        control = event.modifiers() == Qt.KeyboardModifier.ControlModifier
        if event.key() == Qt.Key.Key_F and control:
            self.search.setFocus()
            self.search.selectAll()
        elif event.key() == Qt.Key.Key_Escape and self.search.text():
            self.search.clear()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._in_list():
            self.choose()
        elif event.key() == Qt.Key.Key_Delete and self.list.hasFocus():
            self.remove()
        elif event.key() == Qt.Key.Key_Down and self.search.hasFocus():
            self.list.setFocus()
        else:
            super().keyPressEvent(event)

    def _in_list(self) -> bool:
        return self.list.hasFocus() or self.search.hasFocus()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.reload()
        self._slow.start()
        self.search.setFocus()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if dropped_files(event):
            event.acceptProposedAction()
            self._set_dropping(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._set_dropping(False)

    def dropEvent(self, event: QDropEvent) -> None:
        self._set_dropping(False)
        files = dropped_files(event)
        if files:
            event.acceptProposedAction()
            self.add(files)

    def _set_dropping(self, dropping: bool) -> None:
        self._dropping = dropping
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._dropping:
            painter = QPainter(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(self.theme.tokens.accent, 2, Qt.PenStyle.DashLine))
            painter.setBrush(self.theme.tokens.accent_soft)
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(5, 5, -5, -5), RADIUS, RADIUS)


def dropped_files(event: QDropEvent) -> list[str]:
    """The local files that are being dropped."""
    return [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]


def _remove(library: Library, row: Row) -> _Removed:
    entry = row.entry
    return _Removed(entry.name, library.remove(entry.path), entry.source == "added")
