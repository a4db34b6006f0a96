"""Before what was said in a conversation goes to a provider: what that is, and may it?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatdesk.cli.output import print_hint
from chatdesk.errors import UsageError

if TYPE_CHECKING:
    from chatdesk.cli.chat import TerminalChat
    from chatdesk.providers.profiles import RemoteName


def what_is_sent(chat: TerminalChat, remote: RemoteName) -> str:
    """What of the conversation a provider would get that has not had it; "" where that is nothing.

    A provider that answers in it already is asked nothing new.
    """
    now = chat.remote()
    count = len(chat.tree.path())
    if not count or (now is not None and now.profile.id == remote.profile.id):
        return ""
    messages = "its 1 message" if count == 1 else f"its {count} messages"
    return (
        f"With your next message this conversation ({messages}, and the system prompt if there is "
        f"one) {remote.profile.remote_words}."
    )


def agreed(chat: TerminalChat, remote: RemoteName) -> bool:
    """Whether the conversation may be sent there; asked where it has not been yet.

    Raises UsageError where there is nobody to ask.
    """
    told = what_is_sent(chat, remote)
    if not told:
        return True
    if not chat.lines.interactive:
        raise UsageError(
            told,
            f"To choose that, start with: chatdesk chat --conversation {chat.conversation_id} "
            f'--model "{remote.typed}".',
        )
    print_hint(told)
    if chat.lines.confirmed("Send it? [y/N] "):
        return True
    print_hint("Nothing was changed.")
    return False
