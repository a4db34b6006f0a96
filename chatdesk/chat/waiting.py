"""What a reply waits for, in the words that the window and the terminal show."""

from __future__ import annotations

import math

from chatdesk.chat.events import Waiting


def waiting_words(event: Waiting) -> str:
    """One line without an end: "Mistral is busy. Trying again in 7 s"."""
    if event.reason == "loading":
        return "Loading the model"
    why = event.why.strip().rstrip(".")
    if event.reason == "queued":
        return why or "Waiting for another reply to finish"
    if event.reason == "connecting":
        return why or "Connecting"
    again = "Trying again"
    if event.seconds is not None and event.seconds > 0:
        again += f" in {_duration(math.ceil(event.seconds))}"
    return f"{why}. {again}" if why else again


def _duration(seconds: int) -> str:
    if seconds < 120:
        return f"{seconds} s"
    minutes, rest = divmod(seconds, 60)
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"
