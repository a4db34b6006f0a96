"""The model picker: what opens below the header's model button.

It offers and tells what was chosen; what that means for conversations and models is the
controller's business. Lists that are still being asked for come in while it is open.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QModelIndex, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QListView, QWidget

from chatdesk.ui.controls import TextButton, hint
from chatdesk.ui.dialog import Line
from chatdesk.ui.model_picker.offers import Row, Shelf, rows_for
from chatdesk.ui.model_picker.rows import PickerDelegate, PickerRows
from chatdesk.ui.search_panel import SearchPanel
from chatdesk.ui.theme import S1, S2, Theme

WIDTH = 500  # pixels, with an interface font of USUAL_POINTS; more with a larger one
USUAL_POINTS = 10
ROWS = 14
FOR_NEW_KEY = "Ctrl+Return"

_MOVING = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)


class ModelPicker(SearchPanel):
    """chosen(key, remote): use this model in the open conversation.

    for_new_chosen(key, remote): use it for new chats. retry_requested(provider): ask for its list
    again. models_requested, providers_requested(provider or ""): open the managers. below: the
    widget it opens under.
    """

    chosen = Signal(str, bool)
    for_new_chosen = Signal(str, bool)
    retry_requested = Signal(str)
    models_requested = Signal()
    providers_requested = Signal(str)

    def __init__(
        self, theme: Theme, parent: QWidget | None = None, *, below: QWidget | None = None
    ) -> None:
        self.list = QListView()
        super().__init__(
            "Models",
            "Search models, or type a name",
            self.list,
            theme,
            parent,
            width=WIDTH,
            rows=ROWS,
        )
        self.setObjectName("modelPicker")
        self.search.setObjectName("modelPickerSearch")
        self.list.setObjectName("modelPickerList")
        self._below = below
        self._shelves: Sequence[Shelf] = ()
        self._in_use: str | None = None
        self._for_new: str | None = None
        self._unfolded: set[str] = set()
        self._touched = False  # the person typed or moved: the selection is theirs
        self._moved = False  # the person moved through the list
        self.rows = PickerRows(self)
        self.list.setModel(self.rows)
        self.list.setItemDelegate(PickerDelegate(theme, self.list))
        self.list.setResizeMode(QListView.ResizeMode.Adjust)
        self.list.selectionModel().currentChanged.connect(self._offer_for_new)
        self.column.addWidget(Line(theme, self))
        self.for_new_button = TextButton(
            "Use for new chats", hint("Use it for new chats", FOR_NEW_KEY), theme, self
        )
        self.for_new_button.setObjectName("useForNewChatsButton")
        self.models_button = TextButton("Manage models", "Add and remove model files", theme, self)
        self.models_button.setObjectName("manageModelsButton")
        self.providers_button = TextButton(
            "Manage providers", "Add servers and their keys", theme, self
        )
        self.providers_button.setObjectName("manageProvidersButton")
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(S1)
        row.addWidget(self.for_new_button)
        row.addStretch(1)
        row.addWidget(self.models_button)
        row.addWidget(self.providers_button)
        self.column.addLayout(row)
        self.for_new_button.clicked.connect(self._choose_for_new)
        self.models_button.clicked.connect(self._manage_models)
        self.providers_button.clicked.connect(lambda: self._manage_providers(""))
        self.show_query()

    def set_offers(self, shelves: Sequence[Shelf], in_use: str | None, for_new: str | None) -> None:
        """Show these; the selection, the search and the place in the list stay.

        in_use, for_new: keys of the models that answer here and in new chats.
        """
        self._shelves, self._in_use, self._for_new = shelves, in_use, for_new
        before = self.rows.row(self.list.currentIndex())
        place = self.list.verticalScrollBar().value()
        self.show_query()
        if not self._touched:
            self._select(lambda row: row.in_use)
            return
        # A name to use as typed was offered because nothing else was there yet.
        makeshift = before is not None and before.kind == "typed" and not self._moved
        if (
            before is not None
            and not makeshift
            and self._select(lambda row: row.identity == before.identity)
        ):
            self.list.verticalScrollBar().setValue(place)

    def name_of(self, key: str | None) -> str:
        """What a model that is offered is called; "" for one that is not."""
        offers = (offer for shelf in self._shelves for offer in shelf.offers)
        return next((offer.name for offer in offers if offer.key == key), "")

    def refill(self, query: str) -> str:
        self.rows.set_rows(
            rows_for(
                self._shelves,
                query,
                in_use=self._in_use,
                for_new=self._for_new,
                unfolded=self._unfolded,
            )
        )
        return "No model has this name. Providers are added under Manage providers."

    def choose(self, index: QModelIndex) -> None:
        row = self.rows.row(index)
        if row is None or not row.selectable:
            return
        if row.kind == "more":
            at = index.row()
            self._unfolded.add(row.shelf.provider)
            self.show_query()
            self.select(at)
        elif row.kind == "error":
            if row.shelf.error is not None and row.shelf.error.retryable:
                self.retry_requested.emit(row.shelf.provider)
            else:
                self._manage_providers(row.shelf.provider)
        else:
            self.accept()
            self.chosen.emit(row.key, row.shelf.remote)

    def place(self, room: QSize, height: Callable[[int], int]) -> QRect:
        """Below the model button, ending where it ends, within the window."""
        wanted = round(WIDTH * max(1.0, self.theme.chrome_size / USUAL_POINTS))
        width = min(wanted, room.width() - S2 * 2)
        end = room.width() - S2
        if self._below is not None and (around := self.parentWidget()) is not None:
            mirrored = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
            corner = QPoint(0 if mirrored else self._below.width(), 0)
            at = self._below.mapTo(around, corner).x()
            end = at + width if mirrored else at
        left = min(max(S2, end - width), room.width() - width - S2)
        return QRect(left, self.top(room), width, height(width))

    def top(self, room: QSize) -> int:
        if self._below is None or (around := self.parentWidget()) is None:
            return super().top(room)
        return self._below.mapTo(around, QPoint(0, self._below.height())).y() + S1

    def key(self, event: QKeyEvent) -> bool:
        self._touched = True
        self._moved = event.key() in _MOVING
        control = event.modifiers() & Qt.KeyboardModifier.ControlModifier
        if control and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._choose_for_new()
            return True
        return super().key(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.oldSize().width() != event.size().width():
            self.list.scheduleDelayedItemsLayout()  # errors are broken into lines anew

    # -- inner --------------------------------------------------------------------------------

    def _select(self, wanted: Callable[[Row], bool]) -> bool:
        for at, row in enumerate(self.rows.rows):
            if row.selectable and wanted(row):
                self.select(at)
                return True
        return False

    def _current_model(self) -> Row | None:
        row = self.rows.row(self.list.currentIndex())
        return row if row is not None and row.kind in ("model", "typed") else None

    def _offer_for_new(self) -> None:
        row = self._current_model()
        self.for_new_button.setEnabled(row is not None and not row.for_new)

    def _choose_for_new(self) -> None:
        row = self._current_model()
        if row is not None and not row.for_new:
            self.for_new_chosen.emit(row.key, row.shelf.remote)

    def _manage_models(self) -> None:
        self.accept()
        self.models_requested.emit()

    def _manage_providers(self, provider: str) -> None:
        self.accept()
        self.providers_requested.emit(provider)
