"""The message view: painted, virtualised by unit, streaming."""

from chatdesk.ui.transcript.entries import Entry
from chatdesk.ui.transcript.view import TranscriptView

__all__ = ["Entry", "TranscriptView"]
