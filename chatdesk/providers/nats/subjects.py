"""Where the messages go: the subjects of one pool of workers, and who may be called what.

A user's name is a token of every subject that user publishes to, so a server's permissions decide
who speaks as whom (packaging/cluster/nats-server.conf); no field of a message does. For the same
reason a worker answers only to inboxes below the user's own prefix.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from chatdesk.errors import UsageError

DEFAULT_PREFIX = "chatdesk"
DEFAULT_QUEUE = "workers"
# Who is not known to the server by a name: no authentication, or a token that all share.
ANYONE = "anyone"

_USER = re.compile(r"[A-Za-z0-9_=@+-]{1,80}")
_REST = re.compile(r"[A-Za-z0-9_-]{1,80}(?:\.[A-Za-z0-9_-]{1,80}){0,3}")
_PREFIX = re.compile(r"[A-Za-z0-9_-]{1,40}(?:\.[A-Za-z0-9_-]{1,40}){0,4}")


@dataclass(frozen=True, slots=True)
class Subjects:
    """The subjects below one prefix. Raises UsageError for a prefix that is none.

    chat, line and kept carry requests; worker those for a certain worker, which may refuse with
    Busy. run carries what the client says of a run; models the question who is there. hand and free
    are between workers; prompts, answers and replies belong to the dataflow.
    """

    prefix: str = DEFAULT_PREFIX

    def __post_init__(self) -> None:
        if not _PREFIX.fullmatch(self.prefix):
            raise UsageError(
                f'"{self.prefix[:80]}" cannot be a subject.',
                "Use letters, digits, - and _, with dots between the parts: lab.chat.",
            )

    def chat(self, user: str) -> str:
        """Queue group: a worker that has room takes it."""
        return f"{self.prefix}.chat.{user}"

    def line(self, user: str) -> str:
        """Queue group: a worker without room takes it into its line."""
        return f"{self.prefix}.line.{user}"

    def kept(self, user: str) -> str:
        """JetStream: kept until a worker comes."""
        return f"{self.prefix}.kept.{user}"

    def worker(self, worker: str, user: str) -> str:
        """This worker: it has the conversation in its KV cache."""
        return f"{self.prefix}.worker.{worker}.{user}"

    def run(self, user: str, run_id: str) -> str:
        """To whoever answers this run: cancel, resend, got."""
        return f"{self.prefix}.run.{user}.{run_id}"

    def models(self, user: str) -> str:
        """Every worker answers with what it has."""
        return f"{self.prefix}.models.{user}"

    def hand(self, worker: str) -> str:
        """From worker to worker: a request out of the other's line."""
        return f"{self.prefix}.hand.{worker}"

    @property
    def free(self) -> str:
        """From worker to workers: I have room and no line."""
        return f"{self.prefix}.free"

    def prompts(self, user: str) -> str:
        """JetStream: what a user asks the dataflow."""
        return f"{self.prefix}.prompts.{user}"

    def answers(self, user: str, request_id: str) -> str:
        """JetStream: an answer of the dataflow, once for each request."""
        return f"{self.prefix}.answers.{user}.{request_id}"

    def replies(self, user: str, request_id: str) -> str:
        """What a thin client hears while its request is answered."""
        return f"{self.prefix}.replies.{user}.{request_id}"

    @staticmethod
    def inbox(user: str) -> str:
        """The prefix of all inboxes of a user. A token of its own: permissions match whole tokens,
        so workers can be allowed to answer to _INBOX.> and a user to listen below their own name.
        """
        return f"_INBOX.{user}"


def checked_user(name: str) -> str:
    """A user's name as a token of a subject. Raises UsageError for what cannot be one."""
    if not _USER.fullmatch(name):
        raise UsageError(
            f'The user name "{name[:80]}" cannot be a part of a subject.',
            "Use letters, digits and the signs - _ = @ +, at most 80 of them.",
        )
    return name


def own_inbox(user: str, reply: str) -> bool:
    """Whether a reply subject is an inbox of this user's, to which a worker may answer."""
    prefix = f"{Subjects.inbox(user)}."
    return reply.startswith(prefix) and bool(_REST.fullmatch(reply, len(prefix)))
