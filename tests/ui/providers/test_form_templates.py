"""The names of the prompt templates in the form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatdesk.providers.profiles import TEMPLATES

if TYPE_CHECKING:
    from tests.ui.providers.conftest import Hands


def test_every_template_has_a_name_for_people(hands: Hands) -> None:
    combo = hands.form.special.template_combo
    shown = {combo.itemData(at): combo.itemText(at) for at in range(combo.count())}
    assert tuple(shown) == TEMPLATES
    assert all(name != text and text[0].isupper() for name, text in shown.items())
