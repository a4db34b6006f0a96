"""A session with its model's thread and a screen: what `ask` and `chat` do with conversations."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from chatdesk.chat.events import Delta, Event, Notice, PromptProgress, Waiting
from chatdesk.chat.messages import Message, Status
from chatdesk.chat.waiting import waiting_words
from chatdesk.cli.carrier import Carrier, interrupts
from chatdesk.cli.context import Context
from chatdesk.cli.output import Progress, print_hint, print_text
from chatdesk.errors import ProviderError, StoreError
from chatdesk.headless import Worker
from chatdesk.session import Consents, Gatekeeper, Session, Silent, Whereabouts

if TYPE_CHECKING:
    from chatdesk.providers.llama import ModelState
    from chatdesk.store import Store

STEP_S = 0.05  # how often a session wants to be ticked
LONG_PROMPT = 256  # tokens; below this nobody would see the progress


class Screen(Silent):
    """Shows a reply as it grows: its text on standard output, what it waits for on the other."""

    def __init__(self, *, show_text: bool = True) -> None:
        self.progress = Progress()
        self._show_text = show_text
        self._told: set[str] = set()  # notices and troubles: each is told once
        self._mid_line = False  # whether the reply's text ends within a line of a terminal

    def model_state(self, state: ModelState) -> None:
        """The model is being loaded, or is there."""
        if state.kind == "loading":
            self.progress.show(f"Loading {state.name} {state.fraction:.0%}")
        else:
            self.progress.clear()

    def reply_event(self, message_id: str, event: Event) -> None:
        if isinstance(event, Delta) and event.kind == "text":
            self.progress.clear()
            if self._show_text:
                print_text(event.text, end="")
                self._mid_line = not event.text.endswith("\n")
        elif isinstance(event, Delta):
            self.progress.show("Thinking")
        elif isinstance(event, PromptProgress) and event.total >= LONG_PROMPT:
            self.progress.show(f"Reading the conversation {event.done / event.total:.0%}")
        elif isinstance(event, Waiting):
            self.progress.show(waiting_words(event))
        elif isinstance(event, Notice):
            self._tell(event.text)

    def message_finished(self, message: Message) -> None:
        self.progress.clear()
        self._mid_line = False

    def trouble(self, error: StoreError) -> None:
        self._tell(error.in_terminal)

    def _tell(self, text: str) -> None:
        """A line on standard error, once, and not at the end of a line of the reply."""
        if text in self._told:
            return
        self._told.add(text)
        self.progress.clear()
        if self._mid_line and sys.stdout.isatty():
            click.echo(err=True)
        self._mid_line = False
        print_hint(text)


def only_thought(reply: Message) -> bool:
    """Whether a reply came to its end within its reasoning: all its length went into that."""
    return reply.status is Status.COMPLETE and bool(reply.reasoning) and not reply.content


@dataclass(frozen=True)
class Conversing:
    """Belongs to the main thread."""

    session: Session
    store: Store
    carrier: Carrier
    consents: Consents
    load: Callable[[str | None], None]  # begin to load a model, to be ready sooner

    def follow(self, begin: Callable[[], Message]) -> Message:
        """Begin a reply and wait for it, showing it; Ctrl+C stops it, from its very beginning.

        Returns it as it ended. Raises what begin raises.
        """
        following: list[str] = []  # a press that is carried later must not stop the next reply
        with interrupts(self.carrier, lambda: self._stop(following)):
            reply = begin()
            following.append(reply.conversation_id)
            while self.session.streaming(reply.conversation_id) is not None:
                self.carrier.carry(STEP_S)
                self.session.tick()
            following.clear()
        return self.session.tree(reply.conversation_id).get(reply.id)

    def why_failed(self, reply: Message) -> ProviderError | None:
        """The error that ended a reply of follow(), with the way out of it; None if none did."""
        if reply.status is not Status.FAILED and not reply.error:
            return None  # an interrupted one has its reason, too
        what = reply.error or "The reply could not be written."
        return ProviderError(what, remedy=self.session.remedy(reply.id))

    def _stop(self, following: list[str]) -> None:
        for conversation_id in following:
            self.session.stop(conversation_id)


@contextmanager
def conversing(context: Context, store: Store, screen: Screen) -> Iterator[Conversing]:
    """Run a model's thread and a session; what still streams at the end is saved as it is."""
    carrier = Carrier()
    engine = context.engine(lambda state: carrier.post(lambda: screen.model_state(state)))
    carrier.use(engine)
    load = getattr(engine, "load", lambda model: None)  # a scripted engine has nothing to load
    consents = Consents(store.state)
    session = Session(
        store,
        Gatekeeper(carrier, context.profiles, consents, Whereabouts(store.state)),
        lambda: context.settings.values,
        screen,
        remote=lambda model: _remote_name(context, model),
    )
    with Worker(carrier):
        try:
            yield Conversing(session, store, carrier, consents, load)
        finally:
            session.close()


def _remote_name(context: Context, model: str) -> tuple[str, str] | None:
    """A remote model's and its provider's name; None for a local one."""
    from chatdesk.providers.profiles import split

    remote = split(model, context.profiles)
    if remote is None:
        return None
    profile = remote.profile
    return remote.model or profile.default_model or profile.name, profile.name
