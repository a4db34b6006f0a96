"""Heights of a growing list of things, summed and searched in logarithmic time.

A Fenwick tree over whole pixels. The transcript has one over its entries and one per opened entry
over that entry's units, so that no scroll step and no streamed update costs more because the
conversation is longer.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable


class Heights:
    """A list of heights (whole pixels, never negative) that knows its sums."""

    __slots__ = ("_tree", "_values")

    def __init__(self, values: Iterable[int] = ()) -> None:
        """Costs O(n)."""
        # Arrays, because many entries have one of these: lists are three times as large.
        self._values = array("q", values)
        # _tree[i] is the sum of the values (i - lowbit(i), i], counted from 1; _tree[0] is unused.
        tree = array("q", (0, *self._values))
        for index in range(1, len(tree)):
            above = index + (index & -index)
            if above < len(tree):
                tree[above] += tree[index]
        self._tree = tree

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, index: int) -> int:
        return self._values[index]

    @property
    def total(self) -> int:
        return self.before(len(self._values))

    def before(self, index: int) -> int:
        """The sum of the heights of all before index (0 <= index <= len)."""
        total = 0
        while index > 0:
            total += self._tree[index]
            index &= index - 1
        return total

    def set(self, index: int, height: int) -> int:
        """Change one height; returns by how much it grew."""
        delta = height - self._values[index]
        if delta:
            self._values[index] = height
            position = index + 1
            while position < len(self._tree):
                self._tree[position] += delta
                position += position & -position
        return delta

    def append(self, height: int) -> None:
        index = len(self._tree)
        below = index - (index & -index)
        self._tree.append(self.before(index - 1) - self.before(below) + height)
        self._values.append(height)

    def truncate(self, length: int) -> None:
        """Forget all from length on. A tree's nodes look only backwards, so none changes."""
        del self._values[length:]
        del self._tree[length + 1 :]

    def at(self, y: int) -> int:
        """The index of the thing that covers y, clamped to the first and the last.

        Things without height are passed over in favour of the one that follows them.
        """
        position = 0
        step = 1 << (len(self._values).bit_length())
        remaining = y
        while step:
            ahead = position + step
            if ahead < len(self._tree) and self._tree[ahead] <= remaining:
                position = ahead
                remaining -= self._tree[ahead]
            step >>= 1
        return max(0, min(position, len(self._values) - 1))
