"""A session with its model's thread and a screen: what `ask` and `chat` do with conversations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chatdesk.chat.events import Delta, Event, PromptProgress, Waiting
from chatdesk.chat.messages import Message
from chatdesk.cli.carrier import Carrier, interrupts
from chatdesk.cli.context import Context
from chatdesk.cli.output import Progress, print_error, print_text
from chatdesk.errors import StoreError
from chatdesk.headless import Worker
from chatdesk.session import Session, Silent

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
        self._troubles: set[str] = set()

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
        elif isinstance(event, Delta):
            self.progress.show("Thinking")
        elif isinstance(event, PromptProgress) and event.total >= LONG_PROMPT:
            self.progress.show(f"Reading the conversation {event.done / event.total:.0%}")
        elif isinstance(event, Waiting):
            self.progress.show("Loading the model" if event.reason == "loading" else "Waiting")

    def message_finished(self, message: Message) -> None:
        self.progress.clear()

    def trouble(self, error: StoreError) -> None:
        if str(error) not in self._troubles:
            self._troubles.add(str(error))
            self.progress.clear()
            print_error(error)


@dataclass(frozen=True)
class Conversing:
    """Belongs to the main thread."""

    session: Session
    store: Store
    carrier: Carrier
    load: Callable[[str | None], None]  # begin to load a model, to be ready sooner

    def follow(self, reply: Message) -> Message:
        """Wait for a reply, showing it; Ctrl+C stops it. Returns it as it ended."""
        conversation_id = reply.conversation_id
        with interrupts(self.carrier, lambda: self._stop(conversation_id)):
            while self.session.streaming(conversation_id) is not None:
                self.carrier.carry(STEP_S)
                self.session.tick()
        return self.session.tree(conversation_id).get(reply.id)

    def _stop(self, conversation_id: str) -> None:
        self.session.stop(conversation_id)


@contextmanager
def conversing(context: Context, store: Store, screen: Screen) -> Iterator[Conversing]:
    """Run a model's thread and a session; what still streams at the end is saved as it is."""
    carrier = Carrier()
    engine = context.engine(lambda state: carrier.post(lambda: screen.model_state(state)))
    carrier.use(engine)
    load = getattr(engine, "load", lambda model: None)  # a scripted engine has nothing to load
    session = Session(store, carrier, lambda: context.settings.values, screen)
    with Worker(carrier):
        try:
            yield Conversing(session, store, carrier, load)
        finally:
            session.close()
