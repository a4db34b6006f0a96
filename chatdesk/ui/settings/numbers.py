"""The editor of a number: a field, and a slider where a fraction lies between two bounds.

A number out of bounds may stand in the field while it is typed, so that the error can be told; it
never becomes the value.
"""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtGui import QValidator, QWheelEvent
from PySide6.QtWidgets import (
    QDoubleSpinBox,
    QSlider,
    QSpinBox,
    QWidget,
)

from chatdesk.settings import Option
from chatdesk.ui.settings.editor import Editor
from chatdesk.ui.theme import S2

Verdict = tuple[QValidator.State, str, int]


class WholeSpin(QSpinBox):
    """Takes numbers out of bounds while they are typed, so that the error can be told."""

    def number(self, text: str) -> float | None:
        found, ok = self.locale().toLongLong(text.strip())
        return found if ok else None

    def validate(self, text: str, position: int) -> Verdict:
        return _lenient(super().validate(text, position), self.number(text))

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()  # scrolling past a field must not change it


class _RealSpin(QDoubleSpinBox):
    """As WholeSpin, for numbers with a fraction."""

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
        self._spin: WholeSpin | _RealSpin
        if self._whole:
            whole = WholeSpin()
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
