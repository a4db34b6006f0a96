"""The first thing a person sees: what this is, which model is ready, and four ways to begin."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from chatdesk.ui.controls import QuietScrollBar, TextButton
from chatdesk.ui.dialog import label
from chatdesk.ui.header import ModelKind
from chatdesk.ui.icons import application_icon, pixmap
from chatdesk.ui.provider_mark import provider_mark
from chatdesk.ui.theme import S1, S2, S3, S4, S5, S6, Theme

TITLE = "Private AI chat on your own computer"
LINE = "Nothing you write leaves it. No account, no network."
# Icon and words; the button says what it sends.
SUGGESTIONS = (
    ("planet", "Name the planets of the solar system"),
    ("book", "Write a short story about a lighthouse"),
    ("sun", "Explain why the sky is blue"),
    ("idea", "Give me three ideas for a rainy Sunday"),
)
MARK = 48
SUGGESTION = 40  # pixels high
LOW = 420  # in a window lower than this the mark makes room
COLUMN = 560  # the content grows no wider, pixels
TWO_COLUMNS = 480  # suggestions stand side by side from this width on


class Welcome(QScrollArea):
    """suggestion_chosen(text): send this. models_requested: show what bigger models there are."""

    suggestion_chosen = Signal(str)
    models_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setObjectName("welcome")
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBar(QuietScrollBar(self))
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        page = QWidget(self)
        self.setWidget(page)
        self._column = QWidget(page)
        self._column.setMaximumWidth(COLUMN)
        across = QHBoxLayout(page)
        across.setContentsMargins(S5, S4, S5, S4)
        across.addStretch(1)
        across.addWidget(self._column, 1_000)
        across.addStretch(1)

        mark = self._mark = _Mark(self._column)
        title = self._title = label("", "title", self._column)
        title.setWordWrap(True)
        title.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        line = self._line = label("", "secondary", self._column)
        line.setWordWrap(True)
        line.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.card = _ModelCard(theme, self._column)
        self.suggestions = [
            TextButton(
                text,
                f"Send “{text}”",
                theme,
                self._column,
                icon=icon,
                look="outlined",
                padding=S3,
                height=SUGGESTION,
            )
            for icon, text in SUGGESTIONS
        ]
        self._grid = QGridLayout()
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(S2)
        for button in self.suggestions:
            button.setObjectName("suggestion")
            button.clicked.connect(self._chosen)
        self.more = QPushButton("Want better answers? Add a bigger model", self._column)
        self.more.setObjectName("biggerModelButton")
        self.more.setProperty("kind", "link")
        self.more.setAutoDefault(False)
        self.more.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.more.setToolTip("Show the models that fit this computer")
        self.more.clicked.connect(self.models_requested)

        down = QVBoxLayout(self._column)
        down.setContentsMargins(0, 0, 0, 0)
        down.setSpacing(0)
        down.addStretch(2)
        down.addWidget(mark, 0, Qt.AlignmentFlag.AlignHCenter)
        down.addSpacing(S4)
        down.addWidget(title)
        down.addSpacing(S1)
        down.addWidget(line)
        down.addSpacing(S5)
        down.addWidget(self.card, 0, Qt.AlignmentFlag.AlignHCenter)
        down.addSpacing(S5)
        down.addLayout(self._grid)
        down.addSpacing(S3)
        down.addWidget(self.more, 0, Qt.AlignmentFlag.AlignHCenter)
        down.addStretch(3)
        self._columns = 0
        self._arrange(2)
        self.set_model("", "", "none")

    def set_model(
        self, name: str, size_text: str, state: ModelKind, title: str = "", line: str = ""
    ) -> None:
        """The model that will answer: its name, its size in words, what it is doing.

        For a remote one size_text is where it runs, title and line say what this chat is.
        """
        self.card.tell(name, size_text, state)
        self._title.setText(title or TITLE)
        self._line.setText(line or LINE)
        self.more.setVisible(state not in ("remote", "beside"))

    def _chosen(self) -> None:
        button = self.sender()
        if isinstance(button, TextButton):
            self.suggestion_chosen.emit(button.text())

    def _arrange(self, columns: int) -> None:
        if columns == self._columns:
            return
        self._columns = columns
        for number, button in enumerate(self.suggestions):
            self._grid.addWidget(button, number // columns, number % columns)
        self._grid.setColumnStretch(0, 1)
        self._grid.setColumnStretch(1, 1 if columns == 2 else 0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._mark.setVisible(self.viewport().height() >= LOW)
        wide = self.viewport().width() - S5 * 2
        longest = max(button.sizeHint().width() for button in self.suggestions)
        self._arrange(2 if min(wide, COLUMN) >= max(TWO_COLUMNS, longest * 2 + S2) else 1)


class _Mark(QWidget):
    """The application's icon."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._icon = application_icon()
        self.setFixedSize(MARK, MARK)

    def paintEvent(self, event: QPaintEvent) -> None:
        self._icon.paint(QPainter(self), self.rect())


class _ModelCard(QFrame):
    """The model's name and size, and that it runs here."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._state: ModelKind = "none"
        self.setProperty("card", "true")
        self.setObjectName("modelCard")
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self._name = QLabel(self)
        self._name.setTextFormat(Qt.TextFormat.PlainText)
        self._name.setProperty("tone", "heading")
        self._about = QLabel(self)
        self._about.setTextFormat(Qt.TextFormat.PlainText)
        self._about.setProperty("tone", "secondary")
        column = QVBoxLayout(self)
        column.setContentsMargins(S3 + S6 + S1 + S3, S3, S5, S3)
        column.setSpacing(2)
        column.addWidget(self._name)
        column.addWidget(self._about)
        theme.changed.connect(self.update)

    def tell(self, name: str, size_text: str, state: ModelKind) -> None:
        self._state = state
        words = {
            "ready": "runs on this computer",
            "loading": "loading",
            "failed": "could not be loaded",
            "remote": "",
            "beside": "",
            "none": "runs on this computer",
        }[state]
        self._name.setText(name or "No model yet")
        about = " · ".join(part for part in (size_text, words) if part)
        self._about.setText(about if name else "Add a model file to begin")
        self.setAccessibleName(f"{self._name.text()}, {self._about.text()}")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        tokens = self._theme.tokens
        name, ink = {
            "failed": ("warning", tokens.danger),
            "remote": (provider_mark(here=False), tokens.remote),
            "beside": (provider_mark(here=True), tokens.remote),
        }.get(self._state, ("model", tokens.accent))
        side = S6 + S1
        top = (self.height() - side) // 2
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(tokens.accent_soft)
        painter.drawEllipse(S3, top, side, side)
        image = pixmap(name, ink, 20, self.devicePixelRatioF())
        painter.drawPixmap(S3 + (side - 20) // 2, top + (side - 20) // 2, image)
