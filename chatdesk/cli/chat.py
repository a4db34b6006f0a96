"""`chatdesk chat`: a conversation in the terminal, saved like one in the window."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from chatdesk.chat.messages import Conversation, Message, Status
from chatdesk.chat.tree import Tree
from chatdesk.cli.context import Chosen, Context, pass_context
from chatdesk.cli.conversations import heading, title_of
from chatdesk.cli.conversing import Conversing, Screen, conversing, only_thought
from chatdesk.cli.leaving import agreed, what_is_sent
from chatdesk.cli.lines import Lines
from chatdesk.cli.output import print_error, print_hint, print_text
from chatdesk.cli.parameters import model_option
from chatdesk.errors import ChatdeskError
from chatdesk.session import Removed

if TYPE_CHECKING:
    from chatdesk.credentials import Origin
    from chatdesk.providers.profiles import RemoteName

SHOWN_MESSAGES = 6  # of a conversation that is gone on with


@click.command(short_help="Chat in the terminal.")
@model_option
@click.option("--system", metavar="TEXT", help="What the model is told before the conversation.")
@click.option("--conversation", metavar="ID", help="Go on with this conversation.")
@click.option("--temporary", is_flag=True, help="Keep nothing.")
@pass_context
def chat(
    context: Context,
    /,
    model: str | None,
    system: str | None,
    conversation: str | None,
    temporary: bool,
) -> None:
    """Chat in the terminal. Enter sends; /help shows what else there is.

    The conversation is kept like one of the window, unless --temporary is given.
    """
    if conversation is not None and temporary:
        raise click.UsageError("--conversation and --temporary do not go together.")
    chosen = context.choose_for_new(model)
    screen = Screen()
    with (
        context.temporary_store() if temporary else context.store() as store,
        conversing(context, store, screen) as talk,
    ):
        terminal = TerminalChat(context, talk, temporary=temporary, chosen=chosen, system=system)
        if conversation is not None:
            terminal.open(store.conversations.get(conversation))
            terminal.adopt(chosen if model is not None else None, system)
        terminal.run()


class TerminalChat:
    """The conversation shown now, and the loop of reading and answering. Main thread.

    A conversation is made with its first message; until then model and system wait here.
    """

    def __init__(
        self,
        context: Context,
        talk: Conversing,
        *,
        temporary: bool = False,
        chosen: Chosen,
        system: str | None = None,
    ) -> None:
        """chosen: the model of new conversations."""
        self.context = context
        self.talk = talk
        self.session = talk.session
        self.conversations = talk.store.conversations
        self.temporary = temporary
        self.model = chosen.reference
        self.system = system
        self.conversation_id: str | None = None
        self.lines = Lines()
        self.beginning = ""  # what the next line begins with
        self.leaving = False
        self.undone: list[Removed] = []
        self._seen = talk.store.data_version()
        # Where new conversations may be sent: the place that was told when the model was chosen.
        self._new_to = chosen.remote.profile.origin if chosen.remote else None

    # -- the loop -------------------------------------------------------------------------------

    def run(self) -> None:
        """Read and answer until the end of the input."""
        from chatdesk.cli.chat_commands import run_command

        self.talk.load(self._model())
        if self.lines.interactive:
            self._greet()
        while not self.leaving:
            text = self._read()
            if text is None:
                break
            if not text.strip():
                continue
            try:
                if text.startswith("//"):
                    self.send(text[1:])
                elif text.startswith("/"):
                    run_command(self, text)
                else:
                    self.send(text)
            except ChatdeskError as error:
                print_error(error)
        if self.lines.interactive:
            print_text("")

    def _read(self) -> str | None:
        beginning, self.beginning = self.beginning, ""
        try:
            return self.lines.read(beginning)
        except KeyboardInterrupt:
            if not self.lines.interactive:
                raise
            print_text("")
            print_hint("Ctrl+D leaves.")
            return ""

    def _greet(self) -> None:
        chosen = self.context.choose(self._model())
        kept = "nothing is kept" if self.temporary else "saved on this computer"
        where = f"what you write {chosen.remote.profile.remote_words}; " if chosen.remote else ""
        print_hint(f"{chosen.name} - {where}{kept}. /help shows the commands, Ctrl+D leaves.")

    def remote(self) -> RemoteName | None:
        """Which remote model answers; None for one of this computer."""
        from chatdesk.providers.profiles import split

        return split(self._model(), self.context.profiles)

    def _model(self) -> str | None:
        if self.conversation_id is None:
            return self.model
        return self.conversations.get(self.conversation_id).model

    # -- conversations --------------------------------------------------------------------------

    @property
    def tree(self) -> Tree:
        """The messages of the conversation; an empty tree before the first."""
        if self.conversation_id is None:
            return Tree()
        version = self.talk.store.data_version()
        if version != self._seen:  # a window wrote in it, perhaps
            self._seen = version
            self.session.forget(self.conversation_id)
        return self.session.tree(self.conversation_id)

    def new(self) -> None:
        """Leave this conversation; the next message begins another."""
        self.conversation_id = None
        if (remote := self.remote()) is not None:
            self._new_to = remote.profile.origin
            print_hint(f"{remote.label} - what you write {remote.profile.remote_words}.")

    def open(self, conversation: Conversation) -> None:
        """Go on with a conversation, showing its end."""
        self.conversation_id = conversation.id
        path = self.tree.path()
        print_hint(f"{title_of(conversation)} ({conversation.id})")
        if (remote := self.remote()) is not None:
            print_hint(f"{remote.label} - what you write {remote.profile.remote_words}.")
        for message in path[-SHOWN_MESSAGES:]:
            print_text(f"\n{heading(message, self.tree)}\n{message.content}")
        if path:
            print_text("")

    def adopt(self, chosen: Chosen | None, system: str | None) -> None:
        """Give an opened conversation what the command line says, which is explicit enough."""
        if chosen is not None:
            if chosen.remote is not None:
                if told := what_is_sent(self, chosen.remote):
                    print_hint(told)
                self.agree_to(chosen.remote.profile.origin)
            self._use(chosen)
        if system is not None:
            self.set_system(system)

    def set_model(self, model: str) -> None:
        """Let another model answer from now on. Raises NotFound or ModelError.

        What was said so far is sent to another provider only if the person agrees; without a
        terminal to ask at UsageError is raised.
        """
        chosen = self.context.choose(model)
        if chosen.remote is None or agreed(self, chosen.remote):
            self._use(chosen)

    def _use(self, chosen: Chosen) -> None:
        self.model = chosen.reference
        if self.conversation_id is not None:
            self.conversations.set_model(self.conversation_id, chosen.reference)
        self.talk.load(chosen.reference)
        where = f"; what you write {chosen.remote.profile.remote_words}" if chosen.remote else ""
        print_hint(f"{chosen.name} answers from now on{where}.")

    def set_system(self, text: str) -> None:
        """Tell the model this before the conversation."""
        self.system = text
        if self.conversation_id is not None:
            parameters = self.conversations.get(self.conversation_id).parameters
            self.session.configure(self.conversation_id, text, parameters)

    # -- what may leave -------------------------------------------------------------------------

    def agreed_to(self, origin: Origin) -> bool:
        """Whether this conversation may be sent there."""
        if self.conversation_id is None:
            return origin == self._new_to
        return self.talk.consents.given(self.conversation_id, origin)

    def agree_to(self, origin: Origin) -> None:
        """The person chose to send this conversation there."""
        if self.conversation_id is None:
            self._new_to = origin
        else:
            self.talk.consents.give(self.conversation_id, origin)

    # -- replies --------------------------------------------------------------------------------

    def send(self, text: str) -> None:
        """Send a message and show the reply."""
        if self.conversation_id is None:
            made = self.session.new_conversation(system_prompt=self.system, model=self.model)
            self.conversation_id = made.id
            if self._new_to is not None:
                self.talk.consents.give(made.id, self._new_to)
        conversation = self.conversation_id
        _ = self.tree  # as it is now, if another process changed it
        if not self.reply(lambda: self.session.send(conversation, text)) and "\n" not in text:
            self.beginning = text

    def reply(self, begin: Callable[[], Message]) -> bool:
        """Begin a reply and show it; False where the person does not want the conversation sent.

        It is asked about where its provider has another address than when that was agreed to, or
        something was written for a local model since.
        """
        self.context.profiles.reload_if_changed()
        remote = self.remote()
        if remote is not None and not agreed(self, remote):
            return False
        self.show(begin)
        return True

    def show(self, begin: Callable[[], Message]) -> None:
        """Begin a reply, wait for it and show it, then how it went."""

        def begun() -> Message:
            reply = begin()
            if reply.content:  # a continued one
                print_text(reply.content, end="")
            return reply

        ended = self.talk.follow(begun)
        self._seen = self.talk.store.data_version()
        if ended.content and not ended.content.endswith("\n"):
            print_text("")
        if (failure := self.talk.why_failed(ended)) is not None:
            print_error(failure)
            if ended.status is Status.INTERRUPTED and ended.content:
                print_hint("/continue goes on with it, /regenerate tries again.")
        elif only_thought(ended):
            print_hint("The reply ended while the model was thinking. /regenerate tries again.")
        elif self.lines.interactive:
            print_hint(_summary(ended))


def _summary(message: Message) -> str:
    """ "(stopped, 41 tok/s, 0.2 s to the first word)"."""
    notes = [message.status.value] if message.status is not Status.COMPLETE else []
    if message.finish_reason == "length":
        notes.append("cut at its longest; /continue goes on")
    usage = message.usage
    if usage is not None and usage.tokens_per_second is not None:
        notes.append(f"{usage.tokens_per_second:.0f} tok/s")
    if usage is not None and usage.first_token_ms is not None:
        notes.append(f"first word after {usage.first_token_ms / 1000:.1f} s")
    return f"({', '.join(notes)})" if notes else ""
