"""The header: which conversation this is, which model answers, how full its context is."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QPoint, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QFontMetrics,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QSizePolicy, QStackedWidget, QWidget

from chatdesk.ui.controls import Button, IconButton, TextButton, hint, ring
from chatdesk.ui.meter import ContextMeter
from chatdesk.ui.provider_mark import provider_mark
from chatdesk.ui.theme import HEADER, RADIUS_SMALL, S1, S2, S3, TARGET, Theme

ModelKind = Literal["none", "loading", "ready", "failed", "remote", "beside"]

LOADING_LINE = 2  # pixels
MODEL_WIDTH = 260  # the model button grows no wider, pixels


class Header(QWidget):
    """renamed(title): the person gave the open conversation this title.

    sidebar_requested: show or hide the sidebar. new_requested: from the button that stands here
    while the sidebar is hidden. menu_requested carries the global point below the menu button.
    """

    renamed = Signal(str)
    model_requested = Signal()
    menu_requested = Signal(QPoint)
    sidebar_requested = Signal()
    new_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._fraction: float | None = None
        self.setFixedHeight(HEADER)
        self.sidebar_button = IconButton("sidebar", hint("Hide the sidebar", "Ctrl+B"), theme, self)
        self.sidebar_button.setObjectName("sidebarButton")
        self.new_button = IconButton("plus", hint("New chat", "Ctrl+N"), theme, self)
        self.new_button.setObjectName("headerNewChatButton")
        self.new_button.hide()
        self.title = _Title(theme, self)
        self.model_button = _ModelButton(theme, self)
        self.meter = ContextMeter(theme, self)
        self.menu_button = IconButton("more", "More", theme, self)
        self.menu_button.setObjectName("menuButton")
        row = QHBoxLayout(self)
        row.setContentsMargins(S2, 0, S2, 0)
        row.setSpacing(S1)
        row.addWidget(self.sidebar_button)
        row.addWidget(self.new_button)
        row.addWidget(self.title, 1)
        row.addSpacing(S2)
        row.addWidget(self.model_button)
        row.addWidget(self.meter)
        row.addWidget(self.menu_button)
        self.sidebar_button.clicked.connect(self.sidebar_requested)
        self.new_button.clicked.connect(self.new_requested)
        self.model_button.clicked.connect(self.model_requested)
        self.menu_button.clicked.connect(self._menu)
        self.title.renamed.connect(self.renamed)
        theme.changed.connect(self.update)

    # -- data in --------------------------------------------------------------------------------

    def set_title(self, title: str) -> None:
        self.title.set_title(title)

    def set_renamable(self, renamable: bool) -> None:
        """Whether there is a conversation whose title can be changed."""
        self.title.set_renamable(renamable)

    def begin_rename(self) -> None:
        """Let the person change the title in its place."""
        self.title.begin()

    def set_model(self, name: str, state: ModelKind, about: str = "") -> None:
        """The model's name and what it is doing; "remote" and "beside" (another program
        on this computer) wear the violet mark.

        about: what more there is to say in the tooltip in place of the usual words.
        """
        self.model_button.set_model(name, state, about)

    def set_loading(self, fraction: float | None) -> None:
        """How much of the model is loaded, 0 to 1; None: nothing is loading."""
        self._fraction = None if fraction is None else min(1.0, max(0.0, fraction))
        self.model_button.set_progress(self._fraction)
        self.update()

    def set_context(
        self,
        used: int | None,
        window: int | None,
        left_out: int = 0,
        detail: str = "",
        *,
        estimated: bool = False,
        remote: bool = False,
    ) -> None:
        """See ContextMeter.set_context."""
        self.meter.set_context(used, window, left_out, detail, estimated=estimated, remote=remote)

    def set_sidebar_shown(self, shown: bool) -> None:
        """Whether the sidebar stands beside: without it the way to a new chat is here."""
        self.new_button.setVisible(not shown)
        self.sidebar_button.set_hint(
            hint("Hide the sidebar" if shown else "Show the sidebar", "Ctrl+B")
        )

    # -- inner ----------------------------------------------------------------------------------

    def _menu(self) -> None:
        button = self.menu_button
        self.menu_requested.emit(button.mapToGlobal(button.rect().bottomRight()))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.model_button.setMaximumWidth(max(96, min(MODEL_WIDTH, self.width() * 2 // 5)))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        tokens = self._theme.tokens
        painter.fillRect(self.rect(), tokens.window)
        painter.fillRect(0, self.height() - 1, self.width(), 1, tokens.border)
        if self._fraction is not None:
            done = round(self.width() * max(0.02, self._fraction))
            left = self.width() - done if self.layoutDirection().value else 0
            painter.fillRect(left, self.height() - LOADING_LINE, done, LOADING_LINE, tokens.accent)


class _Title(QStackedWidget):
    """The title as a button that turns into a field."""

    renamed = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(TARGET)
        self.setMinimumWidth(S3 * 5)
        self.label = _TitleLabel(theme, self)
        self.field = _TitleField(self)
        self.addWidget(self.label)
        self.addWidget(self.field)
        self._renaming = False
        self.label.clicked.connect(self.begin)
        self.field.ended.connect(self._ended)

    def set_title(self, title: str) -> None:
        self.label.set_title(" ".join(title.split()))

    def set_renamable(self, renamable: bool) -> None:
        self.label.setEnabled(renamable)

    def begin(self) -> None:
        if not self.label.isEnabled():
            return
        self._renaming = True
        self.field.setText(self.label.text())
        self.field.selectAll()
        self.setCurrentWidget(self.field)
        self.field.setFocus(Qt.FocusReason.OtherFocusReason)

    def _ended(self, accepted: bool) -> None:
        # To hide the field takes the focus from it, which ends it once more.
        if not self._renaming:
            return
        self._renaming = False
        title = " ".join(self.field.text().split())
        self.setCurrentWidget(self.label)
        if accepted and title and title != self.label.text():
            self.set_title(title)
            self.renamed.emit(title)


class _TitleLabel(Button):
    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(theme, "", parent)
        self.setObjectName("titleButton")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.set_title("")

    def set_title(self, title: str) -> None:
        self.setText(title)
        tip = hint("Rename", "F2")
        metrics = QFontMetrics(self.theme.chrome_font(bold=True))
        if metrics.horizontalAdvance(title) > self.width() - S2 * 2:
            tip = f"{title}\n{tip}"
        self.set_hint(tip, f"{title}, rename")
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.set_title(self.text())

    def sizeHint(self) -> QSize:
        metrics = QFontMetrics(self.theme.chrome_font(bold=True))
        return QSize(metrics.horizontalAdvance(self.text()) + S2 * 2 + 2, TARGET)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(self.theme.chrome_font(bold=True))
        metrics = painter.fontMetrics()
        text = metrics.elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width() - S2 * 2)
        rtl = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
        area = QRectF(self.rect())
        width = min(area.width(), metrics.horizontalAdvance(text) + S2 * 2 + 2)
        if rtl:
            area.setLeft(area.right() - width)
        else:
            area.setWidth(width)
        if (shade := self.ground()) is not None:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(shade)
            painter.drawRoundedRect(area, RADIUS_SMALL, RADIUS_SMALL)
        painter.setPen(self.theme.tokens.text)
        side = Qt.AlignmentFlag.AlignRight if rtl else Qt.AlignmentFlag.AlignLeft
        flags = side | Qt.AlignmentFlag.AlignAbsolute | Qt.AlignmentFlag.AlignVCenter
        painter.setLayoutDirection(Qt.LayoutDirection.LayoutDirectionAuto)
        painter.drawText(self.rect().adjusted(S2, 0, -S2, 0), flags, text)
        if self.ringed:
            ring(painter, area, self.theme.tokens.accent, RADIUS_SMALL)


class _TitleField(QLineEdit):
    """ended(accepted): by Enter or by leaving (accepted), by Escape (not)."""

    ended = Signal(bool)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("titleField")
        self.setAccessibleName("Title of the conversation")
        self.setMaxLength(500)
        self.editingFinished.connect(self._finished)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.ended.emit(False)
            return
        super().keyPressEvent(event)

    def _finished(self) -> None:
        self.ended.emit(True)


class _ModelButton(TextButton):
    """The model's name; while it loads, how far."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(
            "",
            "",
            theme,
            parent,
            icon="model",
            after="chevron-down",
            look="outlined",
            narrowest=96,
            padding=S2 + 2,
        )
        self.setObjectName("modelButton")
        self._name = ""
        self._kind: ModelKind = "none"
        self._about = ""
        self._progress: float | None = None
        self.set_model("", "none")

    def set_model(self, name: str, kind: ModelKind, about: str = "") -> None:
        self._name, self._kind, self._about = name, kind, about
        self._show()

    def set_progress(self, fraction: float | None) -> None:
        self._progress = fraction
        self._show()

    def _show(self) -> None:
        tokens = self.theme.tokens
        name = self._name or "Choose a model"
        icon, ink, state = "model", None, "ready, on this computer"
        if self._progress is not None or self._kind == "loading":
            percent = "" if self._progress is None else f" {round(self._progress * 100)}%"
            state = f"loading{percent}"
        elif self._kind == "failed":
            icon, ink, state = "warning", tokens.danger, "could not be loaded"
        elif self._kind in ("remote", "beside"):
            here = self._kind == "beside"
            icon, ink = provider_mark(here), tokens.remote
            state = "answers on this computer" if here else "what you write leaves this computer"
        elif self._kind == "none":
            state = "not loaded yet"
        state = self._about or state
        self.set_content(name, icon, ink)
        tip = f"{name}: {state}" if self._name else ""
        self.set_hint(
            f"{tip}\n{hint('Choose a model', 'Ctrl+M')}".strip(),
            f"Model: {name}, {state}" if self._name else "Choose a model",
        )
        self.update()

    def _theme_changed(self) -> None:
        super()._theme_changed()
        self._show()

    def paint_over(self, painter: QPainter) -> None:
        if self._progress is None and self._kind != "loading":
            return
        tokens = self.theme.tokens
        left, width, y = self.padding, self.width() - self.padding * 2, self.height() - 4.5
        painter.setPen(QPen(tokens.border, 2, c=Qt.PenCapStyle.RoundCap))
        painter.drawLine(QPoint(left, round(y)), QPoint(left + width, round(y)))
        if self._progress:
            painter.setPen(QPen(tokens.accent, 2, c=Qt.PenCapStyle.RoundCap))
            done = left + round(width * self._progress)
            painter.drawLine(QPoint(left, round(y)), QPoint(done, round(y)))
