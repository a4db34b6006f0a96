"""The context meter with what a provider tells: estimates are marked, an unknown limit is said."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytestqt.qtbot import QtBot

from chatdesk.ui.meter import ContextMeter, about
from chatdesk.ui.theme import Theme


@pytest.fixture
def meter(qtbot: QtBot, theme: Theme) -> Iterator[ContextMeter]:
    meter = ContextMeter(theme)
    qtbot.addWidget(meter)
    yield meter


def test_an_estimate_is_marked_as_one(meter: ContextMeter) -> None:
    exact = meter.sizeHint().width()
    meter.set_context(1_234, 32_768, 0, estimated=True, remote=True)
    assert meter.text() == "≈4%"
    assert meter.toolTip() == "About 1,200 of 32,768 tokens of the context are used (estimated)."
    assert meter.accessibleName() == "Context about 4% full"
    assert meter.sizeHint().width() > exact


def test_what_a_provider_counted_is_exact(meter: ContextMeter) -> None:
    meter.set_context(1_234, 32_768, 0, remote=True)
    assert meter.text() == "4%"
    assert meter.toolTip().startswith("1,234 of 32,768 tokens")


def test_an_unknown_limit_is_said_and_the_tokens_are_shown(meter: ContextMeter) -> None:
    meter.set_context(1_234, None, 0, estimated=True, remote=True)
    assert not meter.isHidden()
    assert meter.text() == "≈1.2k"
    assert meter.toolTip() == (
        "About 1,200 tokens are used (estimated); the provider does not tell its limit."
    )
    assert meter.accessibleName() == "Context about 1,200 tokens"
    assert not meter.warns


def test_what_is_held_back_is_told_without_a_limit_too(meter: ContextMeter) -> None:
    meter.set_context(800, None, 3, remote=True)
    assert meter.text() == "800"
    assert "oldest 3 messages" in meter.toolTip()


def test_a_local_model_without_a_window_hides_the_meter(meter: ContextMeter) -> None:
    meter.set_context(1_234, None, 0)
    assert meter.isHidden()


def test_a_remote_conversation_without_a_reply_hides_the_meter(meter: ContextMeter) -> None:
    meter.set_context(0, None, 0, remote=True)
    assert meter.isHidden()


@pytest.mark.parametrize(
    ("count", "short"),
    [
        (1, "1"),
        (999, "999"),
        (1_000, "1.0k"),
        (9_960, "10k"),
        (32_768, "33k"),
        (999_499, "999k"),
        (1_250_000, "1.2M"),
    ],
)
def test_tokens_are_shown_in_few_characters(meter: ContextMeter, count: int, short: str) -> None:
    meter.set_context(count, None, 0, remote=True)
    assert meter.text() == short
    assert not meter.grab().isNull()


@given(st.integers(0, 10**9))
def test_an_estimate_is_said_to_two_figures_and_stays_near(count: int) -> None:
    said = about(count)
    assert abs(said - count) <= count * 0.05
    assert len(str(said).rstrip("0")) <= 2
