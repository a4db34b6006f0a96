"""Streams that are odd and still a reply, and others that are none."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
from faults import DONE, RESET, STALL, Repeat, chunk, chunked, event, good, reply, status
from faulty_person import MODEL, Open, Person

from chatdesk.chat.events import Delta, Finished, Started, Waiting
from chatdesk.providers.remote.problems import (
    AnswerTooLarge,
    CompressedAnswer,
    NotThisApi,
    ServerProblem,
)

STOP = chunk(reason="stop")
GREETING = chunk("Grüße")


def bare(choice: Any) -> bytes:
    """An event with this as its only choice."""
    return event({"choices": [choice]})


def test_a_reply_is_told_in_the_order_of_the_seam(person: Person) -> None:
    told = person.say("Hi")
    assert [type(event) for event in told.events] == [Waiting, Started, Delta, Delta, Finished]
    assert told.text == "Yes."
    assert (told.started.model, told.started.provider) == (MODEL, "Faulty")
    assert told.started.estimated


def test_it_starts_once_however_often_it_is_tried(person: Person) -> None:
    role = chunk(None, role="assistant")
    told = person.meets((RESET,), reply(RESET), reply(role, RESET), good("Fine"))
    assert told.text == "Fine"
    assert len(told.of(Started)) == 1
    order = [type(event) for event in told.events]
    assert order.index(Started) == len(order) - 3


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([GREETING, STOP], id="no [DONE]"),
        pytest.param([GREETING, DONE], id="no finish reason"),
        pytest.param([GREETING, STOP, STOP, DONE, DONE], id="everything twice"),
        pytest.param([GREETING, STOP, chunk("", "length"), DONE], id="two reasons"),
        pytest.param([b": hello\n\n:\n", GREETING.replace(b"\n", b"\r\n"), STOP, DONE], id="CRLF"),
        pytest.param([GREETING.replace(b"\n", b"\r"), STOP, DONE], id="CR"),
        pytest.param([b"event: message\nid: 7\nretry: 5\n" + GREETING, STOP, DONE], id="fields"),
        pytest.param([GREETING.replace(b"data: ", b"data:"), STOP, DONE], id="no space"),
        pytest.param([event({"choices": []}), GREETING, STOP, DONE], id="no choices"),
        pytest.param([event({"x": 1}), GREETING, STOP, DONE], id="another object"),
        pytest.param([bare({"delta": None}), GREETING, STOP, DONE], id="no delta"),
        pytest.param([bare({"delta": {"content": None}}), GREETING, STOP, DONE], id="no content"),
        pytest.param([bare(None), bare(7), GREETING, STOP, DONE], id="no choice"),
        pytest.param([event([1]), event(None), event(7), GREETING, STOP, DONE], id="no object"),
        pytest.param(
            [GREETING, bare({"index": 1, "delta": {"content": "no"}}), STOP, DONE],
            id="second choice",
        ),
        pytest.param(
            [GREETING, bare({"delta": {"content": None}, "finish_reason": "stop"})],
            id="null at end",
        ),
    ],
)
def test_an_odd_stream_is_read_to_its_end(person: Person, steps: list[bytes]) -> None:
    for told in (person.meets(reply(*steps)), person.meets(chunked(*steps))):
        assert told.text == "Grüße"
        assert told.reason == "stop"
        assert len(person.server.asked) == 1


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_a_character_may_be_cut_at_every_byte(person: Person, size: int) -> None:
    whole = chunk("schön 👩‍🚀 漢字") + STOP + DONE
    told = person.meets(chunked(*(whole[i : i + size] for i in range(0, len(whole), size))))
    assert told.text == "schön 👩‍🚀 漢字"


def test_a_character_may_be_cut_between_two_events(person: Person) -> None:
    halves = chunk("\\ud83d").replace(b"\\\\", b"\\"), chunk("\\ude80").replace(b"\\\\", b"\\")
    assert person.meets(reply(chunk("go "), *halves, STOP, DONE)).text == "go 🚀"
    # A half without its other half is no text, and nothing could be saved with it.
    assert person.meets(reply(halves[0], chunk("!"), STOP, DONE)).text == "\ufffd!"
    assert person.meets(reply(chunk("!"), halves[0], STOP, DONE)).text == "!\ufffd"
    assert person.meets(reply(chunk("a\0b"), STOP, DONE)).text == "a\ufffdb"


def test_an_unfinished_last_event_is_no_loss(person: Person) -> None:
    assert person.meets(reply(GREETING, STOP, b"data: [DO")).text == "Grüße"


@pytest.mark.parametrize("kind", ["text/plain", "application/octet-stream", ""])
def test_a_stream_of_another_content_type_is_read(person: Person, kind: str) -> None:
    head = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: %b\r\n\r\n" % kind.encode()
    assert person.meets(reply(GREETING, STOP, DONE, head=head)).text == "Grüße"


def test_what_is_no_stream_of_chunks_is_no_api(person: Person) -> None:
    for answer in (
        reply(b"data: what?\n\n"),
        reply(event({"hello": "world"})),
        reply(),
        status(200, b"\x00\x01\x02" * 50, kind="application/octet-stream"),
        status(200, b"true"),
        status(200, b"{not json"),
    ):
        told = person.meets(answer)
        assert isinstance(told.error, NotThisApi), answer
        assert "/v1" in told.error.advice
        assert not told.retries


@pytest.mark.parametrize("code", [200, 400, 404])
def test_a_web_page_is_called_one(person: Person, code: int) -> None:
    page = b"<!DOCTYPE html><title>Welcome to nginx\x1b[2J!</title><script>alert(1)</script>"
    told = person.meets(status(code, page, kind="text/html; charset=utf-8"))
    assert isinstance(told.error, NotThisApi)
    assert "web page" in told.error.what
    assert "/v1" in told.error.advice
    assert "script" not in told.error.detail and "\x1b" not in told.error.detail


def test_a_server_that_speaks_no_http_is_told(person: Person) -> None:
    assert "no web server" in person.meets([b"550 What do you want\r\n\r\n"]).error.what


def test_an_event_of_endless_lines_is_cut_off(open_person: Open) -> None:
    person = open_person(event_bytes=100_000)
    told = person.meets(reply(Repeat(b"data: x\n" * 1000, 100_000)))
    assert isinstance(told.error, AnswerTooLarge)
    person.server.wait_until_a_client_is_gone()


def test_an_endless_stream_is_cut_off(open_person: Open) -> None:
    person = open_person(stream_bytes=200_000)
    told = person.meets(reply(Repeat(chunk("la "), 100_000)))
    assert told.text.startswith("la la la")
    assert "200,000" in told.error.what
    person.server.wait_until_a_client_is_gone()


def test_a_large_event_is_no_fault(person: Person) -> None:
    text = "word " * 200_000
    assert person.meets(good(text)).text == text


def test_a_body_without_end_is_cut_off(open_person: Open) -> None:
    person = open_person(body_bytes=100_000)
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99999999\r\n\r\n"
    told = person.meets(reply(Repeat(b" " * 65536, 2000), head=head))
    assert isinstance(told.error, AnswerTooLarge)
    person.server.wait_until_a_client_is_gone()


def test_a_refusal_without_end_is_cut_and_still_told(person: Person) -> None:
    head = b"HTTP/1.1 401 No\r\ncontent-type: application/json\r\ncontent-length: 99999999\r\n\r\n"
    told = person.meets(reply(Repeat(b" " * 65536, 2000), head=head))
    assert "does not accept the key" in told.error.what
    person.server.wait_until_a_client_is_gone()


def test_headers_without_end_are_cut_off(person: Person) -> None:
    told = person.meets(
        reply(Repeat(b"X-More: yes, much more\r\n" * 500, 2000), head=b"HTTP/1.1 200 OK\r\n")
    )
    assert isinstance(told.error, ServerProblem)


@pytest.mark.parametrize("encoding", ["gzip", "br, gzip", "zstd", "x"])
def test_no_compression_is_accepted(person: Person, encoding: str) -> None:
    told = person.meets(status(200, gzip.compress(b"x"), f"content-encoding: {encoding}"))
    assert isinstance(told.error, CompressedAnswer)


def test_a_compressed_refusal_still_tells_its_status(person: Person) -> None:
    body = gzip.compress(b'{"error": {"message": "no"}}')
    told = person.meets(status(401, body, "content-encoding: gzip"))
    assert "does not accept the key" in told.error.what


@pytest.mark.parametrize(
    "place", ["http://[::1", "javascript:alert(1)", "http://user:pw@[", "file:///etc/passwd"]
)
def test_a_redirect_to_nonsense_is_told(person: Person, place: str) -> None:
    told = person.meets(status(307, b"", f"Location: {place}"))
    assert isinstance(told.error, ServerProblem)
    assert len(person.server.asked) == 1


def test_a_redirect_that_turns_a_question_into_a_visit_is_told(person: Person) -> None:
    told = person.meets(status(303, b"", "Location: /result"))
    assert "pointed elsewhere" in told.error.what


def test_cancelling_before_the_answer_closes_the_connection(person: Person) -> None:
    person.server.answers = [(STALL,)]
    begun = person.begin()
    person.server.wait_until_asked()
    assert begun.cancel().reason == "cancelled"
    person.server.wait_until_a_client_is_gone()
