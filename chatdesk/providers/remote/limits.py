"""What a server may cost at most: time, bytes and patience."""

from __future__ import annotations

from dataclasses import dataclass

_MB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on every conversation with a server. Times are seconds, sizes bytes.

    There is no bound on a whole reply: long ones are what people ask for. Tests use short times.
    """

    # From the first packet to the end of the TLS handshake; far networks need a few seconds.
    connect_s: float = 20.0
    # Without a single byte. Servers that think for long send comments to keep the connection.
    idle_s: float = 120.0
    # Without a single piece of the reply, comments or not: a big model on a slow computer may
    # read a long prompt for minutes before its first word.
    silent_s: float = 600.0
    # Without any sign of a worker over NATS, which gives one every second.
    worker_s: float = 3.5
    # The list of models, whole.
    list_s: float = 30.0
    # The list of models when only the context size is wanted and a reply waits for it.
    window_s: float = 4.0
    # A connection that nobody uses is closed after this time. Follow-up messages within it need
    # no new handshake.
    linger_s: float = 30.0
    # One event of a stream. A token needs some 300 bytes; a whole reply in one event fits too.
    event_bytes: int = 4 * _MB
    # A whole stream: about a million tokens.
    stream_bytes: int = 256 * _MB
    # A body that is no stream: the longest public list of models has about 1 MB.
    body_bytes: int = 16 * _MB
    # The body of an error; what is longer is cut.
    error_bytes: int = 64 * 1024
    redirects: int = 5
