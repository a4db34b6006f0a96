"""Our icons, drawn in the theme's colours and sharp at any device pixel ratio.

The drawings are resources/icons/NAME.svg: a grid of 24, strokes of 1.6 in currentColor. They are
rendered when first asked for and kept in Qt's pixmap cache. GUI thread only.
"""

from __future__ import annotations

from functools import cache

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QPainter, QPixmap, QPixmapCache
from PySide6.QtSvg import QSvgRenderer

from chatdesk.errors import NotFound
from chatdesk.paths import resource
from chatdesk.ui.theme import ICON, Theme


@cache
def _drawing(name: str) -> str:
    path = resource("icons") / f"{name}.svg"
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise NotFound(f"The icon {name} does not exist.", detail=str(error)) from error


def pixmap(name: str, color: QColor, size: int = ICON, ratio: float = 1.0) -> QPixmap:
    """An icon of size x size device-independent pixels in one colour. Raises NotFound."""
    key = f"chatdesk-icon:{name}:{color.rgba():08x}:{size}:{ratio:g}"
    found = QPixmap()
    if QPixmapCache.find(key, found):
        return found
    text = _drawing(name).replace("currentColor", color.name())
    image = QPixmap(round(size * ratio), round(size * ratio))
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    painter.setOpacity(color.alphaF())
    QSvgRenderer(QByteArray(text.encode())).render(painter, QRectF(image.rect()))
    painter.end()
    image.setDevicePixelRatio(ratio)
    QPixmapCache.insert(key, image)
    return image


def icon(name: str, theme: Theme, color: QColor | None = None, size: int = ICON) -> QIcon:
    """An icon with normal, hover (active) and disabled states for buttons, menus and actions.

    color is that of the normal state, the quiet secondary ink where none is given; hover is full
    ink. It does not follow the theme: make it again on Theme.changed. Raises NotFound.
    """
    tokens = theme.tokens
    states = (
        (QIcon.Mode.Normal, color or tokens.secondary),
        (QIcon.Mode.Active, color or tokens.text),
        (QIcon.Mode.Selected, color or tokens.text),
        (QIcon.Mode.Disabled, tokens.disabled),
    )
    result = QIcon()
    ratios = {1.0, 2.0, *(screen.devicePixelRatio() for screen in QGuiApplication.screens())}
    for mode, ink in states:
        for ratio in sorted(ratios):
            result.addPixmap(pixmap(name, ink, size, ratio), mode)
    return result


def application_icon() -> QIcon:
    """The application's own icon, for windows and the task bar."""
    result = QIcon()
    renderer = QSvgRenderer(str(resource("chatdesk.svg")))
    for size in (16, 24, 32, 48, 64, 128, 256):
        image = QPixmap(size, size)
        image.fill(Qt.GlobalColor.transparent)
        painter = QPainter(image)
        renderer.render(painter, QRectF(image.rect()))
        painter.end()
        result.addPixmap(image)
    return result
