"""The packaged application writes on every variant of llama.cpp that this processor can run."""

from __future__ import annotations

from pathlib import Path

import pytest
from cpu_variants import alone, ask, score, variants
from installers.freeze import FROZEN

# Without any, the first test fails and tells that the application is not frozen.
NAMES = sorted(variants(FROZEN)) if FROZEN.is_dir() else []


def test_there_is_a_variant_for_every_processor_and_one_for_modern_ones() -> None:
    assert FROZEN.is_dir(), "packaging/build.py --frozen makes it"
    assert {"x64", "haswell"} <= set(NAMES) or {"armv8.0_1"} & set(NAMES)


def test_this_processor_runs_several() -> None:
    assert sum(score(library) > 0 for library in variants(FROZEN).values()) >= 2


@pytest.mark.parametrize("name", NAMES)
def test_a_variant_writes_or_says_that_it_cannot(name: str, tmp_path: Path) -> None:
    # Beside the application: its copy is made of links, which cannot lead to another disk.
    with alone(FROZEN, name, FROZEN.parent) as program:
        tried = ask(program, tmp_path, name)
    if score(variants(FROZEN)[name]):
        assert tried.error == "" and len(tried.reply) > 20
    else:
        assert tried.reply == ""
        assert "Traceback" not in tried.error and "processor" in tried.error
