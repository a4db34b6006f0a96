"""What comes of a reply when the server, or the way to it, fails: waits, ends, detours.

All faults one by one, with what the person sees of them, are in test_every_fault.py.
"""

from __future__ import annotations

import gzip
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from faults import (
    DONE,
    RESET,
    STALL,
    STREAM_HEAD,
    Answer,
    FaultServer,
    Repeat,
    chunk,
    error,
    event,
    faulty,
    good,
    reply,
    status,
)
from faulty_person import KEY, Clock, quick_desk
from remote_desk import RemoteDesk, Reply

from chatdesk.chat.messages import Usage
from chatdesk.errors import ReplyInterrupted

MB = 1024 * 1024


@dataclass
class Bench:
    """A person with one provider, whose server has the faults of a test. Waits take no time."""

    desk: RemoteDesk
    clock: Clock
    servers: ExitStack

    def serve(self, *answers: Answer, **named: object) -> FaultServer:
        return self.servers.enter_context(faulty(*answers, **named))  # type: ignore[arg-type]

    def ask(self, *answers: Answer) -> tuple[Reply, FaultServer]:
        server = self.serve(*answers)
        self.desk.add("Server", server.base_url, KEY)
        return self.desk.ask("Server:model", "Hello"), server


@pytest.fixture
def make_bench(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    with ExitStack() as stack:

        def make(**limits: float) -> Bench:
            clock, servers = Clock(), stack.enter_context(ExitStack())
            desk = stack.enter_context(quick_desk(tmp_path, clock, chance=0.5, **limits))
            return Bench(desk, clock, servers)

        yield make


@pytest.fixture
def bench(make_bench: Callable[..., Bench]) -> Bench:
    return make_bench()


# -- before the first word: tried again ------------------------------------------------------------


def test_a_busy_server_is_asked_again_and_the_wait_is_told(bench: Bench) -> None:
    reply, server = bench.ask(error(429, "Slow down"), good("Yes", "."))
    assert reply.text == "Yes."
    assert reply.reason == "stop"
    assert reply.retries
    assert all(wait.why and wait.seconds for wait in reply.retries)
    assert len(server.asked) == 2


def test_a_server_that_says_when_is_waited_for_that_long(bench: Bench) -> None:
    reply, _ = bench.ask(error(429, "Slow down", "Retry-After: 7"), good("Yes"))
    assert reply.text == "Yes"
    assert reply.retries[0].seconds == 7
    assert sum(bench.clock.slept) == pytest.approx(7)
    assert len(reply.retries) >= 7  # the countdown is told each second


def test_a_connection_reset_before_the_first_word_is_tried_again(bench: Bench) -> None:
    reply, server = bench.ask((RESET,), (STREAM_HEAD, RESET), good("Yes"))
    assert reply.text == "Yes"
    assert len(server.asked) == 3


def test_a_wait_is_cancelled_at_once(bench: Bench) -> None:
    server = bench.serve(error(503, "Oh", "Retry-After: 200"))
    bench.desk.add("Server", server.base_url, KEY)
    bench.clock.hold = True
    reply = bench.desk.start("Server:model", "Hello").until(lambda reply: bool(reply.retries))
    reply.cancel()
    assert reply.reason == "cancelled"
    assert reply.usage == Usage()


def test_a_wrong_key_is_told_from_other_refusals(bench: Bench) -> None:
    reply, _ = bench.ask(error(401, f"Incorrect API key provided: {KEY}"))
    assert "key" in reply.error.what.lower()
    assert reply.error.advice
    assert KEY not in str(reply.error) + reply.error.detail


def test_a_computer_that_refuses_is_told(bench: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    bench.desk.add("Server", f"http://127.0.0.1:{port}/v1", KEY)
    reply = bench.desk.ask("Server:model", "Hello")
    assert f"127.0.0.1:{port}" in reply.error.what
    assert reply.error.retryable


# -- after the first word: kept, never asked again -------------------------------------------------


def test_a_stall_ends_as_interrupted(make_bench: Callable[..., Bench]) -> None:
    cut, server = make_bench(idle_s=0.3).ask(reply(chunk("Once"), STALL))
    assert cut.text == "Once"
    assert isinstance(cut.error, ReplyInterrupted)
    server.wait_until_a_client_is_gone()


def test_comments_alone_do_not_hold_a_reply_for_ever(make_bench: Callable[..., Bench]) -> None:
    drip = Repeat(b": still here\n\n", 10_000, 0.01)
    cut, server = make_bench(silent_s=0.3).ask(reply(chunk("Once"), drip))
    assert cut.text == "Once"
    assert isinstance(cut.error, ReplyInterrupted)
    server.wait_until_a_client_is_gone()


def test_cancelling_closes_the_connection(bench: Bench) -> None:
    server = bench.serve(reply(chunk("Once"), STALL))
    bench.desk.add("Server", server.base_url, KEY)
    cut = bench.desk.start("Server:model", "Hello").until_text().cancel()
    assert cut.text == "Once"
    assert cut.reason == "cancelled"
    server.wait_until_a_client_is_gone()


# -- odd but harmless ------------------------------------------------------------------------------


# Signs of life and marks that are no words: by the format's rules none of them is an event.
NO_EVENT = {
    "id": b"id: 1\n\n",
    "ping": b"event: ping\n\n",
    "retry": b"retry: 10\n\n",
    "empty data": b"data:\n\n",
    "blank data": b"data: \n\n",
    "empty lines of data": b"data:\ndata\ndata: \n\n",
    "all fields": b"id: 7\nevent: ping\nretry: 3\n\n\n\n",
    "comment": b": still here\n\n",
    "comment in an event": b"event: ping\n: still here\nid\n\n",
    "unknown field": b"colour: blue\n\n",
}
# What an id before the words means for every empty line after it.
MARKED = b"id: 4\nevent: message\n"
SPOKEN = {
    "custom": (chunk("Yes"), chunk("."), chunk(reason="stop")),
    "tgi": tuple(
        event({"token": {"id": 1, "text": text, "special": False}, "generated_text": whole})
        for text, whole in (("Yes", None), (".", "Yes."))
    ),
}


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("kind", SPOKEN)
def test_events_without_data_are_passed_over(bench: Bench, kind: str, end: bytes) -> None:
    server = bench.serve()
    bench.desk.add("Server", server.base_url, KEY, kind=kind)
    for name, nothing in NO_EVENT.items():
        steps = [b"\xef\xbb\xbf", nothing]
        for spoken in SPOKEN[kind]:
            steps += [MARKED + spoken, nothing, b"\n"]
        ended = [] if kind == "tgi" else [DONE, nothing]
        server.asked.clear()
        server.answers = [reply(*(step.replace(b"\n", end) for step in (*steps, *ended)))]
        whole = bench.desk.ask("Server:model", "Hello")
        assert (whole.text, whole.reason) == ("Yes.", "stop"), name
        assert len(server.asked) == 1, name


@pytest.mark.parametrize("kind", SPOKEN)
def test_a_stream_of_nothing_but_signs_of_life_is_no_reply(bench: Bench, kind: str) -> None:
    server = bench.serve(reply(*NO_EVENT.values()))
    bench.desk.add("Server", server.base_url, KEY, kind=kind)
    nothing = bench.desk.ask("Server:model", "Hello")
    assert nothing.error.what.startswith("Server ended")
    assert nothing.text == ""
    assert len(server.asked) > 1  # it may be about to have the model loaded


def test_a_missing_done_is_forgiven(bench: Bench) -> None:
    whole, _ = bench.ask(reply(chunk("Yes"), chunk(reason="length")))
    assert whole.text == "Yes"
    assert whole.reason == "length"


def test_usage_is_an_estimate_where_the_server_tells_none(bench: Bench) -> None:
    whole, _ = bench.ask(good("Yes", "."))
    assert whole.usage.estimated
    assert whole.usage.prompt_tokens
    assert whole.usage.completion_tokens


def test_reasoning_comes_apart_from_the_text(bench: Bench) -> None:
    thought = reply(
        chunk(None, reasoning_content="Let me "),
        chunk(None, reasoning="see"),
        chunk("Yes"),
        chunk(reason="stop"),
        DONE,
    )
    whole, _ = bench.ask(thought)
    assert whole.reasoning == "Let me see"
    assert whole.text == "Yes"


# -- hostile or broken -----------------------------------------------------------------------------


def test_a_line_of_100_megabytes_is_not_swallowed(bench: Bench) -> None:
    cut, server = bench.ask(
        reply(chunk("Once"), b'data: {"choices": "', Repeat(b"x" * MB, 100)), good("Other")
    )
    assert cut.text == "Once"
    assert isinstance(cut.error, ReplyInterrupted)
    server.wait_until_a_client_is_gone()


def test_a_compressed_bomb_is_refused(bench: Bench) -> None:
    bomb = gzip.compress(b"data: " + b"x" * (16 * MB), 1)
    head = STREAM_HEAD.replace(b"\r\n\r\n", b"\r\ncontent-encoding: gzip\r\n\r\n")
    refused, server = bench.ask((head, bomb))
    assert "compress" in refused.error.what
    assert server.asked[0].headers["accept-encoding"] == "identity"


def test_a_page_for_people_is_not_an_answer(bench: Bench) -> None:
    page = b"<!doctype html><html><title>Log in</title>" + b"x" * 5000
    refused, _ = bench.ask(status(200, page, kind="text/html"))
    assert refused.error.what
    assert "xxxx" not in str(refused.error)
    assert refused.text == ""


def test_an_error_page_is_told_by_its_number(bench: Bench) -> None:
    page = b"<html><body><h1>Not here</h1></body></html>"
    refused, _ = bench.ask(status(404, page, kind="text/html"))
    assert "<h1>" not in refused.error.what + refused.error.advice


def test_control_characters_of_a_server_are_not_shown(bench: Bench) -> None:
    refused, _ = bench.ask(error(400, "Bad \x1b[31mred\x1b[0m \u202e model " + "x" * 10_000))
    words = str(refused.error) + refused.error.detail
    assert "\x1b" not in words
    assert "\u202e" not in words
    assert len(words) < 2_000


# -- the key ---------------------------------------------------------------------------------------


def test_a_circle_of_redirects_ends(bench: Bench) -> None:
    refused, server = bench.ask(status(307, b"", "Location: /v1/chat/completions"))
    assert "circle" in refused.error.what
    assert len(server.asked) < 20


def test_a_request_tells_no_more_than_it_must(bench: Bench) -> None:
    _, server = bench.ask(good("Yes"))
    names = set(server.asked[0].headers)
    assert not [name for name in names if name.startswith("x-stainless") or "cookie" in name]
    assert server.asked[0].headers["user-agent"].startswith("Chatdesk/")
    assert set(server.asked[0].body) <= {
        *("model", "messages", "stream", "stream_options", "temperature", "top_p", "max_tokens"),
        *("seed", "stop", "max_completion_tokens"),
    }
