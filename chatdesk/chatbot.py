"""Chat: a conversation in a few lines of Python, for scripts and notebooks, without Qt.

    from chatdesk import Chat

    chat = Chat(system="Answer concisely.")
    for piece in chat.stream("Name the planets"):
        print(piece, end="")
    text = chat.send("Reverse the list")

Nothing is saved, and what it says depends on its arguments alone, not on a person's settings. A
local model is loaded with the first message, in a thread that ends with close() or with the Chat.
With model="PROVIDER:MODEL" messages go to a provider that was set up in Chatdesk (in the window, or
with chatdesk providers), with its key from the system's keyring.
"""

from __future__ import annotations

import logging
import weakref
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

from chatdesk.chat.events import Delta, Event, Failed, Finished, Notice
from chatdesk.chat.messages import Role, new_id
from chatdesk.chat.provider import PromptMessage, Request
from chatdesk.errors import ChatdeskError, UsageError

if TYPE_CHECKING:
    from chatdesk.chat.messages import SamplingParameters
    from chatdesk.headless import Pumped, Worker
    from chatdesk.paths import DataDir
    from chatdesk.providers.profiles import Profiles
    from chatdesk.providers.remote import RemoteProvider
    from chatdesk.settings import Settings

_log = logging.getLogger(__name__)

Events = Generator[Event, None, None]  # what Worker.events() gives can be closed


class Chat:
    """One conversation with one model. Used by one thread at a time.

    A turn is a message with its reply. A turn that is cut short by the caller (the loop is left,
    Ctrl+C) stays with as much of the reply as was read. One that fails, or is cut before its first
    word, leaves no trace, so that it can be sent again. Expected errors are ChatdeskErrors that say
    what happened and what to do.
    """

    def __init__(
        self,
        system: str = "",
        *,
        model: str | Path | None = None,
        context: int | None = None,
        temperature: float | None = None,
        top_p: float | None = None,
        top_k: int | None = None,
        min_p: float | None = None,
        repeat_penalty: float | None = None,
        max_tokens: int | None = None,
        seed: int | None = None,
        stop: str | Sequence[str] = (),
        context_size: int = 0,
        threads: int = 0,
    ) -> None:
        """system: what the model is told first. model: a name in the library, the path of a GGUF
        file, or PROVIDER:MODEL (PROVIDER: is its default model); None is the one that came with
        Chatdesk.

        context: how many past messages are sent with a new one at most; None: all that fit.
        temperature to stop: how a reply is written; None is the usual value. A reply ends before a
        text of stop and after max_tokens (0: no limit); with a seed it can be had again.
        context_size (tokens) and threads: how a local model is run; 0 is chosen automatically.

        Raises SettingsError for a value out of bounds, UsageError for a negative context.
        """
        if context is not None and context < 0:
            raise UsageError("context cannot be negative.", "None sends all messages that fit.")
        given = {
            "temperature": temperature,
            "top_p": top_p,
            "top_k": top_k,
            "min_p": min_p,
            "repeat_penalty": repeat_penalty,
            "max_tokens": max_tokens,
            "seed": seed,
            "stop": [stop] if isinstance(stop, str) else list(stop),
        }
        self._settings = _settings(context_size, threads)
        self._parameters = _parameters(self._settings, given)
        self._system = system
        self._model = None if model is None else str(model)
        self._context = context
        self._turns: list[tuple[str, str]] = []
        self._worker: Worker | None = None
        self._closing: weakref.finalize[[], Chat] | None = None
        self._current: weakref.ref[Generator[str, None, None]] | None = None
        self._closed = False
        self._id = new_id()

    # -- talking --------------------------------------------------------------------------------

    def stream(self, prompt: str) -> Generator[str, None, None]:
        """Send a message; the reply comes in pieces as it is written.

        Nothing is sent before the first piece is asked for. A stream that was left unfinished is
        cut when the next message is sent. Raises UsageError for an empty message, ModelError where
        the model cannot be used, ContextOverflow where the message is too long for it,
        ProviderError where a server does not do its part (ReplyInterrupted: after its first words)
        and KeyringError where the key cannot be had.
        """
        if not prompt.strip():
            raise UsageError("The message is empty.", "Write something to send.")
        itself: list[weakref.ref[Generator[str, None, None]]] = []
        pieces = self._pieces(prompt, itself)
        itself.append(weakref.ref(pieces))
        return pieces

    def send(self, prompt: str) -> str:
        """Send a message and wait for the whole reply. Raises what stream() raises."""
        return "".join(self.stream(prompt))

    def display(self, prompt: str) -> None:
        """Send a message and show the reply as it is written: Markdown in a notebook, else text.

        Raises what stream() raises.
        """
        from chatdesk.notebook import show

        with closing(self.stream(prompt)) as pieces:
            show(pieces)

    @property
    def messages(self) -> list[dict[str, str]]:
        """The conversation so far: a copy, of dicts with role and content, the system's first."""
        found = [{"role": "system", "content": self._system}] if self._system.strip() else []
        for said, answered in self._turns:
            found.append({"role": "user", "content": said})
            found.append({"role": "assistant", "content": answered})
        return found

    def reset(self) -> None:
        """Forget all turns; the system prompt and the model stay."""
        self._cut()
        self._turns.clear()

    # -- ending ---------------------------------------------------------------------------------

    def close(self) -> None:
        """Free the model. Twice is harmless; messages stays readable."""
        self._cut()
        self._closed = True
        if self._closing is not None:
            self._closing()
            self._closing = self._worker = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Chat with {self._model or 'the default model'}, {len(self._turns)} turns>"

    # -- inner ----------------------------------------------------------------------------------

    def _pieces(
        self, prompt: str, itself: list[weakref.ref[Generator[str, None, None]]]
    ) -> Generator[str, None, None]:
        self._cut()
        self._current = itself[0]
        reply: list[str] = []
        ended = failed = False
        try:
            with closing(cast(Events, self._start().events(self._request(prompt)))) as events:
                for event in events:
                    if isinstance(event, Delta) and event.kind == "text":
                        reply.append(event.text)
                        yield event.text
                    elif isinstance(event, Notice):
                        _log.warning("%s", event.text)
                    elif isinstance(event, Failed):
                        raise event.error
                    ended = isinstance(event, Finished) and event.reason != "cancelled"
        except ChatdeskError:
            failed = True
            raise
        finally:
            if not failed and (ended or reply):
                self._turns.append((prompt, "".join(reply)))

    def _cut(self) -> None:
        """End a stream that was begun and is not at its end: its turn is kept as far as read."""
        current = self._current() if self._current is not None else None
        if current is not None:
            try:
                current.close()
            except ValueError as error:  # it is being read at this moment
                raise UsageError(
                    "This Chat is writing a reply for another thread.",
                    "Use one Chat for each thread.",
                ) from error
        self._current = None

    def _request(self, prompt: str) -> Request:
        messages = [PromptMessage(Role.SYSTEM, self._system)] if self._system.strip() else []
        for said, answered in self._turns if self._context != 0 else ():
            if answered:  # a turn without an answer only teaches to say nothing
                messages.append(PromptMessage(Role.USER, said))
                messages.append(PromptMessage(Role.ASSISTANT, answered))
        messages.append(PromptMessage(Role.USER, prompt))
        return Request(
            conversation_id=self._id,
            messages=tuple(messages),
            parameters=self._parameters,
            model=self._model,
            history=self._context or 0,
        )

    def _start(self) -> Worker:
        """The worker; it is made with the first message."""
        if self._closed:
            raise UsageError("This Chat is closed.", "Make another one.")
        if self._worker is None:
            from chatdesk.headless import Worker

            worker = Worker(self._engine(), name="chatdesk-chat")
            worker.__enter__()
            self._closing = weakref.finalize(self, worker.close)
            self._worker = worker
        return self._worker

    def _engine(self) -> Pumped:
        from chatdesk.headless import Everyone
        from chatdesk.paths import data_dir
        from chatdesk.providers.profiles import Profiles

        data = data_dir()
        profiles = Profiles(data)
        settings = self._settings  # not self: the engine must not keep the Chat alive
        return Everyone(lambda: _local(data, settings), lambda: _remote(data, profiles), profiles)


def _local(data: DataDir, settings: Settings) -> Pumped:
    from chatdesk.library import Library
    from chatdesk.providers.llama import LlamaEngine
    from chatdesk.providers.llama.choose import Chooser

    chooser = Chooser(Library(data), lambda: settings)
    return LlamaEngine(chooser.resolve, lambda state: None, chooser.check)


def _remote(data: DataDir, profiles: Profiles) -> RemoteProvider:
    from chatdesk.credentials import Keys
    from chatdesk.providers.profiles import Accounts
    from chatdesk.providers.remote import RemoteProvider

    return RemoteProvider(Accounts(profiles, Keys(data)))


def _settings(context_size: int, threads: int) -> Settings:
    from chatdesk.settings import settings_with, validate

    given = {"model.context_size": context_size, "model.threads": threads}
    return settings_with({key: validate(key, value) for key, value in given.items()})


def _parameters(settings: Settings, given: Mapping[str, Any]) -> SamplingParameters:
    from chatdesk.settings import sampling_parameters

    return sampling_parameters(
        settings, {name: value for name, value in given.items() if value is not None}
    )
