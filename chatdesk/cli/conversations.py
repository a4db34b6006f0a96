"""`chatdesk conversations`: list, show, delete to the trash, restore from it."""

from __future__ import annotations

import click

from chatdesk.chat.messages import Conversation, Message, Role, Status
from chatdesk.chat.tree import Tree
from chatdesk.cli.context import Context, pass_context
from chatdesk.cli.output import local_time, print_hint, print_json, print_table, print_text
from chatdesk.terminal_text import safe_line

UNTITLED = "New chat"
_NOTES = {
    Status.STOPPED: "stopped",
    Status.INTERRUPTED: "interrupted",
    Status.STREAMING: "still being written",
}

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.group(short_help="List, show, delete and restore conversations.")
def conversations() -> None:
    """List, show, delete and restore conversations.

    An ID may be shortened as long as only one conversation's id begins so.
    """


@conversations.command("list")
@click.option("--deleted", is_flag=True, help="Those in the trash.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the newest N.")
@as_json_option
@pass_context
def list_(context: Context, /, deleted: bool, limit: int | None, as_json: bool) -> None:
    """List the conversations, the newest first."""
    from chatdesk.cli.shapes import conversation_summary

    with context.store() as store:
        found = store.conversations.list(deleted=deleted)[:limit]
    if as_json:
        print_json([conversation_summary(conversation, context.profiles) for conversation in found])
    elif found:
        rows = [(c.id, local_time(c.updated_at), title_of(c)) for c in found]
        print_table(("ID", "LAST USED", "TITLE"), rows)
    else:
        print_hint("The trash is empty." if deleted else "There are no conversations yet.")


@conversations.command()
@click.argument("conversation_id", metavar="ID")
@as_json_option
@pass_context
def show(context: Context, /, conversation_id: str, as_json: bool) -> None:
    """Show a conversation; --json has every branch of it, not only the one shown last."""
    from chatdesk.cli.shapes import whole_conversation

    with context.store() as store:
        conversation = store.conversations.get(conversation_id)
        messages = store.messages.load(conversation.id)
    tree = Tree(messages, conversation.active_leaf)
    if as_json:
        print_json(whole_conversation(conversation, tree, context.profiles))
        return
    print_text(f"{safe_line(title_of(conversation))}  ({conversation.id})")
    if conversation.system_prompt:
        print_text(f"\n[system]\n{conversation.system_prompt}")
    for message in tree.path():
        print_text(f"\n{heading(message, tree)}\n{message.content}")


@conversations.command()
@click.argument("conversation_ids", metavar="ID...", nargs=-1, required=True)
@pass_context
def delete(context: Context, /, conversation_ids: tuple[str, ...]) -> None:
    """Move conversations to the trash; `restore` takes them back."""
    with context.store() as store:
        found = [store.conversations.get(given) for given in conversation_ids]
        store.conversations.delete([conversation.id for conversation in found])
    for conversation in found:
        print_hint(
            f"Moved to the trash: {title_of(conversation)}. "
            f"Take it back with: chatdesk conversations restore {conversation.id}"
        )


@conversations.command()
@click.argument("conversation_ids", metavar="ID...", nargs=-1, required=True)
@pass_context
def restore(context: Context, /, conversation_ids: tuple[str, ...]) -> None:
    """Take conversations out of the trash."""
    with context.store() as store:
        found = [store.conversations.get(given) for given in conversation_ids]
        store.conversations.restore([conversation.id for conversation in found])
    for conversation in found:
        print_hint(f"Restored: {title_of(conversation)}.")


def title_of(conversation: Conversation) -> str:
    """The title, or what the window shows where there is none."""
    return conversation.title or UNTITLED


def heading(message: Message, tree: Tree) -> str:
    """The line above a message: who, which variant, and how it ended if not well."""
    who = "you" if message.role is Role.USER else _who(message)
    number, count = tree.variant(message.id)
    notes = [f"{number}/{count}"] if count > 1 else []
    if message.status in _NOTES:
        why = f": {safe_line(message.error)}" if message.error else ""
        notes.append(_NOTES[message.status] + why)
    if message.status is Status.FAILED:
        notes.append(f"failed: {safe_line(message.error or '')}")
    return f"[{who}]" + (f" ({', '.join(notes)})" if notes else "")


def _who(message: Message) -> str:
    """The model, and the provider where it ran at one."""
    names = [name for name in (message.model, message.provider) if name]
    return safe_line(" · ".join(names)) or "assistant"
