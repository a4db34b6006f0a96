"""Toasts: what just happened, said once at the bottom, with the chance to take it back.

A toast goes by itself after TOAST_MS, but not while the pointer or the focus is on it; an error
stays until it is dismissed. A screen reader is told at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from PySide6.QtCore import (
    QEasingCurve,
    QEvent,
    QObject,
    QRect,
    QRectF,
    QSize,
    Qt,
    QTimer,
    QVariantAnimation,
    Signal,
)
from PySide6.QtGui import (
    QEnterEvent,
    QFontMetrics,
    QKeyEvent,
    QPainter,
    QPaintEvent,
)
from PySide6.QtWidgets import QGraphicsOpacityEffect, QHBoxLayout, QLabel, QSizePolicy, QWidget

from chatdesk.ui.controls import Button, hint, ring
from chatdesk.ui.dialog import announce
from chatdesk.ui.icons import pixmap
from chatdesk.ui.theme import ICON, RADIUS, RADIUS_SMALL, S1, S2, S3, S4, TARGET, Theme

TOAST_MS = 8_000
MOST = 3  # shown at the same time; the oldest makes room
WIDEST = 560  # pixels

ToastKind = Literal["info", "error"]


class Toasts(QWidget):
    """Lies over its parent and stacks toasts at the bottom, `lift` pixels above the edge.

    It is only as large as the toasts, so that it takes no click meant for what is below it.
    actable(bool): there is something that act() would do, or no more.
    """

    actable = Signal(bool)

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._shown: list[Toast] = []
        self._lift = S4
        self._actable = False
        self.setObjectName("toasts")
        self.hide()
        parent.installEventFilter(self)

    def show_message(
        self,
        text: str,
        action_label: str | None = None,
        callback: Callable[[], object] | None = None,
        kind: ToastKind = "info",
        *,
        undoes: bool = True,
    ) -> Toast:
        """Say something; with an action_label a button calls callback once and ends the toast.

        undoes: the action takes something back, so that act() (Ctrl+Z) does it.

        The same text again (without an action) replaces the toast that says it already.
        """
        for toast in list(self._shown):
            if toast.text == text and (callback is None or not undoes):
                self._remove(toast)
        while len(self._shown) >= MOST:
            self._remove(self._shown[0])
        toast = Toast(text, action_label, callback, kind, self._theme, self)
        toast.undoes = undoes and toast.action_button is not None
        toast.ended.connect(self._ended)
        self._shown.append(toast)
        self._tell_actable()
        toast.show()
        self.show()
        self.raise_()
        self._arrange()
        toast.appear()
        announce(self, text, urgent=kind == "error")
        return toast

    def act(self) -> bool:
        """Press the newest toast's action, as Ctrl+Z does; returns whether there was one."""
        for toast in reversed(self._shown):
            if toast.undoes and toast.action_button is not None:
                toast.action_button.click()
                return True
        return False

    def dismiss(self, text: str) -> None:
        """Take away what says this, if it is shown: it is no longer true."""
        for toast in list(self._shown):
            if toast.text == text:
                self._remove(toast)

    def clear(self) -> None:
        """Take all toasts away."""
        for toast in list(self._shown):
            self._remove(toast)

    def set_lift(self, pixels: int) -> None:
        """How far above the parent's lower edge the lowest toast ends (the composer's height)."""
        self._lift = pixels
        self._arrange()

    @property
    def texts(self) -> list[str]:
        """What is being said now, oldest first."""
        return [toast.text for toast in self._shown]

    def _ended(self, toast: Toast) -> None:
        self._remove(toast)

    def _remove(self, toast: Toast) -> None:
        if toast not in self._shown:
            return
        self._shown.remove(toast)
        self._tell_actable()
        toast.stop()
        toast.hide()
        toast.deleteLater()
        if not self._shown:
            self.hide()
        self._arrange()

    def _tell_actable(self) -> None:
        actable = any(toast.undoes for toast in self._shown)
        if actable != self._actable:
            self._actable = actable
            self.actable.emit(actable)

    def _arrange(self) -> None:
        parent = self.parentWidget()
        if parent is None or not self._shown:
            return
        room = max(120, min(WIDEST, parent.width() - S4 * 2))
        sizes = [toast.fitting(room) for toast in self._shown]
        width = max(size.width() for size in sizes)
        height = sum(size.height() for size in sizes) + S2 * (len(sizes) - 1)
        self.setGeometry(
            (parent.width() - width) // 2, parent.height() - self._lift - height, width, height
        )
        y = 0
        for toast, size in zip(self._shown, sizes, strict=True):
            toast.setGeometry((width - size.width()) // 2, y, size.width(), size.height())
            y += size.height() + S2

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and watched is self.parentWidget():
            self._arrange()
        return super().eventFilter(watched, event)


class Toast(QWidget):
    """One message. ended(self): its time is over, it was dismissed or its action was pressed."""

    ended = Signal(object)

    def __init__(
        self,
        text: str,
        action_label: str | None,
        callback: Callable[[], object] | None,
        kind: ToastKind,
        theme: Theme,
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self.text = text
        self.undoes = False
        self._theme = theme
        self._kind = kind
        self._callback = callback
        self.setObjectName("toast")
        self.setAccessibleName(text)
        self._label = QLabel(text, self)
        self._label.setTextFormat(Qt.TextFormat.PlainText)
        self._label.setWordWrap(True)
        self._label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        row = self._row = QHBoxLayout(self)
        row.setContentsMargins(S4, S2, S2, S2)
        if kind == "error":
            row.setContentsMargins(S3 + ICON + S2, S2, S2, S2)
        row.setSpacing(S2)
        row.addWidget(self._label, 1)
        self.action_button: Button | None = None
        if action_label:
            tip = hint(action_label, "Ctrl+Z") if action_label == "Undo" else action_label
            self.action_button = _ToastButton(action_label, "", tip, theme, self)
            self.action_button.setObjectName("toastAction")
            self.action_button.clicked.connect(self._act)
            row.addWidget(self.action_button)
        self.close_button = _ToastButton("", "close", hint("Dismiss", "Esc"), theme, self)
        self.close_button.setObjectName("toastClose")
        self.close_button.clicked.connect(self._end)
        row.addWidget(self.close_button)
        for button in (self.action_button, self.close_button):
            if button is not None:
                button.installEventFilter(self)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(TOAST_MS)
        self._timer.timeout.connect(self._end)
        self._motion = QVariantAnimation(self)
        self._motion.setEasingCurve(QEasingCurve.Type.OutCubic)
        self._motion.setStartValue(0.0)
        self._motion.setEndValue(1.0)
        self._motion.valueChanged.connect(self._fade)
        self._motion.finished.connect(self._settled)
        theme.changed.connect(self._dress)
        self._dress()
        self._run()

    @property
    def running(self) -> bool:
        """Whether it will go by itself."""
        return self._timer.isActive()

    def appear(self) -> None:
        """Fade in; at once with reduced motion."""
        if duration := self._theme.duration():
            self.setGraphicsEffect(QGraphicsOpacityEffect(self))
            self._motion.setDuration(duration)
            self._motion.start()

    def stop(self) -> None:
        self._timer.stop()
        self._motion.stop()

    def fitting(self, room: int) -> QSize:
        """The size it needs where `room` pixels are free."""
        margins = self._row.contentsMargins()
        side = margins.left() + margins.right() + S2 + self.close_button.sizeHint().width()
        if self.action_button is not None:
            side += S2 + self.action_button.sizeHint().width()
        metrics = QFontMetrics(self._theme.chrome_font())
        flags = int(Qt.TextFlag.TextWordWrap)
        text = metrics.boundingRect(QRect(0, 0, max(60, room - side), 10_000), flags, self.text)
        height = max(text.height(), TARGET) + margins.top() + margins.bottom()
        return QSize(min(room, text.width() + S1 + side), height)

    def _run(self) -> None:
        if self._kind != "error":
            self._timer.start()

    def _act(self) -> None:
        callback, self._callback = self._callback, None
        self.ended.emit(self)
        if callback is not None:
            callback()

    def _end(self) -> None:
        self.ended.emit(self)

    def _fade(self, value: float) -> None:
        effect = self.graphicsEffect()
        if isinstance(effect, QGraphicsOpacityEffect):
            effect.setOpacity(value)

    def _settled(self) -> None:
        # A finished effect would go on painting the toast into a picture at every change.
        self.setGraphicsEffect(None)  # type: ignore[arg-type]

    def _dress(self) -> None:
        palette = self._label.palette()
        palette.setColor(self._label.foregroundRole(), self._theme.inverse.text)
        self._label.setPalette(palette)
        self.update()

    def _rest(self) -> None:
        """Wait while somebody is here, go on when nobody is."""
        inside = self.underMouse() or any(
            button is not None and button.hasFocus()
            for button in (self.action_button, self.close_button)
        )
        if inside:
            self._timer.stop()
        elif not self._timer.isActive():
            self._run()

    def enterEvent(self, event: QEnterEvent) -> None:
        super().enterEvent(event)
        self._timer.stop()

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._rest()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.FocusIn, QEvent.Type.FocusOut):
            QTimer.singleShot(0, self, self._rest)
        elif (
            isinstance(event, QKeyEvent)
            and event.type() == QEvent.Type.KeyPress
            and event.key() == Qt.Key.Key_Escape
        ):
            self._end()
            return True
        return super().eventFilter(watched, event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        inverse = self._theme.inverse
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(inverse.raised)
        painter.drawRoundedRect(QRectF(self.rect()), RADIUS, RADIUS)
        if self._kind == "error":
            mark = pixmap("warning", inverse.danger, ICON, self.devicePixelRatioF())
            painter.drawPixmap(S3, (self.height() - ICON) // 2, mark)


class _ToastButton(Button):
    """A button in the inverse colours: text in the accent, or an icon."""

    def __init__(self, text: str, icon: str, tip: str, theme: Theme, parent: QWidget) -> None:
        super().__init__(theme, tip, parent)
        self._icon = icon
        self.setText(text)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        if self._icon:
            return QSize(TARGET, TARGET)
        metrics = QFontMetrics(self.theme.chrome_font(bold=True))
        return QSize(metrics.horizontalAdvance(self.text()) + S3 * 2, TARGET)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        inverse = self.theme.inverse
        if self._warmth or self.isDown():
            shade = inverse.pressed if self.isDown() else inverse.hover
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(shade)
            painter.drawRoundedRect(QRectF(self.rect()), RADIUS_SMALL, RADIUS_SMALL)
        if self._icon:
            image = pixmap(self._icon, inverse.secondary, ICON, self.devicePixelRatioF())
            painter.drawPixmap((self.width() - ICON) // 2, (self.height() - ICON) // 2, image)
        else:
            painter.setFont(self.theme.chrome_font(bold=True))
            painter.setPen(inverse.accent)
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.text())
        if self.ringed:
            ring(painter, QRectF(self.rect()), inverse.accent, RADIUS_SMALL)
