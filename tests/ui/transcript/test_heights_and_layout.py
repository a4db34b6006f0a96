"""The geometry without Qt: sums are right, and what is read never moves by a wrong estimate."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from chatdesk.ui.transcript.heights import Heights
from chatdesk.ui.transcript.layout import Layout

heights = st.integers(0, 200)


@given(st.lists(heights), st.lists(st.tuples(st.sampled_from("ast"), heights, heights)))
def test_heights_are_a_list_that_knows_its_sums(
    start: list[int], steps: list[tuple[str, int, int]]
) -> None:
    tree, plain = Heights(start), list(start)
    for step, first, second in steps:
        if step == "a":
            tree.append(first)
            plain.append(first)
        elif step == "s" and plain:
            tree.set(second % len(plain), first)
            plain[second % len(plain)] = first
        elif step == "t":
            tree.truncate(first)
            del plain[first:]
    assert [tree[i] for i in range(len(tree))] == plain
    assert [tree.before(i) for i in range(len(plain) + 1)] == [
        sum(plain[:i]) for i in range(len(plain) + 1)
    ]
    for y in range(-1, sum(plain) + 2, 7):
        if plain:
            index = tree.at(y)
            covering = [i for i in range(len(plain)) if sum(plain[:i]) <= y < sum(plain[: i + 1])]
            if covering:
                assert index == covering[0]


class Content:
    """True heights and what is guessed of them; counts how much was measured."""

    def __init__(self, entries: list[list[tuple[int, int]]]) -> None:
        self.entries = entries
        self.measured = 0
        self.opened: set[int] = set()

    def unit_estimates(self, entry: int) -> Sequence[int]:
        self.opened.add(entry)
        return [guess for _true, guess in self.entries[entry]]

    def unit_height(self, entry: int, unit: int) -> int:
        self.measured += 1
        return self.entries[entry][unit][0]


def fill(layout: Layout, estimates: list[int]) -> None:
    layout.rearrange([None] * len(estimates), lambda index: estimates[index])


def tops(content: Content, padding: int) -> dict[tuple[int, int], int]:
    """Where every unit is when all is known."""
    found, y = {}, padding
    for e, units in enumerate(content.entries):
        for u, (true, _guess) in enumerate(units):
            found[e, u] = y
            y += true
    return found


entries = st.lists(
    st.lists(st.tuples(st.integers(1, 300), st.integers(0, 300)), min_size=1, max_size=6),
    min_size=1,
    max_size=12,
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("by"), st.integers(-900, 900)),
        st.tuples(st.just("to"), st.integers(-50, 6000)),
        st.tuples(st.just("size"), st.integers(50, 900)),
        st.tuples(st.just("width"), st.just(0)),
        st.tuples(st.just("end"), st.just(0)),
    ),
    max_size=12,
)


@given(entries, steps)
def test_what_is_placed_is_exact_contiguous_and_fills_the_viewport(
    given_entries: list[list[tuple[int, int]]], given_steps: list[tuple[str, int]]
) -> None:
    content = Content(given_entries)
    layout = Layout(content, 10, 20)
    fill(layout, [50] * len(given_entries))
    layout.following = False
    viewport = 400
    truth = tops(content, 10)
    total = 10 + sum(t for units in given_entries for t, _ in units) + 20
    for what, number in [("by", 0), *given_steps]:
        if what == "by":
            before = {(p.entry, p.unit): p.y for p in layout.placed}
            layout.scroll_by(number)
        elif what == "to":
            layout.scroll_to(number)
        elif what == "size":
            viewport = number
        elif what == "width":
            layout.invalidate()
        else:
            layout.following = True
        placed = layout.place(viewport)
        assert placed
        shift = placed[0].y - truth[placed[0].entry, placed[0].unit]
        for one in placed:
            assert one.height == content.entries[one.entry][one.unit][0]
            assert one.y == truth[one.entry, one.unit] + shift
            assert one.bottom > 0 and one.y < viewport
        # Nothing visible is missing, and the view does not leave the content.
        assert -shift >= 0 and (-shift <= max(0, total - viewport))
        visible = [
            k
            for k, y in truth.items()
            if y + shift < viewport and y + shift + given_entries[k[0]][k[1]][0] > 0
        ]
        assert [(p.entry, p.unit) for p in placed] == visible
        if what == "by" and before:
            moved = [p.y - before[p.entry, p.unit] for p in placed if (p.entry, p.unit) in before]
            assert all(m == moved[0] for m in moved)
            assert all(abs(m) <= abs(number) for m in moved)
        if what == "end":
            assert layout.at_end(viewport)


@given(entries, st.integers(0, 3000), st.integers(1, 400))
def test_growth_above_or_below_does_not_move_what_is_read(
    given_entries: list[list[tuple[int, int]]], start: int, grown: int
) -> None:
    content = Content(given_entries)
    layout = Layout(content)
    fill(layout, [10] * len(given_entries))
    layout.scroll_to(start)
    layout.place(300)
    content.entries.append([(grown, 0), (grown, 0)])
    layout.append(5)
    before = {(p.entry, p.unit): p.y for p in layout.placed}
    filled = layout.placed[-1].bottom >= 300
    after = layout.place(300)
    if filled:
        assert {(p.entry, p.unit): p.y for p in after} == before


def test_a_streamed_entry_is_followed_and_left_alone_when_scrolled_up() -> None:
    content = Content([[(100, 100)] for _ in range(50)])
    layout = Layout(content)
    fill(layout, [100] * 50)
    layout.place(300)
    assert layout.following and layout.at_end(300)
    for _ in range(5):
        content.entries[49].append((80, 80))
        layout.changed(49, len(content.entries[49]) - 1, [80])
        placed = layout.place(300)
        assert placed[-1].bottom == 300 and placed[-1].unit == len(content.entries[49]) - 1
    layout.scroll_by(-500)
    before = layout.place(300)
    content.entries[49].append((80, 80))
    layout.changed(49, len(content.entries[49]) - 1, [80])
    assert layout.place(300) == before


def test_work_is_bounded_however_long_the_conversation_is() -> None:
    content = Content([[(40, 60)] * 5 for _ in range(10_000)])
    layout = Layout(content)
    fill(layout, [300] * 10_000)
    layout.place(800)
    assert content.measured < 30 and len(content.opened) < 8
    for _ in range(100):
        before = content.measured
        layout.scroll_by(-120)
        layout.place(800)
        assert content.measured - before < 8
    before = content.measured
    layout.scroll_to(1_000_000)
    layout.place(800)
    assert content.measured - before < 30


def test_dragging_the_width_back_and_forth_ends_where_it_began() -> None:
    content = Content([[(333, 100)] for _ in range(30)])
    layout = Layout(content)
    fill(layout, [100] * 30)
    layout.scroll_to(1777)
    layout.scroll_by(13)
    before = layout.place(500)[0]
    for scale in (7, 5, 3, 2, 5, 9, 10):
        content.entries = [[(333 * scale // 10, 0)] for _ in range(30)]
        layout.invalidate()
        layout.place(500)
    after = layout.place(500)[0]
    assert (after.entry, after.y) == (before.entry, before.y)


def test_entries_that_come_and_go_above_do_not_move_what_is_read() -> None:
    content = Content([[(60 + i, 10), (70 + i, 10)] for i in range(40)])
    layout = Layout(content)
    fill(layout, [100] * 40)
    layout.scroll_to(2_000)
    before = layout.place(300)
    first = before[0].entry
    removed = 5
    content.entries = content.entries[removed:]
    layout.rearrange(list(range(removed, 40)), lambda index: 0)
    after = layout.place(300)
    assert [(p.entry + removed, p.unit, p.y) for p in after] == [
        (p.entry, p.unit, p.y) for p in before
    ]
    layout.rearrange([*range(first - removed), None, None], lambda index: 100)
    assert layout.place(300), "the entry that was read is gone: the view stays within the rest"
