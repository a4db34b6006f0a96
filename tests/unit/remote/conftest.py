"""People who ask servers with faults."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from faults import Answer
from faulty_person import Open, Person, faulty_person


@pytest.fixture
def open_person(tmp_path: Path) -> Iterator[Open]:
    """Makes a person as faulty_person() does, who goes with the test."""
    with ExitStack() as stack:

        def make(*answers: Answer, **named: Any) -> Person:
            folder = tmp_path / f"data-{len(list(tmp_path.iterdir()))}"
            return stack.enter_context(faulty_person(folder, *answers, **named))

        yield make


@pytest.fixture
def person(open_person: Open) -> Person:
    return open_person()
