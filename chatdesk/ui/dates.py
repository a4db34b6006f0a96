"""Under which heading a conversation stands in the list: Today, Yesterday, ..., months.

Pure: local calendar days of the system's time zone; all times are Unix seconds. The work is done
on boundaries, not on rows, so it costs nothing for each of 100,000 conversations.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

# Not strftime: Qt sets the locale of the process, and the rest of the words are English.
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and the time it covers: start <= time < end."""

    label: str
    start: float
    end: float


def section_of(time: float, now: float) -> Section:
    """The section of one moment. Times after now count as today."""
    today = datetime.fromtimestamp(now).date()
    if time >= (start := _midnight(today)):
        return Section("Today", start, math.inf)
    for label, first, last in (
        ("Yesterday", 1, 0),
        ("Previous 7 days", 7, 1),
        ("Previous 30 days", 30, 7),
    ):
        start = _midnight(today - timedelta(days=first))
        if time >= start:
            return Section(label, start, _midnight(today - timedelta(days=last)))
    day = datetime.fromtimestamp(time).date()
    end = _midnight(_next_month(day))
    return Section(
        f"{MONTHS[day.month - 1]} {day.year}",
        _midnight(day.replace(day=1)),
        min(end, _midnight(today - timedelta(days=30))),
    )


def sections(times: Sequence[float], now: float) -> Iterator[tuple[Section, int, int]]:
    """The sections of times sorted newest first: each with the range [first, last) it covers.

    Costs a search per section, not a look at each time. Empty sections are not given.
    """
    first = 0
    while first < len(times):
        section = section_of(times[first], now)
        last = _first_before(times, section.start, first)
        yield section, first, last
        first = last


def day_ends(now: float) -> float:
    """When the headings change next: the coming midnight."""
    return _midnight(datetime.fromtimestamp(now).date() + timedelta(days=1))


def _first_before(times: Sequence[float], start: float, low: int) -> int:
    """The first index from low on whose time is before start; times are sorted newest first."""
    high = len(times)
    while low < high:
        middle = (low + high) // 2
        if times[middle] >= start:
            low = middle + 1
        else:
            high = middle
    return low


def _midnight(day: date) -> float:
    return datetime(day.year, day.month, day.day).timestamp()


def _next_month(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1)
