"""The commands of the terminal chat: one table, which /help prints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chatdesk.chat.messages import Conversation, Message, Role
from chatdesk.chat.tree import last_of
from chatdesk.cli.conversations import heading, title_of
from chatdesk.cli.output import local_time, print_hint, print_text
from chatdesk.errors import UsageError
from chatdesk.terminal_text import safe_line

if TYPE_CHECKING:
    from chatdesk.cli.chat import TerminalChat

LISTED = 20


@dataclass(frozen=True, slots=True)
class Command:
    """run gets the chat and what stands after the name, without spaces around it."""

    name: str
    argument: str
    help: str
    run: Callable[[TerminalChat, str], None]


def run_command(chat: TerminalChat, text: str) -> None:
    """Run a line that begins with a slash. Raises UsageError for an unknown name."""
    name, _, argument = text[1:].partition(" ")
    found = [c for c in COMMANDS if c.name == name] or [
        c for c in COMMANDS if name and c.name.startswith(name)
    ]
    if len(found) != 1:
        raise UsageError(
            f"There is no command /{name}.", "See /help; // sends a message that begins with /."
        )
    found[0].run(chat, argument.strip())


def _help(chat: TerminalChat, argument: str) -> None:
    for command in COMMANDS:
        print_text(f"  {f'/{command.name} {command.argument}':<18}{command.help}")
    print_text(
        '\nA line that ends with \\ goes on in the next; """ begins and ends a message of several\n'
        "lines. Ctrl+C stops a reply and keeps it, Ctrl+D leaves."
    )


def _new(chat: TerminalChat, argument: str) -> None:
    print_hint("A new conversation.")
    chat.new()


def _listed(chat: TerminalChat) -> list[Conversation]:
    return chat.conversations.list()[:LISTED]


def _list(chat: TerminalChat, argument: str) -> None:
    listed = _listed(chat)
    for number, conversation in enumerate(listed, 1):
        mark = "*" if conversation.id == chat.conversation_id else " "
        when = local_time(conversation.updated_at)
        print_text(f"{mark}{number:>3}  {when}  {safe_line(title_of(conversation))}")
    if not listed:
        print_hint("There are no conversations yet.")


def _open(chat: TerminalChat, argument: str) -> None:
    listed = _listed(chat)
    if not argument:
        raise UsageError("Which one?", "Give its number in /list, or its id.")
    if argument.isdecimal() and 1 <= int(argument) <= len(listed):
        chat.open(listed[int(argument) - 1])
    else:
        chat.open(chat.conversations.get(argument))


def _show(chat: TerminalChat, argument: str) -> None:
    tree = chat.tree
    for message in tree.path():
        print_text(f"\n{heading(message, tree)}\n{message.content}")


def _system(chat: TerminalChat, argument: str) -> None:
    if argument:
        chat.set_system(argument)
        print_hint("The model is told this from now on.")
        return
    own = chat.system
    if chat.conversation_id is not None:
        own = chat.conversations.get(chat.conversation_id).system_prompt
    text = chat.context.settings.values.chat.system_prompt if own is None else own
    print_text(text or "(none)")


def _model(chat: TerminalChat, argument: str) -> None:
    if argument:
        chat.set_model(argument)
        return
    for entry in chat.context.library.list():
        print_text(f"  {safe_line(entry.name)}")
    for profile in chat.context.profiles.list():
        # Only what is known without asking the server.
        for model in dict.fromkeys((profile.default_model, *profile.models)):
            print_text(f"  {safe_line(f'{profile.name}:{model}'):<40}{profile.remote_words}")


def _title(chat: TerminalChat, argument: str) -> None:
    if chat.conversation_id is None:
        raise UsageError("There is nothing to name yet.", "Send a message first.")
    chat.session.rename(chat.conversation_id, argument)


def _last(chat: TerminalChat, role: Role) -> Message:
    message = last_of(chat.tree.path(), role)
    if message is None:
        raise UsageError("There is no message yet.", "Type one and press Enter.")
    return message


def _regenerate(chat: TerminalChat, argument: str) -> None:
    asked = _last(chat, Role.USER)
    chat.reply(lambda: chat.session.regenerate(asked.conversation_id, asked.id))


def _continue(chat: TerminalChat, argument: str) -> None:
    reply = _last(chat, Role.ASSISTANT)
    chat.reply(lambda: chat.session.continue_reply(reply.conversation_id, reply.id))


def _edit(chat: TerminalChat, argument: str) -> None:
    message = _last(chat, Role.USER)
    if argument:
        chat.reply(lambda: chat.session.edit(message.conversation_id, message.id, argument))
    elif "\n" in message.content or not chat.lines.interactive:
        raise UsageError("What should it say?", "Give the new text: /edit TEXT.")
    else:
        chat.beginning = f"/edit {message.content}"


def _undo(chat: TerminalChat, argument: str) -> None:
    message = _last(chat, Role.USER)
    chat.undone.append(chat.session.delete_branch(message.conversation_id, message.id))
    print_hint(f"Taken back: {message.content[:60]} (/redo brings it again)")


def _redo(chat: TerminalChat, argument: str) -> None:
    if not chat.undone or chat.undone[-1].conversation_id != chat.conversation_id:
        raise UsageError("There is nothing to bring back.")
    chat.session.restore_branch(chat.undone.pop())
    print_hint("Back again.")


def _variant(step: int) -> Callable[[TerminalChat, str], None]:
    def run(chat: TerminalChat, argument: str) -> None:
        path = chat.tree.path()
        with_variants = [m for m in path if len(chat.tree.siblings(m.id)) > 1]
        if not with_variants:
            raise UsageError("There is only one variant.", "/regenerate makes another.")
        last = with_variants[-1]
        chat.session.select_variant(last.conversation_id, last.id, step)
        for message in chat.tree.path()[path.index(last) :]:
            print_text(f"{heading(message, chat.tree)}\n{message.content}")

    return run


def _delete(chat: TerminalChat, argument: str) -> None:
    if chat.conversation_id is None:
        raise UsageError("There is nothing to delete yet.")
    chat.session.delete([chat.conversation_id])
    print_hint(f"Moved to the trash: chatdesk conversations restore {chat.conversation_id}")
    chat.new()


def _quit(chat: TerminalChat, argument: str) -> None:
    chat.leaving = True


COMMANDS: tuple[Command, ...] = (
    Command("help", "", "Show this.", _help),
    Command("new", "", "Begin another conversation.", _new),
    Command("list", "", "Show the newest conversations.", _list),
    Command("open", "N", "Go on with a conversation, by its number in /list or its id.", _open),
    Command("show", "", "Show this conversation again.", _show),
    Command("title", "TEXT", "Name this conversation.", _title),
    Command("system", "TEXT", "What the model is told first; without TEXT: show it.", _system),
    Command("model", "M", "Let another model answer; without M: show them.", _model),
    Command("regenerate", "", "Write another variant of the last reply.", _regenerate),
    Command("continue", "", "Go on with the last reply.", _continue),
    Command("edit", "TEXT", "Say something else in place of your last message.", _edit),
    Command("previous", "", "Show the variant before.", _variant(-1)),
    Command("next", "", "Show the variant after.", _variant(1)),
    Command("undo", "", "Take back your last message and what follows it.", _undo),
    Command("redo", "", "Undo the last /undo.", _redo),
    Command("delete", "", "Move this conversation to the trash.", _delete),
    Command("quit", "", "Leave, as Ctrl+D does.", _quit),
)
