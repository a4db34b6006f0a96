"""How Chatdesk looks: every colour, size and font of the window in one place.

Widgets take colours from Theme.tokens when they paint and repaint on Theme.changed; no widget
knows a colour of its own. The contrasts promised here are computed by a test for both schemes.
All of this belongs to the GUI thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QDir, QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QFontInfo, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

from chatdesk.paths import resource
from chatdesk.ui.stylesheet import stylesheet

# The spacing grid, in pixels.
S1, S2, S3, S4, S5, S6 = 4, 8, 12, 16, 24, 32
# Corner radii: bubbles, composer and cards; buttons, rows and fields.
RADIUS, RADIUS_SMALL = 10, 6
# Icons are drawn at ICON pixels on targets of TARGET pixels; the header is HEADER pixels high.
ICON, TARGET, HEADER = 18, 32, 48
# The width of a scroll bar, pixels (as in resources/chatdesk.qss).
SCROLL_BAR = 12
# Hover and panel motion, milliseconds, ease-out; Theme.duration() is 0 with reduced motion.
MOTION_MS = 120
# The focus ring: its width and its distance from what it surrounds, pixels.
RING, RING_GAP = 2, 2

Mode = Literal["system", "light", "dark"]


@dataclass(frozen=True, slots=True)
class Tokens:
    """The colours of one scheme, named by what they are for.

    hover and pressed are translucent ink: they lie over any surface. disabled is for text and
    icons that cannot be used now. selection is the background of selected text.
    """

    window: QColor
    sidebar: QColor
    raised: QColor
    border: QColor
    control_border: QColor
    text: QColor
    secondary: QColor
    accent: QColor
    accent_soft: QColor
    on_accent: QColor
    bubble: QColor
    code: QColor
    danger: QColor
    warning: QColor
    remote: QColor
    hover: QColor
    pressed: QColor
    disabled: QColor
    selection: QColor


LIGHT = Tokens(
    window=QColor("#FBFAF8"),
    sidebar=QColor("#F3F1ED"),
    raised=QColor("#FFFFFF"),
    border=QColor("#E3DFD8"),
    control_border=QColor("#8C857B"),
    text=QColor("#1F1D1A"),
    secondary=QColor("#5F5A52"),
    accent=QColor("#0F6B5C"),
    accent_soft=QColor("#E0EFEB"),
    on_accent=QColor("#FFFFFF"),
    bubble=QColor("#E9F1EE"),
    code=QColor("#F5F3EF"),
    danger=QColor("#B3261E"),
    warning=QColor("#7A5200"),
    remote=QColor("#6B3FB5"),
    hover=QColor(31, 29, 26, 15),
    pressed=QColor(31, 29, 26, 28),
    disabled=QColor("#A39D93"),
    selection=QColor("#BFE0D8"),
)

DARK = Tokens(
    window=QColor("#1B1A19"),
    sidebar=QColor("#151413"),
    raised=QColor("#242220"),
    border=QColor("#36332F"),
    control_border=QColor("#7A746B"),
    text=QColor("#ECE8E1"),
    secondary=QColor("#A8A29A"),
    accent=QColor("#5CC4AF"),
    accent_soft=QColor("#1F3833"),
    on_accent=QColor("#0B1F1B"),
    bubble=QColor("#2A2F2D"),
    code=QColor("#201E1C"),
    danger=QColor("#F2877F"),
    warning=QColor("#E0B15C"),
    remote=QColor("#BBA0EE"),
    hover=QColor(236, 232, 225, 18),
    pressed=QColor(236, 232, 225, 28),
    disabled=QColor("#6B665E"),
    selection=QColor("#2B564D"),
)


def contrast(first: QColor, second: QColor) -> float:
    """The WCAG contrast ratio of two opaque colours, 1 to 21."""
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def over(top: QColor, below: QColor) -> QColor:
    """The opaque colour seen where a translucent one lies over an opaque one."""
    return mix(below, top, top.alphaF())


def mix(first: QColor, second: QColor, share: float) -> QColor:
    """The opaque colour between two; share 0 is the first, 1 the second (alpha is ignored)."""
    return QColor.fromRgbF(
        first.redF() + (second.redF() - first.redF()) * share,
        first.greenF() + (second.greenF() - first.greenF()) * share,
        first.blueF() + (second.blueF() - first.blueF()) * share,
    )


def _luminance(color: QColor) -> float:
    def linear(channel: float) -> float:
        return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(c) for c in (color.redF(), color.greenF(), color.blueF()))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


class Theme(QObject):
    """The look in use: scheme, sizes and motion. changed is emitted after anything of it changed.

    Give it to widgets; call apply() once with the application, then configure() from settings.
    In mode "system" it follows the system's light or dark scheme while the window is open.
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._mode: Mode = "system"
        self._text_offset = 0
        self._column_width = 720
        self._reduced_motion = False
        self._application: QApplication | None = None
        self._system_dark = False
        self._dark = self._wants_dark()

    # -- reading --------------------------------------------------------------------------------

    @property
    def tokens(self) -> Tokens:
        return DARK if self._dark else LIGHT

    @property
    def inverse(self) -> Tokens:
        """The other scheme's colours, for what must stand out from the window (toasts)."""
        return LIGHT if self._dark else DARK

    @property
    def dark(self) -> bool:
        return self._dark

    @property
    def mode(self) -> Mode:
        return self._mode

    @property
    def chrome_size(self) -> float:
        """Points of the interface font: as the system has it."""
        size = QGuiApplication.font().pointSizeF()
        return size if size > 0 else QFontInfo(QGuiApplication.font()).pointSizeF()

    @property
    def text_size(self) -> float:
        """Points of message text: one more than the interface, plus the person's offset."""
        return max(6.0, self.chrome_size + 1 + self._text_offset)

    @property
    def column_width(self) -> int:
        """Pixels of the column in which messages and the composer stand."""
        return self._column_width

    @property
    def reduced_motion(self) -> bool:
        return self._reduced_motion

    def duration(self, milliseconds: int = MOTION_MS) -> int:
        """How long a motion may take now: 0 with reduced motion."""
        return 0 if self._reduced_motion else milliseconds

    def chrome_font(self, *, delta: float = 0, bold: bool = False) -> QFont:
        """The interface font, delta points larger; bold is semi-bold."""
        font = QFont(QGuiApplication.font())
        font.setPointSizeF(max(6.0, self.chrome_size + delta))
        if bold:
            font.setWeight(QFont.Weight.DemiBold)
        return font

    def small_font(self) -> QFont:
        """For what stands beside: section names, meters, hints."""
        return self.chrome_font(delta=-1 if self.chrome_size > 8.5 else 0)

    def message_font(self) -> QFont:
        """For message text and the composer."""
        font = QFont(QGuiApplication.font())
        font.setPointSizeF(self.text_size)
        return font

    def code_font(self) -> QFont:
        """The system's monospace font, a little smaller than message text."""
        font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        font.setPointSizeF(max(6.0, self.text_size * 0.95))
        return font

    # -- changing -------------------------------------------------------------------------------

    def configure(
        self,
        *,
        mode: Mode | None = None,
        text_size: int | None = None,
        column_width: int | None = None,
        reduced_motion: bool | None = None,
    ) -> None:
        """Change what is given. text_size is the offset in points of the setting, not a size."""
        before = (self._mode, self._text_offset, self._column_width, self._reduced_motion)
        self._mode = mode or self._mode
        self._text_offset = self._text_offset if text_size is None else text_size
        self._column_width = self._column_width if column_width is None else column_width
        if reduced_motion is not None:
            self._reduced_motion = reduced_motion
        after = (self._mode, self._text_offset, self._column_width, self._reduced_motion)
        if before == after:
            return
        if self._application is not None:
            self._request_scheme()
        self._refresh(dress=True)

    def apply(self, application: QApplication) -> None:
        """Dress the application: style, palette and style sheet; follow the system from now on."""
        first = self._application is None
        self._application = application
        if first:
            # Read before our own palette hides it: some systems tell the scheme only this way.
            palette = application.palette()
            self._system_dark = (
                palette.color(QPalette.ColorRole.Window).lightness()
                < palette.color(QPalette.ColorRole.WindowText).lightness()
            )
            QDir.setSearchPaths("chatdeskicons", [str(resource("icons"))])
            application.setStyle("Fusion")
            application.styleHints().colorSchemeChanged.connect(self._system_changed)
        self._request_scheme()
        self._refresh(dress=True)

    # -- inner ----------------------------------------------------------------------------------

    def _wants_dark(self) -> bool:
        if self._mode != "system":
            return self._mode == "dark"
        if self._application is None:
            return False
        scheme = self._application.styleHints().colorScheme()
        if scheme == Qt.ColorScheme.Unknown:
            return self._system_dark
        return scheme == Qt.ColorScheme.Dark

    def _request_scheme(self) -> None:
        """Tell the system which scheme we use, so that the window's frame agrees."""
        assert self._application is not None
        hints = self._application.styleHints()
        if self._mode == "system":
            hints.unsetColorScheme()
        else:
            dark = self._mode == "dark"
            hints.setColorScheme(Qt.ColorScheme.Dark if dark else Qt.ColorScheme.Light)

    def _system_changed(self) -> None:
        if self._wants_dark() != self._dark:
            self._refresh(dress=True)

    def _refresh(self, *, dress: bool) -> None:
        self._dark = self._wants_dark()
        if dress and self._application is not None:
            for effect in (
                Qt.UIEffect.UI_AnimateMenu,
                Qt.UIEffect.UI_FadeMenu,
                Qt.UIEffect.UI_AnimateCombo,
                Qt.UIEffect.UI_FadeTooltip,
                Qt.UIEffect.UI_AnimateTooltip,
            ):
                self._application.setEffectEnabled(effect, False)
            self._application.setPalette(palette_of(self.tokens))
            self._application.setStyleSheet(
                stylesheet(self.tokens, "dark" if self._dark else "light", self.chrome_size)
            )
        self.changed.emit()


def palette_of(tokens: Tokens) -> QPalette:
    """The Qt palette made from the tokens, for what no style sheet reaches."""
    role = QPalette.ColorRole
    palette = QPalette()
    for name, color in (
        (role.Window, tokens.window),
        (role.WindowText, tokens.text),
        (role.Base, tokens.raised),
        (role.AlternateBase, tokens.window),
        (role.Text, tokens.text),
        (role.PlaceholderText, tokens.secondary),
        (role.Button, tokens.raised),
        (role.ButtonText, tokens.text),
        (role.BrightText, tokens.danger),
        (role.ToolTipBase, tokens.raised),
        (role.ToolTipText, tokens.text),
        (role.Highlight, tokens.selection),
        (role.HighlightedText, tokens.text),
        (role.Accent, tokens.accent),
        (role.Link, tokens.accent),
        (role.LinkVisited, tokens.accent),
        (role.Light, tokens.raised),
        (role.Midlight, tokens.border),
        (role.Mid, tokens.border),
        (role.Dark, tokens.control_border),
        (role.Shadow, tokens.border),
    ):
        palette.setColor(name, color)
    for name in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, name, tokens.disabled)
    return palette
