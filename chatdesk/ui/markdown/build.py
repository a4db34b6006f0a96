"""Blocks to leaves: the text of a block parsed, cut to size and given its place.

Pure but for the Inliner it is given; belongs to the same thread.
"""

from __future__ import annotations

from chatdesk.ui.markdown.blocks import Block, CodeBlock, TableBlock, TextBlock
from chatdesk.ui.markdown.chunks import split_runs
from chatdesk.ui.markdown.inline import Inliner
from chatdesk.ui.markdown.leaf import Leaf, Row, Run, reads_right_to_left
from chatdesk.ui.markdown.lines import RawCell

_WIDEST = 60


def leaves_of(block: Block, inliner: Inliner) -> tuple[Leaf, ...]:
    """The leaves of one block; at least one."""
    if isinstance(block, TextBlock):
        return _text_leaves(block, inliner)
    if isinstance(block, CodeBlock):
        return (_code_leaf(block),)
    if isinstance(block, TableBlock):
        return (_table_leaf(block, inliner),)
    place = block.place
    return (
        Leaf("rule", place.start, place.end, (), place.ancestry, place.marks,
             spacing=place.spacing),
    )  # fmt: skip


def _text_leaves(block: TextBlock, inliner: Inliner) -> tuple[Leaf, ...]:
    place = block.place
    runs = inliner.runs(block.text, block.places)
    rtl = reads_right_to_left("".join(run.text for run in runs if not run.code))
    alone = len(runs) == 1 and runs[0].image and not block.level and not place.joined
    kind = "image" if alone else "heading" if block.level else "paragraph"
    parts = split_runs(runs)
    starts = [place.start, *(part[0].source for part in parts[1:])]
    ends = [*(part[-1].source + len(part[-1].text) for part in parts[:-1]), place.end]
    return tuple(
        Leaf(
            kind,  # type: ignore[arg-type]
            max(start, place.start),
            min(max(end, start), place.end),
            part,
            place.ancestry,
            place.marks if index == 0 else (),
            joined=place.joined or index > 0,
            spacing=place.spacing if index == 0 else "tight",
            rtl=rtl,
            level=block.level,
        )
        for index, (part, start, end) in enumerate(zip(parts, starts, ends, strict=True))
    )


def _code_leaf(block: CodeBlock) -> Leaf:
    place = block.place
    runs = tuple(
        Run(text, code=True, source=source, literal=source >= 0) for text, source in block.pieces
    )
    return Leaf(
        "code",
        place.start,
        place.end,
        runs,
        place.ancestry,
        place.marks,
        joined=place.joined,
        spacing=place.spacing,
        language=block.language,
        block_id=block.block_id,
        first=block.first,
        last=block.last,
        line=block.line,
        open=block.open,
    )


def _table_leaf(block: TableBlock, inliner: Inliner) -> Leaf:
    place = block.place
    rows: tuple[Row, ...] = tuple(
        tuple(inliner.cell_runs(cell) for cell in row) for row in block.rows
    )
    return Leaf(
        "table",
        place.start,
        place.end,
        (),
        place.ancestry,
        place.marks,
        spacing=place.spacing,
        rtl=reads_right_to_left("".join(cell.text for row in block.head for cell in row)),
        block_id=block.block_id,
        first=block.first,
        last=block.last,
        rows=rows,
        header=block.first,
        alignments=block.alignments,
        column_hints=_hints(block.head),
    )


def _hints(head: tuple[tuple[RawCell, ...], ...]) -> tuple[int, ...]:
    """The widest text of each column, in characters of source, within bounds."""
    return tuple(
        max(1, min(_WIDEST, max(len(row[column].text) for row in head)))
        for column in range(len(head[0]))
    )
