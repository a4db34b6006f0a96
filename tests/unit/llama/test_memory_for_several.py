"""Several conversations at once need the memory of as many contexts."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatdesk.errors import ModelError
from chatdesk.library import ModelInfo, check_fits, fits


@pytest.fixture
def info() -> ModelInfo:
    return ModelInfo(Path("m"), "M", "llama", 10_000, None, "", 8192, True, "", 1000, None)


def test_each_conversation_has_a_context_of_its_own(info: ModelInfo) -> None:
    one, five = (fits(info, 1000, 0, sequences).needed_bytes for sequences in (1, 5))
    assert five - one == 4 * 1000 * 1000


def test_an_error_says_for_how_many(info: ModelInfo) -> None:
    free = fits(info, 1000, 0).needed_bytes
    check_fits(info, 1000, free)
    with pytest.raises(ModelError, match="5 conversations at once") as caught:
        check_fits(info, 1000, free, 5)
    assert "fewer conversations" in caught.value.advice
