"""The dataflow with workers that answer by script: what a test's process runs in place of its own.

Each reply says how many turns the model was shown and repeats the prompt, in pieces that take
SCRIPTED_PACE seconds each, and every prompt that is asked for is noted in a file.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from bytewax.dataflow import Dataflow
from nats.aio.client import Client

from chatdesk.chat.events import Delta, Event, Failed, Finished, Started
from chatdesk.chat.messages import Role, Usage
from chatdesk.chat.provider import Request
from chatdesk.cluster import dataflow
from chatdesk.errors import ContextOverflow


def flow() -> Dataflow:
    return dataflow.flow(asking=asking)


def asking(_client: Client) -> Callable[[Request], AsyncIterator[Event]]:
    return _reply


async def _reply(request: Request) -> AsyncIterator[Event]:
    prompt = request.messages[-1].content
    with Path(os.environ["SCRIPTED_ASKED"]).open("a") as asked:
        asked.write(f"{request.conversation_id}|{prompt}\n")
    if "Summarise" in prompt and os.environ.get("SCRIPTED_TOO_LONG"):
        yield Failed(ContextOverflow("It does not fit."))
        return
    yield Started("scripted", int(os.environ.get("SCRIPTED_WINDOW", "32768")), 1)
    turns = sum(m.role is Role.ASSISTANT for m in request.messages)
    for piece in (f"{turns}", " turns, ", prompt):
        await asyncio.sleep(float(os.environ.get("SCRIPTED_PACE", "0.01")))
        yield Delta("text", piece)
    yield Finished("stop", Usage(1, 0, 3))
