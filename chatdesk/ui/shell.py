"""Sidebar and content beside each other, or in a narrow window the sidebar over the content.

Not a QSplitter: the sidebar slides, keeps its width while the window changes, and lies over the
content where there is no room beside it.
"""

from __future__ import annotations

from PySide6.QtCore import QEasingCurve, QEvent, Qt, QVariantAnimation, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QWidget

from chatdesk.ui.theme import S1, Theme

NARROW = 760  # below this width the sidebar lies over the content, pixels
WIDTH, NARROWEST, WIDEST = 272, 200, 480  # of the sidebar, pixels


class Shell(QWidget):
    """sidebar_toggled(shown): the sidebar is now there or not, for whatever reason.

    In a narrow window the sidebar is away until it is asked for, and goes when something was
    chosen in it; the person's wish for a wide window (sidebar_wanted) is not changed by that.
    """

    sidebar_toggled = Signal(bool)

    def __init__(self, theme: Theme, sidebar: QWidget, content: QWidget, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._sidebar = sidebar
        self._content = content
        self._width = WIDTH
        self._wanted = True
        self._over = False  # shown over the content, in a narrow window
        self._shown = True
        self._share = 1.0  # how much of the sidebar is in view
        content.setParent(self)
        self._veil = _Veil(theme, self)
        self._veil.hide()
        self._veil.pressed.connect(self.chosen)
        sidebar.setParent(self)
        self._handle = _Handle(theme, self)
        self._slide = QVariantAnimation(self)
        self._slide.setEasingCurve(QEasingCurve.Type.OutCubic)
        self._slide.valueChanged.connect(self._slid)
        self._slide.finished.connect(self._arrived)
        theme.changed.connect(self.update)

    # -- state ----------------------------------------------------------------------------------

    @property
    def overlaid(self) -> bool:
        """Whether the window is too narrow for the sidebar to stand beside the content."""
        return self.width() < NARROW

    @property
    def sidebar_shown(self) -> bool:
        return self._shown

    @property
    def sidebar_wanted(self) -> bool:
        """Whether the person wants the sidebar where there is room for it."""
        return self._wanted

    @property
    def sidebar_width(self) -> int:
        return self._width

    def set_sidebar_width(self, pixels: int) -> None:
        self._width = min(max(pixels, NARROWEST), WIDEST)
        self._arrange()

    def set_sidebar_shown(self, shown: bool, *, at_once: bool = False) -> None:
        """Show or hide the sidebar; it slides unless motion is reduced."""
        if self.overlaid:
            self._over = shown
        else:
            self._wanted = shown
        self._update(animated=not at_once)

    def chosen(self) -> None:
        """Something was chosen in the sidebar: where it covers the content it goes."""
        if self.overlaid and self._over:
            self._over = False
            self._update(animated=True)

    # -- inner ----------------------------------------------------------------------------------

    def _update(self, *, animated: bool) -> None:
        shown = self._over if self.overlaid else self._wanted
        changed = shown != self._shown
        self._shown = shown
        self._slide.stop()
        duration = self._theme.duration() if animated and self.isVisible() else 0
        if shown:
            self._sidebar.show()
        if duration and changed:
            self._slide.setDuration(duration)
            self._slide.setStartValue(self._share)
            self._slide.setEndValue(1.0 if shown else 0.0)
            self._slide.start()
        else:
            self._share = 1.0 if shown else 0.0
            self._arrived()
        self._arrange()
        if changed:
            self.sidebar_toggled.emit(shown)

    def _slid(self, share: float) -> None:
        self._share = share
        self._arrange()

    def _arrived(self) -> None:
        self._sidebar.setVisible(self._share > 0)
        self._arrange()

    def _arrange(self) -> None:
        rtl = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
        height, total = self.height(), self.width()
        width = min(self._width, total - 160) if self.overlaid else self._width
        width = max(0, min(width, max(NARROWEST, total - 360)))
        seen = round(width * self._share)
        self._sidebar.setGeometry(total - seen if rtl else seen - width, 0, width, height)
        beside = 0 if self.overlaid else seen
        self._content.setGeometry(0 if rtl else beside, 0, total - beside, height)
        self._veil.setVisible(self.overlaid and self._share > 0)
        self._veil.strength = self._share
        self._veil.setGeometry(0 if rtl else seen, 0, total - seen, height)
        line = total - seen if rtl else seen - 1
        self._handle.setVisible(seen > 0)
        self._handle.setGeometry(line - S1, 0, S1 * 2 + 1, height)

    def drag_to(self, x: int) -> None:
        """The handle was dragged to here."""
        rtl = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
        self.set_sidebar_width(self.width() - x if rtl else x)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        was_narrow = 0 <= event.oldSize().width() < NARROW
        if was_narrow != self.overlaid or not event.oldSize().isValid():
            self._over = False
            self._update(animated=False)
            self.sidebar_toggled.emit(self._shown)
        self._arrange()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.overlaid and self._over:
            self.chosen()
            return
        super().keyPressEvent(event)


class _Handle(QWidget):
    """The line between sidebar and content; drag it, or press it twice for the usual width."""

    def __init__(self, theme: Theme, shell: Shell) -> None:
        super().__init__(shell)
        self._theme = theme
        self._shell = shell
        self.setCursor(Qt.CursorShape.SplitHCursor)
        self.setToolTip("Drag to change the width")

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._shell.drag_to(self.mapTo(self._shell, event.position().toPoint()).x())

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self._shell.set_sidebar_width(WIDTH)

    def enterEvent(self, event: QEvent) -> None:
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        tokens = self._theme.tokens
        color = tokens.control_border if self.underMouse() else tokens.border
        painter.fillRect(S1, 0, 1, self.height(), color)


class _Veil(QWidget):
    """Darkens the content below a sidebar that lies over it; a click sends the sidebar away."""

    pressed = Signal()

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self.strength = 0.0

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.pressed.emit()

    def paintEvent(self, event: QPaintEvent) -> None:
        color = QColor(
            self._theme.tokens.text if not self._theme.dark else self._theme.tokens.sidebar
        )
        color.setAlphaF((0.6 if self._theme.dark else 0.25) * self.strength)
        QPainter(self).fillRect(self.rect(), color)
