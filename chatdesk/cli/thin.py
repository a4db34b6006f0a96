"""`chatdesk ask --nats URL`: a question to a cluster, which remembers the conversation itself."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from ssl import SSLContext
from typing import Any

from chatdesk.chat.events import Event, Failed, Finished
from chatdesk.chat.messages import SamplingParameters
from chatdesk.cli.conversing import Screen
from chatdesk.cli.nats_key import checked_url, login_for, read_key
from chatdesk.cli.output import print_text
from chatdesk.cluster.prompts import Prompt, check_length
from chatdesk.cluster.thin_client import talk
from chatdesk.providers.nats.connection import connect, disconnect, trusting
from chatdesk.providers.nats.login import Login
from chatdesk.providers.nats.subjects import DEFAULT_PREFIX, Subjects, checked_user

_INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where a cluster is and who asks it, as it was typed."""

    url: str
    user: str | None = None
    subject: str | None = None
    tls_ca: str | None = None


def ask_cluster(
    cluster: Cluster, text: str, parameters: dict[str, Any], *, forget: bool = False
) -> int:
    """Ask and print the reply as it comes; the exit code. Ctrl+C leaves it: the cluster goes on.

    Raises ChatdeskError.
    """
    url = checked_url(cluster.url)
    check_length(text)
    user = cluster.user
    login = login_for(user and checked_user(user), read_key(None))
    prompt = Prompt(text, parameters=SamplingParameters(**parameters), forget=forget)
    subjects = Subjects(cluster.subject or DEFAULT_PREFIX)
    tls = trusting(Path(cluster.tls_ca) if cluster.tls_ca else None)
    return asyncio.run(_ask(url, login, tls, subjects, prompt))


async def _ask(
    url: str, login: Login, tls: SSLContext | None, subjects: Subjects, prompt: Prompt
) -> int:
    screen = Screen()
    client = await connect(url, login, name="chatdesk ask", tls=tls)
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
        await disconnect(client)
    screen.progress.clear()
    if isinstance(last, Failed):
        raise last.error
    assert isinstance(last, Finished)
    print_text("")
    return 0
