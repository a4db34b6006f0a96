"""Before what was said in a conversation goes to a provider: what that is, and may it?

As in the window the person agrees for one conversation and one address (session/consents.py); what
was agreed to here holds there, and the other way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatdesk.cli.output import print_hint
from chatdesk.errors import UsageError

if TYPE_CHECKING:
    from chatdesk.cli.chat import TerminalChat
    from chatdesk.providers.profiles import RemoteName


def what_is_sent(chat: TerminalChat, remote: RemoteName) -> str:
    """What of the conversation a provider would get without it having been agreed to; "" where
    that is nothing.
    """
    if chat.conversation_id is None or not chat.tree.path():
        return ""
    profile = remote.profile
    if chat.agreed_to(profile.origin):
        return ""
    where = (
        f", another program on this computer ({profile.place})"
        if profile.on_this_computer
        else f" ({profile.place}), whose workers may be other computers"
        if profile.origin.loopback
        else f" ({profile.place}), which is not on this computer"
    )
    return chat.session.outgoing(chat.conversation_id).told(f"{profile.name}{where}")


def agreed(chat: TerminalChat, remote: RemoteName) -> bool:
    """Whether the conversation may be sent there; asked where it has not been yet, and noted.

    Raises UsageError where there is nobody to ask.
    """
    told = what_is_sent(chat, remote)
    if told:
        if not chat.lines.interactive:
            raise UsageError(
                told,
                f"To choose that, start with: chatdesk chat --conversation {chat.conversation_id} "
                f'--model "{remote.typed}".',
            )
        print_hint(told)
        if not chat.lines.confirmed("Send it? [y/N] "):
            print_hint("Nothing was changed.")
            return False
    chat.agree_to(remote.profile.origin)
    return True
