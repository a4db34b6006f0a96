"""One editor for each kind of option. They know values, not where values are kept.

An editor emits edited(value) after a change by the person, refused() while what was typed cannot be
a value, accepted() when it can again, and kept() when it went back to the value before. The widget
that is edited bears the option's key as its objectName.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QEvent, QPointF, QRectF, QSignalBlocker, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent, QPainter, QPaintEvent, QPen, QValidator, QWheelEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QSizePolicy,
    QSlider,
    QSpinBox,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QWidget,
)

from chatdesk.settings import Option
from chatdesk.ui.theme import RING, RING_GAP, S1, S2, Theme, mix

PAUSE_MS = 500  # without typing, before a longer text is taken over

Verdict = tuple[QValidator.State, str, int]


class Editor(QWidget):
    """Base of the editors. wide: it needs the whole width of its row, below the label."""

    edited = Signal(object)
    refused = Signal()
    accepted = Signal()
    kept = Signal()
    wide = False

    def __init__(self, option: Option, field: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.option = option
        self.field = field
        field.setObjectName(option.key)
        field.setAccessibleName(option.label)
        field.setAccessibleDescription(option.help)
        self.setFocusProxy(field)
        self.row = QHBoxLayout(self)
        self.row.setContentsMargins(0, 0, 0, 0)
        self.row.setSpacing(S2)

    def show_value(self, value: Any) -> None:
        """Show a value of the option. Nothing is emitted."""
        raise NotImplementedError

    def commit(self) -> None:
        """Emit what was typed and not told yet; called when the dialog goes away."""

    def set_invalid(self, invalid: bool) -> None:
        """Mark the field as holding something that is no value."""
        if bool(self.field.property("invalid")) != invalid:
            self.field.setProperty("invalid", invalid)
            self.field.style().unpolish(self.field)
            self.field.style().polish(self.field)


class Switch(QCheckBox):
    """An on/off switch: a check box that is painted as what it does."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        edge = (RING + RING_GAP) * 2
        return QSize(36 + edge, 20 + edge)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def hitButton(self, pos: Any) -> bool:
        return self.rect().contains(pos)

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = self._theme.tokens
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        edge = RING + RING_GAP
        track = QRectF(self.rect()).adjusted(edge, edge, -edge, -edge)
        radius = track.height() / 2
        on, enabled = self.isChecked(), self.isEnabled()
        painter.setPen(QPen(tokens.accent if on else tokens.control_border, 1.2))
        fill = tokens.accent if on else tokens.raised
        if self.underMouse() and enabled:
            fill = mix(fill, tokens.text, 0.08)
        if not enabled:
            painter.setPen(QPen(tokens.border, 1.2))
            fill = tokens.disabled if on else tokens.window
        painter.setBrush(fill)
        painter.drawRoundedRect(track.adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(tokens.on_accent if on else tokens.control_border)
        end = on != (self.layoutDirection() == Qt.LayoutDirection.RightToLeft)
        x = track.right() - radius if end else track.left() + radius
        painter.drawEllipse(QPointF(x, track.center().y()), radius - 5, radius - 5)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(tokens.accent, RING))
            ring = QRectF(self.rect()).adjusted(1, 1, -1, -1)
            painter.drawRoundedRect(ring, ring.height() / 2, ring.height() / 2)


class BoolEditor(Editor):
    def __init__(self, option: Option, theme: Theme, parent: QWidget | None = None) -> None:
        self._switch = Switch(theme)
        super().__init__(option, self._switch, parent)
        self.row.addStretch(1)
        self.row.addWidget(self._switch)
        self._switch.toggled.connect(self._changed)

    def show_value(self, value: Any) -> None:
        with QSignalBlocker(self._switch):
            self._switch.setChecked(bool(value))

    def _changed(self, on: bool) -> None:
        self.edited.emit(on)


class _WholeSpin(QSpinBox):
    """Takes numbers out of bounds while they are typed, so that the error can be told."""

    def number(self, text: str) -> float | None:
        found, ok = self.locale().toLongLong(text.strip())
        return found if ok else None

    def validate(self, text: str, position: int) -> Verdict:
        return _lenient(super().validate(text, position), self.number(text))

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()  # scrolling past a field must not change it


class _RealSpin(QDoubleSpinBox):
    """As _WholeSpin, for numbers with a fraction."""

    def number(self, text: str) -> float | None:
        found, ok = self.locale().toDouble(text.strip())
        return found if ok else None

    def validate(self, text: str, position: int) -> Verdict:
        return _lenient(super().validate(text, position), self.number(text))

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()


def _lenient(verdict: Verdict, number: float | None) -> Verdict:
    state, text, position = verdict
    if state == QValidator.State.Invalid and number is not None and len(text) <= 18:
        state = QValidator.State.Intermediate  # not accepted, but may stand there while typing
    return state, text, position


class NumberEditor(Editor):
    """A number field; with a slider beside it where the whole range fits on one."""

    def __init__(self, option: Option, parent: QWidget | None = None) -> None:
        low, high = option.minimum or 0, option.maximum or 0
        self._whole = option.kind == "int"
        self._none = option.optional
        self._wrong = False
        self._spin: _WholeSpin | _RealSpin
        if self._whole:
            whole = _WholeSpin()
            # None is one step below the smallest number.
            whole.setRange(int(low) - (1 if option.optional else 0), int(high))
            whole.setSingleStep(int(option.step or 1))
            self._spin = whole
        else:
            real = _RealSpin()
            real.setRange(low, high)
            real.setSingleStep(option.step or 0.1)
            real.setDecimals(2)
            self._spin = real
        super().__init__(option, self._spin, parent)
        self._spin.setSpecialValueText(option.special)
        self._spin.setKeyboardTracking(False)
        self._spin.setAccelerated(True)
        self._spin.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._spin.setAlignment(Qt.AlignmentFlag.AlignLeading)
        self._spin.lineEdit().setTextMargins(S2, 0, 0, 0)
        self._slider: QSlider | None = None
        if not self._whole and option.step:
            self._slider = _Slider(Qt.Orientation.Horizontal)
            self._slider.setRange(0, round((high - low) / option.step))
            self._slider.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # the field beside it has it
            # Numbers grow to the right in every language, as they are written.
            self._slider.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
            self._slider.setMinimumWidth(S2 * 10)
            self._slider.setAccessibleName(option.label)
            self._slider.valueChanged.connect(self._slid)
            self._slider.sliderReleased.connect(self._released)
            self.row.addWidget(self._slider, 1)
        self.row.addWidget(self._spin, 0 if self._slider else 1)
        self._spin.valueChanged.connect(self._changed)
        self._spin.lineEdit().textEdited.connect(self._judge)
        self._spin.editingFinished.connect(self._settle)

    def value(self) -> Any:
        value = self._spin.value()
        if self._none and value < (self.option.minimum or 0):
            return None
        return int(value) if self._whole else round(float(value), 6)

    def show_value(self, value: Any) -> None:
        low = self.option.minimum or 0
        number = low - 1 if value is None else value
        with QSignalBlocker(self._spin):
            self._spin.setValue(int(number) if self._whole else number)  # type: ignore[arg-type]
        self._follow()
        self._wrong = False

    def commit(self) -> None:
        self._spin.interpretText()

    def _follow(self) -> None:
        if self._slider is not None:
            low, step = self.option.minimum or 0, self.option.step or 1
            with QSignalBlocker(self._slider):
                self._slider.setValue(round((self._spin.value() - low) / step))

    def _changed(self) -> None:
        self._wrong = False
        self._follow()
        self.accepted.emit()
        self.edited.emit(self.value())

    def _slid(self, position: int) -> None:
        assert self._slider is not None
        value = (self.option.minimum or 0) + position * (self.option.step or 1)
        with QSignalBlocker(self._spin):
            self._spin.setValue(value)  # type: ignore[arg-type]
        if not self._slider.isSliderDown():
            self._released()

    def _released(self) -> None:
        """A drag is one change, told at its end."""
        self.accepted.emit()
        self.edited.emit(self.value())

    def _judge(self, text: str) -> None:
        number = self._spin.number(text)
        low, high = self.option.minimum, self.option.maximum
        self._wrong = number is not None and (
            (low is not None and number < low) or (high is not None and number > high)
        )
        if self._wrong:
            self.refused.emit()
        else:
            self.accepted.emit()

    def _settle(self) -> None:
        if self._wrong:  # Qt has put the value from before back
            self._wrong = False
            self.kept.emit()


class _Slider(QSlider):
    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()


class _Combo(QComboBox):
    def __init__(self) -> None:
        super().__init__()
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def paintEvent(self, event: QPaintEvent) -> None:
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        room = self.style().subControlRect(
            QStyle.ComplexControl.CC_ComboBox,
            option,
            QStyle.SubControl.SC_ComboBoxEditField,
            self,
        )
        elide = Qt.TextElideMode.ElideRight
        option.currentText = self.fontMetrics().elidedText(
            self.currentText(), elide, room.width() - S1
        )
        painter = QStylePainter(self)
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()


class ChoiceEditor(Editor):
    def __init__(self, option: Option, parent: QWidget | None = None) -> None:
        self._combo = _Combo()
        super().__init__(option, self._combo, parent)
        for value, text in zip(option.choices, option.choice_labels, strict=True):
            self._combo.addItem(text, value)
        self.row.addWidget(self._combo, 1)
        self._combo.currentIndexChanged.connect(self._changed)

    def show_value(self, value: Any) -> None:
        with QSignalBlocker(self._combo):
            self._combo.setCurrentIndex(self._combo.findData(value))

    def _changed(self) -> None:
        self.edited.emit(self._combo.currentData())


class TextEditor(Editor):
    """One line, told when it is finished: half a name is no value worth applying."""

    def __init__(self, option: Option, parent: QWidget | None = None) -> None:
        self._line = QLineEdit()
        super().__init__(option, self._line, parent)
        self._shown = ""
        self._line.setPlaceholderText(option.special or "Not set")
        self.row.addWidget(self._line, 1)
        self._line.editingFinished.connect(self.commit)
        self._line.textEdited.connect(self._typed)

    def show_value(self, value: Any) -> None:
        self._shown = str(value)
        if self._line.text() != self._shown:
            self._line.setText(self._shown)

    def _typed(self) -> None:
        self.accepted.emit()

    def commit(self) -> None:
        if self._line.text() != self._shown:
            self._shown = self._line.text()
            self.edited.emit(self._shown)


class _Lines(QPlainTextEdit):
    """A text field of some lines that Tab leaves and that tells when it is left."""

    left = Signal()

    def __init__(self, lines: int) -> None:
        super().__init__()
        self.setTabChangesFocus(True)
        self._lines = lines
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        margins = self.contentsMargins()
        extra = margins.top() + margins.bottom() + round(self.document().documentMargin() * 2) + 8
        return QSize(S2 * 24, self.fontMetrics().lineSpacing() * self._lines + extra)

    def minimumSizeHint(self) -> QSize:
        return QSize(S2 * 12, self.sizeHint().height())

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if event.reason() != Qt.FocusReason.PopupFocusReason:
            self.left.emit()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self.updateGeometry()


class MultilineEditor(Editor):
    """A longer text, told when the person pauses or leaves the field."""

    wide = True
    lines = 5

    def __init__(self, option: Option, parent: QWidget | None = None) -> None:
        self._text = _Lines(self.lines)
        super().__init__(option, self._text, parent)
        self._shown: Any = None
        self._dirty = False  # Qt may give a text back with other blanks: only typing changes it
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE_MS)
        self._pause.timeout.connect(self.commit)
        self._text.setPlaceholderText(self.placeholder())
        self.row.addWidget(self._text, 1)
        self._text.textChanged.connect(self._typed)
        self._text.left.connect(self.commit)

    def placeholder(self) -> str:
        return self.option.special or "Empty"

    def read(self) -> Any:
        """The value that the text stands for."""
        return self._text.toPlainText()

    def write(self, value: Any) -> str:
        """The text that stands for a value."""
        return str(value)

    def show_value(self, value: Any) -> None:
        self._pause.stop()
        self._dirty = False
        if self._shown is not None and value == self.read():
            self._shown = value  # the cursor stays where it is
            return
        self._shown = value
        with QSignalBlocker(self._text):
            self._text.setPlainText(self.write(value))

    def commit(self) -> None:
        self._pause.stop()
        value = self.read()
        if self._dirty and value != self._shown:
            self._dirty = False
            self._shown = value
            self.edited.emit(value)

    def _typed(self) -> None:
        self._dirty = True
        self.accepted.emit()
        self._pause.start()


class ListEditor(MultilineEditor):
    """Texts, one on each line; a line break within one is written as \\n."""

    lines = 3

    def placeholder(self) -> str:
        return "One on each line. Write \\n for a line break."

    def read(self) -> tuple[str, ...]:
        return tuple(unescape(line) for line in self._text.toPlainText().split("\n") if line)

    def write(self, value: Any) -> str:
        return "\n".join(escape(text) for text in value)


def escape(text: str) -> str:
    """A text on one line: line breaks, tabs and backslashes as \\n, \\r, \\t and \\\\."""
    for character, written in _ESCAPES.items():
        text = text.replace(character, written)
    return text


def unescape(line: str) -> str:
    """The text that escape() wrote; a backslash before anything else is just a backslash."""
    return re.sub(r"\\[nrt\\]", lambda match: _UNESCAPES[match[0]], line)


_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_UNESCAPES = {written: character for character, written in _ESCAPES.items()}


@dataclass(frozen=True, slots=True)
class Offer:
    """A model that can be chosen: its value in the settings, its text, the path of its file."""

    value: str
    text: str
    path: str


class ModelEditor(Editor):
    """The models there are, and a button for any other file."""

    wide = True
    browse = Signal()

    def __init__(self, option: Option, parent: QWidget | None = None) -> None:
        self._combo = _Combo()
        super().__init__(option, self._combo, parent)
        self._models: list[Offer] = []
        self._value = ""
        self.button = QPushButton("Choose a file", self)
        self.button.setObjectName(f"{option.key}.browse")
        self.button.setToolTip("Choose a GGUF model file on this computer")
        self.button.setAutoDefault(False)
        self.button.clicked.connect(self.browse)
        self.row.addWidget(self._combo, 1)
        self.row.addWidget(self.button)
        self._fill()
        self._combo.activated.connect(self._chosen)

    def set_models(self, models: list[Offer]) -> None:
        """The models to offer; the one with the empty value is that of no choice."""
        self._models = list(models)
        self._fill()

    def show_value(self, value: Any) -> None:
        self._value = str(value)
        self._fill()

    def choose(self, value: str) -> None:
        """Take a value as if the person had chosen it in the list."""
        self.show_value(value)
        self.accepted.emit()
        self.edited.emit(value)

    def _fill(self) -> None:
        with QSignalBlocker(self._combo):
            self._combo.clear()
            if not any(offer.value == "" for offer in self._models):
                self._combo.addItem(self.option.special or "The one that comes with Chatdesk", "")
            for offer in self._models:
                self._combo.addItem(offer.text, offer.value)
                at = self._combo.count() - 1
                self._combo.setItemData(at, offer.path, Qt.ItemDataRole.ToolTipRole)
            # A model may be named by its path, too.
            named = (offer.value for offer in self._models if self._value == offer.path)
            at = self._combo.findData(next(named, self._value))
            if at < 0:
                self._combo.addItem(Path(self._value).name or self._value, self._value)
                at = self._combo.count() - 1
                self._combo.setItemData(at, self._value, Qt.ItemDataRole.ToolTipRole)
            self._combo.setCurrentIndex(at)

    def _chosen(self) -> None:
        value = str(self._combo.currentData())
        if value != self._value:
            self._value = value
            self.edited.emit(value)


def make_editor(option: Option, theme: Theme, parent: QWidget | None = None) -> Editor:
    """The editor for an option's kind."""
    match option.kind:
        case "bool":
            return BoolEditor(option, theme, parent)
        case "int" | "float":
            return NumberEditor(option, parent)
        case "choice":
            return ChoiceEditor(option, parent)
        case "multiline":
            return MultilineEditor(option, parent)
        case "list":
            return ListEditor(option, parent)
        case "model":
            return ModelEditor(option, parent)
        case "text":
            return TextEditor(option, parent)
