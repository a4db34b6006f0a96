"""Widgets with methods that every subclass must have.

Qt's classes have a metaclass of their own, which ABCMeta alone does not go with, and make their
objects without asking whether a method is missing. mypy knows this metaclass as one of abstract
classes, too.
"""

from __future__ import annotations

from abc import ABCMeta
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject

if TYPE_CHECKING:
    _Meta = ABCMeta
else:

    class _Meta(ABCMeta, type(QObject)):
        """Both; ABCMeta first, because Qt's does not go on to the next."""


class AbstractQt(_Meta):
    """Metaclass: what lacks a method that is asked for cannot be made, as with ABCMeta."""

    def __call__(cls, *args: Any, **given: Any) -> Any:
        missing = ", ".join(sorted(cls.__abstractmethods__))
        if missing:
            raise TypeError(f"{cls.__name__} lacks: {missing}")
        return super().__call__(*args, **given)
