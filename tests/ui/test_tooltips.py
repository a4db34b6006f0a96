"""What others wrote is shown in a tooltip as it is, and obeyed in none."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QTextDocument
from pytestqt.qtbot import QtBot

from chatdesk.providers.remote import RemoteModel
from chatdesk.ui.controls import Button
from chatdesk.ui.model_picker.offers import Offer, Shelf, rows_for
from chatdesk.ui.model_picker.rows import PickerRows
from chatdesk.ui.providers.model_field import ModelField
from chatdesk.ui.theme import Theme
from chatdesk.ui.tooltips import plain

PICTURE = '<img src="//evil.example/share/x.png">'


def seen(tip: str) -> str:
    """What a person sees, and nothing is loaded for it."""
    document = QTextDocument()
    assert "<img" not in tip
    document.setHtml(tip)
    return document.toPlainText()


def test_plain_text_stays_what_it_is() -> None:
    assert plain("Choose a model\n(Ctrl+M)") == "Choose a model\n(Ctrl+M)"


@pytest.mark.parametrize("text", [PICTURE, "a < b and c > d", "x &lt; y", f"one\n{PICTURE}"])
def test_what_looks_like_markup_is_shown_as_it_is(text: str) -> None:
    tip = plain(text)
    assert tip == text or seen(tip) == text


def test_a_buttons_hint_is_plain(qtbot: QtBot) -> None:
    button = Button(Theme(), "Model")
    qtbot.addWidget(button)
    button.set_hint(f"{PICTURE}: what you write leaves this computer")
    assert seen(button.toolTip()).startswith(PICTURE)
    assert button.accessibleName().startswith(PICTURE)


def test_the_picker_obeys_no_name_of_a_model() -> None:
    shelf = Shelf("Mistral", "leaves this computer", (Offer("m:x", PICTURE),), provider="m")
    rows = PickerRows()
    rows.set_rows(rows_for([shelf]))
    tips = [rows.index(at).data(Qt.ItemDataRole.ToolTipRole) for at in range(rows.rowCount())]
    assert any(PICTURE in seen(tip) for tip in tips)


def test_the_form_obeys_no_name_of_a_model(qtbot: QtBot) -> None:
    field = ModelField(Theme())
    qtbot.addWidget(field)
    field.load("", ())
    field.set_models((RemoteModel("x", PICTURE),))
    combo = field.combo
    tips = [combo.itemData(at, Qt.ItemDataRole.ToolTipRole) for at in range(combo.count())]
    assert PICTURE in [seen(tip) for tip in tips if tip]
