"""A widget that lacks what its base asks for cannot be made."""

from __future__ import annotations

from abc import abstractmethod

import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from chatdesk.ui.abstract import AbstractQt


class Base(QWidget, metaclass=AbstractQt):
    @abstractmethod
    def say(self) -> str: ...


class Whole(Base):
    def say(self) -> str:
        return "something"


class Half(Base):
    pass


def test_what_is_whole_is_made(qtbot: QtBot) -> None:
    widget = Whole()
    qtbot.addWidget(widget)
    assert widget.say() == "something"


def test_what_lacks_a_method_is_refused_with_its_name(qtbot: QtBot) -> None:
    with pytest.raises(TypeError, match="Half lacks: say"):
        Half()  # type: ignore[abstract]
