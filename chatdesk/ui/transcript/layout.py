"""Where things stand: exact near the viewport, estimated elsewhere. No Qt, no painting.

Entries are lists of units. The truth is an anchor: one unit and the distance of its top from the
top of the viewport. From it units are measured and placed, exactly, upwards and downwards until the
viewport is full; whatever is farther away has an estimated height that only shapes the scroll bar.
So a wrong estimate never moves what the person reads, and no step costs more because the
conversation is longer. All numbers are whole logical pixels.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from chatdesk.ui.transcript.heights import Heights


class Measure(Protocol):
    """Whoever knows the content. Entries and units are told by their index."""

    def unit_estimates(self, entry: int) -> Sequence[int]:
        """Open an entry: the estimated heights of all its units (at least one)."""
        ...

    def unit_height(self, entry: int, unit: int) -> int:
        """The exact height of a unit at the present width."""
        ...


@dataclass(frozen=True, slots=True)
class Placed:
    """A unit and where it is; y is relative to the top of the viewport."""

    entry: int
    unit: int
    y: int
    height: int

    @property
    def bottom(self) -> int:
        return self.y + self.height


@dataclass(slots=True)
class _Opened:
    """Heights of the units of one entry; measured[i] is the round in which i was measured."""

    heights: Heights
    measured: array[int]


class Layout:
    """The geometry of a list of entries in a viewport.

    padding_top, padding_bottom: room before the first and after the last unit. following: the end
    of the last unit stays at the bottom of the viewport whatever grows.
    """

    def __init__(self, measure: Measure, padding_top: int = 0, padding_bottom: int = 0) -> None:
        self._measure = measure
        self._padding_top = padding_top
        self._padding_bottom = padding_bottom
        self._entries = Heights()
        self._opened: list[_Opened | None] = []
        self._round = 0
        self._entry = 0
        self._unit = 0
        self._y = padding_top
        # How far into the anchor unit the viewport begins, kept while only the width changes, so
        # that a drag through many widths ends where it began.
        self._fraction: float | None = None
        self.following = True
        self.placed: list[Placed] = []

    # -- content ------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._entries)

    def rearrange(self, origins: Sequence[int | None], estimate: Callable[[int], int]) -> None:
        """Other entries: origins[i] is the index that entry i had, None for one that is new or
        has changed; estimate gives the height of such a one by its new index.

        What is kept keeps its heights, and the anchor goes with its entry. Where that is gone the
        view stays at the same entry by its number.
        """
        old_opened, old_heights = self._opened, self._entries
        self._entries = Heights(
            estimate(index) if origin is None else old_heights[origin]
            for index, origin in enumerate(origins)
        )
        self._opened = [None if origin is None else old_opened[origin] for origin in origins]
        moved = next((i for i, origin in enumerate(origins) if origin == self._entry), None)
        if moved is not None:
            self._entry = moved
        self._clamp_anchor()

    def append(self, estimate: int) -> None:
        self._entries.append(estimate)
        self._opened.append(None)

    def changed(self, entry: int, unit: int, estimates: Sequence[int]) -> None:
        """The units of an entry from index unit on are others now; estimates are theirs.

        An entry that was never opened only stays estimated. Old exact heights are better estimates
        than new guesses, so a unit keeps the height it had until it is measured.
        """
        opened = self._opened[entry]
        if opened is None:
            return
        old = [opened.heights[i] for i in range(unit, len(opened.heights))]
        opened.heights.truncate(unit)
        del opened.measured[unit:]
        for index, estimate in enumerate(estimates):
            opened.heights.append(old[index] if index < len(old) else estimate)
            opened.measured.append(-1)
        self._entries.set(entry, opened.heights.total)
        if self._entry == entry:
            self._unit = min(self._unit, len(opened.heights) - 1)

    def forget(self, entry: int, estimate: int | None = None) -> None:
        """The entry is to be opened anew; estimate replaces the height it had."""
        self._opened[entry] = None
        if estimate is not None:
            self._entries.set(entry, estimate)

    def invalidate(self) -> None:
        """The width or the type changed: every height is an estimate again, none is forgotten."""
        if self._fraction is None and self._y < 0 and len(self):
            height = self._height(self._entry, self._unit)
            self._fraction = -self._y / height if height else None
        self._round += 1

    # -- scrolling ----------------------------------------------------------------------------

    @property
    def content_height(self) -> int:
        return self._padding_top + self._entries.total + self._padding_bottom

    @property
    def offset(self) -> int:
        """How far the viewport's top is from the top of the content; partly estimated."""
        return self._top_of(self._entry, self._unit) - self._y

    def scroll_by(self, delta: int) -> None:
        """Move the view down by delta pixels, exactly. place() stops at the ends."""
        self._y -= delta
        self._fraction = None
        self.following = False

    def scroll_to(self, offset: int) -> None:
        """Move to an offset of the scroll bar; as exact as the estimates are."""
        self._fraction = None
        self.following = False
        if not len(self):
            return
        if offset <= 0:
            self._entry, self._unit, self._y = 0, 0, self._padding_top - max(offset, 0)
            return
        y = offset - self._padding_top
        entry = self._entries.at(y)
        self._open(entry)
        # Opening may have changed the entry's height: stay at the same share of it.
        opened = self._opened[entry]
        assert opened is not None
        within = min(y - self._entries.before(entry), max(self._entries[entry] - 1, 0))
        unit = opened.heights.at(within)
        inside = within - opened.heights.before(unit)
        guessed = opened.heights[unit]
        exact = self._exact(entry, unit)
        self._entry, self._unit = entry, unit
        self._y = -(inside * exact // guessed if guessed and inside > 0 else inside)

    def scroll_to_unit(self, entry: int, unit: int, y: int) -> None:
        """Put the top of a unit at y of the viewport."""
        self._fraction = None
        self.following = False
        self._entry, self._unit, self._y = entry, unit, y
        self._clamp_anchor()

    def pin(self, entry: int, unit: int) -> None:
        """Make a visible unit the anchor: it stays where it is when others change height."""
        for placed in self.placed:
            if (placed.entry, placed.unit) == (entry, unit):
                self.scroll_to_unit(entry, unit, placed.y)
                return

    # -- placing ------------------------------------------------------------------------------

    def place(self, height: int) -> list[Placed]:
        """Measure and place what a viewport of this height shows; also kept in `placed`.

        Afterwards the anchor is the first visible unit, and the view is within the content: its
        end is not above the viewport's bottom unless all of it is visible.
        """
        self.placed = []
        if not len(self):
            return self.placed
        if self.following:
            self._entry = len(self) - 1
            self._unit = self._count(self._entry) - 1
            exact = self._exact(self._entry, self._unit)
            self._y = height - self._padding_bottom - exact
            self._fraction = None
        else:
            self._open(self._entry)
            self._unit = min(self._unit, self._count(self._entry) - 1)
        exact = self._exact(self._entry, self._unit)
        if self._fraction is not None:
            self._y = -int(self._fraction * exact)
        placed = [Placed(self._entry, self._unit, self._y, exact)]
        placed = self._fill_up(placed, 0)
        placed = self._shift(placed, min(0, self._top_slack(placed)))
        placed = self._fill_down(placed, height)
        below = self._bottom_slack(placed, height)
        if below > 0:
            placed = self._fill_up(self._shift(placed, below), 0)
            placed = self._shift(placed, min(0, self._top_slack(placed)))
        visible = [one for one in placed if one.bottom > 0 and one.y < height]
        self.placed = visible or placed[:1]
        first = self.placed[0]
        if (first.entry, first.unit) != (self._entry, self._unit) or first.y >= 0:
            self._fraction = None
        self._entry, self._unit, self._y = first.entry, first.unit, first.y
        return self.placed

    def at_end(self, height: int) -> bool:
        """Whether the bottom of the last unit is visible in what was placed last."""
        if not self.placed:
            return True
        last = self.placed[-1]
        return (
            last.entry == len(self) - 1
            and last.unit == self._count(last.entry) - 1
            and last.bottom <= height
        )

    def heights_of(self, entry: int) -> tuple[int, int]:
        """(top, height) of an entry relative to the viewport; estimated where not placed."""
        return self._top_of(entry, 0) - self.offset, self._entries[entry]

    def unit_top(self, entry: int, unit: int) -> int:
        """The top of a unit relative to the viewport; exact between placed units."""
        self._open(entry)
        return self._top_of(entry, unit) - self.offset

    def is_open(self, entry: int) -> bool:
        return self._opened[entry] is not None

    def height_of(self, entry: int) -> int:
        """The height of an entry as it is known now."""
        return self._entries[entry]

    # -- inner --------------------------------------------------------------------------------

    def _clamp_anchor(self) -> None:
        if self._entry >= len(self):
            self._entry = max(len(self) - 1, 0)
            self._unit = 0
            self._fraction = None
            self._y = self._padding_top if not self._entry else 0
            if len(self):
                self._unit = self._count(self._entry) - 1

    def _open(self, entry: int) -> _Opened:
        opened = self._opened[entry]
        if opened is None:
            estimates = self._measure.unit_estimates(entry)
            opened = _Opened(Heights(estimates), array("i", [-1]) * len(estimates))
            self._opened[entry] = opened
            self._entries.set(entry, opened.heights.total)
        return opened

    def _count(self, entry: int) -> int:
        return len(self._open(entry).heights)

    def _height(self, entry: int, unit: int) -> int:
        heights = self._open(entry).heights
        return heights[min(unit, len(heights) - 1)]

    def _exact(self, entry: int, unit: int) -> int:
        opened = self._open(entry)
        if opened.measured[unit] != self._round:
            height = self._measure.unit_height(entry, unit)
            delta = opened.heights.set(unit, height)
            if delta:
                self._entries.set(entry, self._entries[entry] + delta)
            opened.measured[unit] = self._round
        return opened.heights[unit]

    def _top_of(self, entry: int, unit: int) -> int:
        if not len(self):
            return self._padding_top
        opened = self._opened[entry]
        inside = opened.heights.before(unit) if opened is not None else 0
        return self._padding_top + self._entries.before(entry) + inside

    def _fill_up(self, placed: list[Placed], top: int) -> list[Placed]:
        """Place units before the first one until the viewport's top is covered."""
        above: list[Placed] = []
        first = placed[0]
        entry, unit, y = first.entry, first.unit, first.y
        while y > top:
            if unit == 0:
                if entry == 0:
                    break
                entry -= 1
                unit = self._count(entry)
            unit -= 1
            height = self._exact(entry, unit)
            y -= height
            above.append(Placed(entry, unit, y, height))
        above.reverse()
        return above + placed

    def _fill_down(self, placed: list[Placed], bottom: int) -> list[Placed]:
        """Place units after the last one until the viewport's bottom is covered."""
        last = placed[-1]
        entry, unit, y = last.entry, last.unit, last.bottom
        while y < bottom:
            unit += 1
            if unit >= self._count(entry):
                if entry + 1 >= len(self):
                    break
                entry += 1
                unit = 0
            height = self._exact(entry, unit)
            placed.append(Placed(entry, unit, y, height))
            y += height
        return placed

    def _top_slack(self, placed: list[Placed]) -> int:
        """How far everything must move (negative: up) when the content's start is too low."""
        first = placed[0]
        if first.entry == 0 and first.unit == 0 and first.y > self._padding_top:
            return self._padding_top - first.y
        return 0

    def _bottom_slack(self, placed: list[Placed], height: int) -> int:
        """How far everything must move down when the content's end is above the bottom."""
        last = placed[-1]
        if last.entry != len(self) - 1 or last.unit != self._count(last.entry) - 1:
            return 0
        return max(0, height - self._padding_bottom - last.bottom)

    @staticmethod
    def _shift(placed: list[Placed], delta: int) -> list[Placed]:
        if not delta:
            return placed
        return [Placed(one.entry, one.unit, one.y + delta, one.height) for one in placed]
