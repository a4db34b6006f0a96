"""What all dialogs share: a body above a row of buttons, sizes that fit the screen, notices.

Dialogs are opened with open() or show(), never exec(): a nested event loop breaks the one that
qasync shares. GUI thread only.
"""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QAccessible,
    QAccessibleAnnouncementEvent,
    QColor,
    QGuiApplication,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from chatdesk.ui.icons import icon, pixmap
from chatdesk.ui.theme import ICON, RADIUS_SMALL, S2, S3, S4, S5, S6, Theme, mix

Tone = Literal["info", "done", "warning", "danger", "remote"]
# The icon of each tone, and the token of its colour.
_TONES: dict[Tone, tuple[str, str]] = {
    "info": ("info", "accent"),
    "done": ("check", "accent"),
    "warning": ("warning", "warning"),
    "danger": ("warning", "danger"),
    "remote": ("cloud", "remote"),
}


class Dialog(QDialog):
    """A dialog with `body` (a vertical layout without margins) and `buttons` below it."""

    def __init__(self, title: str, theme: Theme, parent: QWidget | None, size: QSize) -> None:
        super().__init__(parent)
        self.theme = theme
        self.setWindowTitle(title)
        self.setSizeGripEnabled(False)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        self.body = QVBoxLayout()
        self.body.setContentsMargins(0, 0, 0, 0)
        self.body.setSpacing(0)
        outer.addLayout(self.body, 1)
        outer.addWidget(Line(theme, self))
        self.buttons = QHBoxLayout()
        self.buttons.setContentsMargins(S4, S3, S4, S3)
        self.buttons.setSpacing(S2)
        outer.addLayout(self.buttons)
        self.resize(self._fitting(size))
        theme.changed.connect(self.refresh_theme)

    def add_close(self, text: str = "Close") -> QPushButton:
        """Put the button that closes the dialog (Escape does too) at the end of the buttons."""
        button = QPushButton(text, self)
        button.setObjectName("closeButton")
        button.setToolTip("Close (Esc)")
        button.setAutoDefault(False)
        button.clicked.connect(self.accept)
        self.buttons.addWidget(button)
        return button

    def refresh_theme(self) -> None:
        """Make again what does not follow the style sheet (icons). Subclasses extend it."""
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        # Qt lets Enter press a focused button only if Enter elsewhere could press it, too.
        focused = self.focusWidget()
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not (
            event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        )
        if enter and isinstance(focused, QPushButton | QToolButton):
            focused.click()
        else:
            super().keyPressEvent(event)

    def _fitting(self, wanted: QSize) -> QSize:
        """The wanted size, grown with large fonts and kept within the screen."""
        scale = max(1.0, self.theme.chrome_size / 10)
        screen = self.screen() or QGuiApplication.primaryScreen()
        room = screen.availableSize() - QSize(S4 * 2, S4 * 3)
        return QSize(round(wanted.width() * scale), round(wanted.height() * scale)).boundedTo(room)


class Line(QWidget):
    """A hairline between parts."""

    def __init__(self, theme: Theme, parent: QWidget | None = None, *, inset: int = 0) -> None:
        super().__init__(parent)
        self._theme = theme
        self._inset = inset
        self.setFixedHeight(1)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        area = self.rect().adjusted(self._inset, 0, -self._inset, 0)
        painter.fillRect(area, self._theme.tokens.border)


class Side(QWidget):
    """A column beside what it chooses, on the sidebar's colour."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        tokens = self._theme.tokens
        painter.fillRect(self.rect(), tokens.sidebar)
        mirrored = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
        painter.fillRect(0 if mirrored else self.width() - 1, 0, 1, self.height(), tokens.border)


class Notice(QFrame):
    """A short text that stands out, with a mark for its tone. Hidden while it has no text.

    closable: it can be dismissed. action: the text of a button whose click is acted.
    """

    dismissed = Signal()
    acted = Signal()

    def __init__(
        self,
        theme: Theme,
        tone: Tone,
        parent: QWidget | None = None,
        *,
        closable: bool = False,
        action: str = "",
    ) -> None:
        super().__init__(parent)
        self._theme = theme
        self._tone = tone
        row = QHBoxLayout(self)
        row.setContentsMargins(S3, S2, S3, S2)
        row.setSpacing(S2)
        self._mark = QLabel(self)
        self._mark.setFixedWidth(ICON)
        row.addWidget(self._mark, 0, Qt.AlignmentFlag.AlignVCenter)
        self.label = wrapped("", self)
        self.label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        row.addWidget(self.label, 1)
        if action:
            self.button = QPushButton(action, self)
            self.button.setProperty("kind", "quiet")
            self.button.setAutoDefault(False)
            self.button.clicked.connect(self.acted)
            row.addWidget(self.button, 0, Qt.AlignmentFlag.AlignVCenter)
        self._close: QToolButton | None = None
        if closable:
            self._close = tool_button(theme, "close", "Dismiss", self)
            self._close.clicked.connect(self._dismiss)
            row.addWidget(self._close, 0, Qt.AlignmentFlag.AlignVCenter)
        theme.changed.connect(self._refresh)
        self._refresh()
        self.hide()

    def set_text(self, text: str) -> None:
        """Show the notice with this text; an empty one hides it."""
        self.label.setText(text)
        self.setAccessibleName(text)
        self.setVisible(bool(text))

    def text(self) -> str:
        return self.label.text()

    @property
    def tone(self) -> Tone:
        return self._tone

    def set_tone(self, tone: Tone) -> None:
        """Say it in another tone from now on."""
        self._tone = tone
        self._refresh()

    def _dismiss(self) -> None:
        self.hide()
        self.dismissed.emit()

    def _refresh(self) -> None:
        tokens = self._theme.tokens
        name, ink = _TONES[self._tone]
        self._ink: QColor = getattr(tokens, ink)
        self._mark.setPixmap(pixmap(name, self._ink, ICON, self.devicePixelRatioF()))
        if self._close is not None:
            self._close.setIcon(icon("close", self._theme))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        window = self._theme.tokens.window
        painter.setBrush(mix(window, self._ink, 0.08))
        painter.setPen(QPen(mix(window, self._ink, 0.35), 1))
        area = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.drawRoundedRect(area, RADIUS_SMALL, RADIUS_SMALL)


class EmptyState(QWidget):
    """What stands where there is nothing: a mark, what is so, what to do, perhaps a button."""

    def __init__(
        self, theme: Theme, icon_name: str, action: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._theme = theme
        self._icon = icon_name
        column = QVBoxLayout(self)
        column.setContentsMargins(S5, S6, S5, S6)
        column.setSpacing(S2)
        column.addStretch(1)
        self._mark = QLabel(self)
        self._mark.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(self._mark)
        self._title = wrapped("", self, "heading")
        self._text = wrapped("", self, "secondary")
        for words in (self._title, self._text):
            words.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            column.addWidget(words)
        column.addSpacing(S2)
        self.button = QPushButton(action, self)
        self.button.setAutoDefault(False)
        self.button.setVisible(bool(action))
        column.addWidget(self.button, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(2)
        theme.changed.connect(self._refresh)
        self._refresh()

    def set_words(self, title: str, text: str) -> None:
        self._title.setText(title)
        self._text.setText(text)

    def text(self) -> str:
        return f"{self._title.text()} {self._text.text()}"

    def _refresh(self) -> None:
        color = self._theme.tokens.control_border
        self._mark.setPixmap(pixmap(self._icon, color, S6, self.devicePixelRatioF()))


class Label(QLabel):
    """A label of plain text that starts where the window's layout starts.

    Left to itself QLabel starts English text on the left even where everything else is mirrored.
    """

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self._follow_layout()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.LayoutDirectionChange:
            self._follow_layout()

    def _follow_layout(self) -> None:
        old = self.alignment()
        if old & Qt.AlignmentFlag.AlignHCenter:
            return
        mirrored = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
        side = Qt.AlignmentFlag.AlignRight if mirrored else Qt.AlignmentFlag.AlignLeft
        vertical = old & Qt.AlignmentFlag.AlignVertical_Mask
        self.setAlignment(side | Qt.AlignmentFlag.AlignAbsolute | vertical)


def label(text: str, tone: str = "", parent: QWidget | None = None) -> QLabel:
    """A label of plain text in one of the style sheet's tones ("title", "secondary", ...)."""
    widget = Label(text, parent)
    if tone:
        widget.setProperty("tone", tone)
    return widget


def wrapped(text: str, parent: QWidget | None = None, tone: str = "") -> QLabel:
    """A label that breaks lines and never asks for more width than there is."""
    widget = label(text, tone, parent)
    widget.setWordWrap(True)
    policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    policy.setHeightForWidth(True)
    widget.setSizePolicy(policy)
    return widget


def centred(page: QWidget, widest: int, holder: QWidget) -> QHBoxLayout:
    """Put a page in the middle of its holder, at most `widest` pixels wide; the layout for it."""
    row = QHBoxLayout(holder)
    row.setSpacing(0)
    page.setMaximumWidth(widest)
    row.addStretch(1)
    row.addWidget(page, 1000)
    row.addStretch(1)
    return row


def tool_button(
    theme: Theme, icon_name: str, name: str, parent: QWidget | None = None
) -> QToolButton:
    """A button that is only an icon: named for tooltips and screen readers, reached by Tab."""
    button = QToolButton(parent)
    button.setIcon(icon(icon_name, theme))
    button.setIconSize(QSize(ICON, ICON))
    button.setToolTip(name)
    button.setAccessibleName(name)
    button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    return button


def announce(widget: QWidget, text: str, *, urgent: bool = False) -> None:
    """Let a screen reader say what just changed on the screen; urgent interrupts it."""
    event = QAccessibleAnnouncementEvent(widget, text)
    polite = QAccessible.AnnouncementPoliteness
    event.setPoliteness(polite.Assertive if urgent else polite.Polite)
    QAccessible.updateAccessibility(event)
