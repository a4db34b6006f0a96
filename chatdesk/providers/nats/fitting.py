"""Makes a request fit into one message: a server takes none above its max_payload (1 MB).

That is far more text than models read at once, and the worker leaves out by itself what its model
has no room for. Only what no worker could use stays behind here.
"""

from __future__ import annotations

from dataclasses import replace

from chatdesk.chat.messages import Role
from chatdesk.chat.provider import Request
from chatdesk.errors import ContextOverflow
from chatdesk.providers.nats.fields import dump
from chatdesk.providers.nats.wire import encode_request

_AROUND = 512  # bytes: subject, reply, and what a kept request says more


def fitted(request: Request, most: int) -> tuple[Request, tuple[str, ...]]:
    """The request without as many of its oldest messages as it must do without, and their ids.

    most: bytes. The first message that stays is the person's. Raises ContextOverflow where the
    newest message alone does not fit.
    """
    over = len(encode_request(request)) + _AROUND - most
    if over <= 0:
        return request, ()
    system = [m for m in request.messages if m.role is Role.SYSTEM]
    turns = [m for m in request.messages if m.role is not Role.SYSTEM]
    left_out: list[str] = []
    while len(turns) > 1 and (over > 0 or turns[0].role is not Role.USER):
        oldest = turns.pop(0)
        left_out.append(oldest.id)
        over -= len(dump({"": [oldest.role.value, oldest.content, oldest.id]})) - len('{"":}')
    if over > 0:
        raise ContextOverflow(
            "The message is larger than the NATS server takes.",
            "Shorten it, or split it into several.",
        )
    return replace(request, messages=(*system, *turns)), tuple(left_out)
