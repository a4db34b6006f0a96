"""`chatdesk ask --nats URL`: a question to a cluster, which remembers the conversation itself."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from typing import Any

from chatdesk.chat.events import Event, Failed, Finished
from chatdesk.chat.messages import SamplingParameters
from chatdesk.cli.conversing import Screen
from chatdesk.cli.nats_key import login_for, read_key
from chatdesk.cli.output import print_text
from chatdesk.cluster.prompts import Prompt
from chatdesk.cluster.thin_client import talk
from chatdesk.providers.nats.connection import connect
from chatdesk.providers.nats.subjects import DEFAULT_PREFIX, Subjects, checked_user

_INTERRUPTED = 130


def ask_cluster(
    url: str, user: str | None, subject: str | None, text: str, parameters: dict[str, Any]
) -> int:
    """Ask and print the reply as it comes; the exit code. Ctrl+C leaves it: the cluster goes on.

    Raises ChatdeskError.
    """
    login = login_for(user and checked_user(user), read_key(None))
    prompt = Prompt(text, parameters=SamplingParameters(**parameters))
    return asyncio.run(_ask(url, login, Subjects(subject or DEFAULT_PREFIX), prompt))


async def _ask(url: str, login: Any, subjects: Subjects, prompt: Prompt) -> int:
    screen = Screen()
    client = await connect(url, login, name="chatdesk ask")
    me = asyncio.current_task()
    assert me is not None
    loop = asyncio.get_running_loop()
    with suppress(NotImplementedError):  # Windows: KeyboardInterrupt does it
        loop.add_signal_handler(signal.SIGINT, me.cancel)
    last: Event | None = None
    try:
        async for event in talk(client, subjects, login.user, prompt):
            screen.reply_event(prompt.id, event)
            last = event
    except asyncio.CancelledError:
        screen.progress.clear()
        return _INTERRUPTED
    finally:
        await client.close()
    screen.progress.clear()
    if isinstance(last, Failed):
        raise last.error
    assert isinstance(last, Finished)
    print_text("")
    return 0
