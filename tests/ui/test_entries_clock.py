"""When a message was written, in the person's own notation."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QDateTime, QLocale

from chatdesk.ui.controller.entries import Clock


@pytest.fixture(params=["Europe/Berlin", "America/St_Johns", "Asia/Kathmandu"], scope="module")
def zone(request: pytest.FixtureRequest) -> Iterator[str]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = request.param
    time.tzset()
    yield request.param
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


@pytest.mark.parametrize("locale", ["en_US", "de_DE", "ja_JP", "ar_EG"])
@given(moments=st.lists(st.integers(0, 2_000_000_000), max_size=20))
def test_a_moment_is_written_as_the_locale_writes_it(
    zone: str, locale: str, moments: list[int]
) -> None:
    chosen = QLocale(locale)
    clock = Clock(chosen)
    # The days on which clocks change in 2026, hour by hour, besides.
    changes = [day + hour * 3600 for day in (1774735200, 1792879200) for hour in range(26)]
    for moment in (*moments, *changes):
        expected = chosen.toString(
            QDateTime.fromSecsSinceEpoch(moment), QLocale.FormatType.ShortFormat
        )
        assert clock.text(moment + 0.5) == expected
