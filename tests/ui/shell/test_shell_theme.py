"""The look: contrasts that can be read, one place for colours, icons in the theme's ink."""

from __future__ import annotations

import re
from dataclasses import fields

import pytest
from PySide6.QtGui import QColor, QIcon, QImage, QPalette
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from chatdesk.errors import NotFound
from chatdesk.paths import resource
from chatdesk.ui.icons import application_icon, icon, pixmap
from chatdesk.ui.stylesheet import stylesheet
from chatdesk.ui.theme import DARK, LIGHT, Theme, Tokens, contrast, over

SCHEMES = [pytest.param(LIGHT, id="light"), pytest.param(DARK, id="dark")]

# Text on the surfaces on which it stands: WCAG AA asks for 4.5.
TEXT_ON = [
    ("text", "window"), ("text", "sidebar"), ("text", "raised"), ("text", "bubble"),
    ("text", "code"), ("text", "accent_soft"), ("text", "selection"),
    ("secondary", "window"), ("secondary", "sidebar"), ("secondary", "raised"),
    ("secondary", "accent_soft"), ("secondary", "border"),
    ("accent", "window"), ("accent", "raised"), ("accent", "sidebar"), ("accent", "accent_soft"),
    ("on_accent", "accent"),
    ("danger", "window"), ("danger", "raised"), ("warning", "window"), ("warning", "raised"),
    ("remote", "window"), ("remote", "raised"), ("remote", "sidebar"),
]  # fmt: skip

# Edges and marks of controls: WCAG AA asks for 3.
MARK_ON = [
    ("control_border", "window"), ("control_border", "raised"), ("control_border", "sidebar"),
    ("accent", "window"), ("accent", "raised"), ("accent", "sidebar"),
]  # fmt: skip

ICONS = sorted(path.stem for path in resource("icons").glob("*.svg"))
PROMISED = {
    "plus", "search", "settings", "stop", "send", "copy", "edit", "regenerate", "previous", "next",
    "more", "trash", "undo", "close", "check", "chevron-down", "sidebar", "model", "folder", "lock",
    "warning", "continue", "attach", "info",
}  # fmt: skip


@pytest.mark.parametrize("tokens", SCHEMES)
@pytest.mark.parametrize(("ink", "ground"), TEXT_ON)
def test_text_can_be_read(tokens: Tokens, ink: str, ground: str) -> None:
    assert contrast(getattr(tokens, ink), getattr(tokens, ground)) >= 4.5


@pytest.mark.parametrize("tokens", SCHEMES)
@pytest.mark.parametrize(("mark", "ground"), MARK_ON)
def test_controls_and_the_focus_ring_can_be_seen(tokens: Tokens, mark: str, ground: str) -> None:
    assert contrast(getattr(tokens, mark), getattr(tokens, ground)) >= 3


@pytest.mark.parametrize("tokens", SCHEMES)
@pytest.mark.parametrize("shade", ["hover", "pressed"])
@pytest.mark.parametrize("ground", ["window", "sidebar", "raised"])
def test_text_can_be_read_below_the_pointer(tokens: Tokens, shade: str, ground: str) -> None:
    below = over(getattr(tokens, shade), getattr(tokens, ground))
    assert contrast(tokens.text, below) >= 4.5
    assert contrast(tokens.secondary, below) >= 4.5


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast(QColor("#000000"), QColor("#FFFFFF")) == pytest.approx(21)
    assert contrast(QColor("#777777"), QColor("#FFFFFF")) == pytest.approx(4.48, abs=0.01)
    assert contrast(QColor("#123456"), QColor("#123456")) == pytest.approx(1)


@pytest.mark.parametrize("tokens", SCHEMES)
def test_every_colour_of_the_style_sheet_is_a_token(tokens: Tokens) -> None:
    template = resource("chatdesk.qss").read_text("utf-8")
    rules = re.sub(r"/\*.*?\*/", "", template, flags=re.DOTALL)
    assert not re.search(r":\s*#[0-9A-Fa-f]{3,8}\b", rules)
    assert not re.search(r"@\w", stylesheet(tokens, "light", 10.0))


def test_a_misspelt_token_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatdesk.ui.stylesheet._template", lambda: "QLabel { color: @tekst; }")
    with pytest.raises(AttributeError):
        stylesheet(LIGHT, "light", 10.0)


@pytest.mark.parametrize(("scheme", "tokens"), [("light", LIGHT), ("dark", DARK)])
def test_indicator_drawings_wear_the_scheme(scheme: str, tokens: Tokens) -> None:
    allowed = {getattr(tokens, field.name).name() for field in fields(tokens)}
    for path in (resource("icons") / scheme).glob("*.svg"):
        used = {found.lower() for found in re.findall(r"#[0-9A-Fa-f]{6}", path.read_text())}
        assert used and used <= allowed, path.name


def test_the_theme_dresses_the_application(qapp: QApplication, theme: Theme) -> None:
    assert qapp.palette().color(QPalette.ColorRole.Window) == LIGHT.window
    theme.configure(mode="dark")
    assert theme.dark
    assert theme.tokens is DARK and theme.inverse is LIGHT
    assert qapp.palette().color(QPalette.ColorRole.Window) == DARK.window
    assert DARK.raised.name() in qapp.styleSheet()


def test_changed_is_told_once_and_only_for_changes(theme: Theme, qtbot: QtBot) -> None:
    told: list[None] = []
    theme.changed.connect(lambda: told.append(None))
    theme.configure(mode="light", reduced_motion=True)
    assert not told
    theme.configure(mode="dark", text_size=2, column_width=900)
    assert len(told) == 1
    assert theme.column_width == 900


def test_message_text_is_a_point_larger_and_follows_the_setting(theme: Theme) -> None:
    assert theme.text_size == theme.chrome_size + 1
    theme.configure(text_size=4)
    assert theme.text_size == theme.chrome_size + 5
    assert theme.message_font().pointSizeF() == theme.text_size
    theme.configure(text_size=-4)
    assert theme.text_size >= 6


def test_reduced_motion_takes_no_time(theme: Theme) -> None:
    assert theme.duration() == 0
    theme.configure(reduced_motion=False)
    assert theme.duration() > 0


def test_all_promised_icons_exist() -> None:
    assert set(ICONS) >= PROMISED


@pytest.mark.parametrize("name", ICONS)
def test_an_icon_is_a_drawing_in_one_ink(name: str, qapp: QApplication) -> None:
    text = (resource("icons") / f"{name}.svg").read_text("utf-8")
    assert "currentColor" in text and not re.search(r"#[0-9A-Fa-f]{3}", text)
    assert QSvgRenderer(text.encode()).isValid()
    image = pixmap(name, QColor("#FF0000"), 24).toImage()
    inks = _inks(image)
    assert inks == {(255, 0, 0)}


@pytest.mark.parametrize("ratio", [1.0, 1.25, 2.0, 3.0])
def test_icons_are_drawn_for_the_device_pixel_ratio(ratio: float, qapp: QApplication) -> None:
    image = pixmap("plus", QColor("#000000"), 18, ratio)
    assert image.width() == round(18 * ratio)
    assert image.devicePixelRatio() == ratio


def test_icons_have_states(theme: Theme) -> None:
    made = icon("trash", theme)
    normal = made.pixmap(18, 18, QIcon.Mode.Normal).toImage()
    active = made.pixmap(18, 18, QIcon.Mode.Active).toImage()
    disabled = made.pixmap(18, 18, QIcon.Mode.Disabled).toImage()
    assert len({_darkest(image) for image in (normal, active, disabled)}) == 3


def test_an_icon_that_does_not_exist_is_said(theme: Theme) -> None:
    with pytest.raises(NotFound):
        icon("no-such-icon", theme)


def test_the_application_has_an_icon(qapp: QApplication) -> None:
    assert not application_icon().pixmap(48, 48).toImage().isNull()


def _inks(image: QImage) -> set[tuple[int, int, int]]:
    """The colours of the fully painted pixels."""
    found = set()
    for x in range(image.width()):
        for y in range(image.height()):
            color = image.pixelColor(x, y)
            if color.alpha() == 255:
                found.add((color.red(), color.green(), color.blue()))
    return found


def _darkest(image: QImage) -> int:
    return min((sum(c) for c in _inks(image)), default=0)
