"""What a reply waits for is told in one plain line."""

from __future__ import annotations

import pytest

from chatdesk.chat.events import Waiting
from chatdesk.chat.waiting import waiting_words


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (Waiting("loading"), "Loading the model"),
        (Waiting("queued"), "Waiting for another reply to finish"),
        (Waiting("queued", "Place 2 in the line."), "Place 2 in the line"),
        (Waiting("connecting"), "Connecting"),
        (Waiting("connecting", "Connecting to Mistral"), "Connecting to Mistral"),
        (Waiting("retrying", "Mistral is busy", 6.2), "Mistral is busy. Trying again in 7 s"),
        (Waiting("retrying", "Mistral is busy.", 1.0), "Mistral is busy. Trying again in 1 s"),
        (Waiting("retrying", "Mistral is busy", 0.0), "Mistral is busy. Trying again"),
        (Waiting("retrying", "Mistral is busy"), "Mistral is busy. Trying again"),
        (Waiting("retrying", "", 119.0), "Trying again in 119 s"),
        (Waiting("retrying", "", 120.0), "Trying again in 2 min"),
        (Waiting("retrying", "", 3600.5), "Trying again in 60 min 1 s"),
    ],
)
def test_the_words_for_what_a_reply_waits_for(event: Waiting, words: str) -> None:
    assert waiting_words(event) == words
