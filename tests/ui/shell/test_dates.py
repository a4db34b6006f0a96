"""Under which heading a conversation stands."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdesk.ui.dates import day_ends, section_of, sections

NOON = datetime(2026, 11, 21, 12, 0)
NOW = NOON.timestamp()

moments = st.datetimes(datetime(1999, 1, 1), datetime(2026, 12, 31)).map(datetime.timestamp)


@pytest.mark.parametrize(
    ("moment", "label"),
    [
        (NOON, "Today"),
        (NOON.replace(hour=0), "Today"),
        (NOON + timedelta(days=2), "Today"),
        (NOON.replace(hour=0) - timedelta(seconds=1), "Yesterday"),
        (NOON - timedelta(days=1), "Yesterday"),
        (NOON - timedelta(days=2), "Previous 7 days"),
        (NOON - timedelta(days=7), "Previous 7 days"),
        (NOON - timedelta(days=8), "Previous 30 days"),
        (NOON - timedelta(days=30), "Previous 30 days"),
        (NOON - timedelta(days=31), "October 2026"),
        (datetime(2026, 9, 30, 23, 59), "September 2026"),
        (datetime(2025, 12, 31, 23, 59), "December 2025"),
        (datetime(2024, 2, 29), "February 2024"),
    ],
)
def test_a_time_has_its_heading(moment: datetime, label: str) -> None:
    assert section_of(moment.timestamp(), NOW).label == label


@given(moments, moments)
def test_a_section_covers_its_time(moment: float, now: float) -> None:
    section = section_of(moment, now)
    assert section.start <= moment < section.end


@given(st.lists(moments, max_size=60), moments)
def test_sections_cover_all_times_once_in_order(times: list[float], now: float) -> None:
    times.sort(reverse=True)
    found = list(sections(times, now))
    assert [i for _, first, last in found for i in range(first, last)] == list(range(len(times)))
    labels = [section.label for section, _, _ in found]
    assert len(set(labels)) == len(labels)
    for section, first, last in found:
        assert all(section_of(t, now) == section for t in times[first:last])


def test_the_day_ends_at_midnight() -> None:
    assert day_ends(NOW) == datetime(2026, 11, 22).timestamp()
