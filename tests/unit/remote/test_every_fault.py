"""Every fault of a server, from its bytes to the database: what the person is told, that no word is
lost, that the conversation goes on afterwards, and that the key goes nowhere but to its origin.

The other files of this folder look at each of them more closely.
"""

from __future__ import annotations

import datetime
import gzip
import queue
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from faults import (
    DONE,
    RESET,
    STALL,
    STREAM_HEAD,
    Answer,
    FaultServer,
    Repeat,
    chunk,
    chunked,
    error,
    event,
    faulty,
    good,
    reply,
    status,
)
from faulty_person import KEY, Person, faulty_person

from chatdesk.chat.events import Event
from chatdesk.chat.messages import Message, Status
from chatdesk.chat.provider import Deliver, Provider, Request, Run
from chatdesk.paths import DataDir
from chatdesk.session import Session
from chatdesk.settings import Settings
from chatdesk.store import open_store

MB = 1024 * 1024
BOMB = gzip.compress(bytes(16 * MB), 1)
STOP = chunk(reason="stop")
WORDS = "What the person wrote"


class Carried:
    """A Provider whose events are delivered by the session's thread, as the window does it."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self.waiting: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    def start(self, request: Request, deliver: Deliver) -> Run:
        def later(told: Event) -> None:
            self.waiting.put(lambda: deliver(told))

        return self._provider.start(request, later)


class Table:
    """A person with a provider, a database and a conversation in it."""

    def __init__(self, folder: Path, person: Person) -> None:
        self.folder = folder
        self.person = person
        self.store = open_store(DataDir(folder))
        self.carried = Carried(person.provider)
        self.session = Session(self.store, self.carried, Settings)
        self.conversation = self.session.new_conversation(model="faulty:model").id

    def ask(self, text: str) -> Message:
        """Send a message; the reply as it is in the database at the end."""
        self.session.send(self.conversation, text)
        while self.session.streaming(self.conversation) is not None:
            self.carried.waiting.get(timeout=60)()
        return self.saved()[-1]

    def saved(self) -> list[Message]:
        """The conversation as another process would read it."""
        return list(self.store.messages.load(self.conversation))

    def close(self) -> None:
        self.session.close()
        self.store.close()


Make = Callable[..., Table]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    with ExitStack() as stack:

        def table(*answers: Answer, **named: Any) -> Table:
            folder = tmp_path / "data"
            person = stack.enter_context(faulty_person(folder, *answers, **named))
            made = Table(folder, person)
            stack.callback(made.close)
            return made

        yield table


def sees(table: Table, *, state: Status, text: str, words: str) -> None:
    """Ask, and check all that holds for every fault."""
    server = table.person.server
    reply = table.ask(WORDS)
    assert (reply.status, reply.content) == (state, text)
    told = reply.error or ""
    assert words in told if words else not told
    assert "Traceback" not in told and KEY not in told and "\x1b" not in told
    mine, theirs = table.saved()
    assert (mine.content, theirs.id) == (WORDS, reply.id)
    # It goes on: the next message is answered, after all that was kept.
    keyed = [*server.asked, *server.lists]
    server.answers, server.list_answer = [good("Next")], None
    server.asked.clear()
    if server.root.startswith("http:"):
        assert table.ask("And now?").content == "Next"
        assert [m.content for m in table.saved()][:2] == [WORDS, text]
    for asked in keyed:
        assert asked.headers["authorization"] == f"Bearer {KEY}"
    for path in table.folder.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes(), path


def soon() -> str:
    """A date for Retry-After, a few seconds from now."""
    moment = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=9)
    return format_datetime(moment, usegmt=True)


# -- before the first word, and passing ------------------------------------------------------------

PASSING: dict[str, Callable[[], list[Answer]]] = {
    "408": lambda: [error(408, "Too slow")],
    "409": lambda: [error(409, "Conflict")],
    "429": lambda: [error(429, "Slow down")],
    "429, seconds": lambda: [error(429, "Slow down", "Retry-After: 2")],
    "429, date": lambda: [error(429, "Slow down", f"Retry-After: {soon()}")],
    "429, date that is over": lambda: [
        error(429, "Slow down", "Retry-After: Wed, 21 Oct 2015 07:28:00 GMT")
    ],
    "429, negative": lambda: [error(429, "Slow down", "Retry-After: -7")],
    "429, nonsense": lambda: [error(429, "Slow down", "Retry-After: when it rains \xff")],
    "500": lambda: [error(500, "Oh")],
    "502, a page": lambda: [status(502, b"<html>Bad gateway</html>", kind="text/html")],
    "503": lambda: [error(503, "Loading model")],
    "529": lambda: [error(529, "Overloaded")],
    "reset at once": lambda: [(RESET,)],
    "reset after the head": lambda: [(STREAM_HEAD, RESET)],
    "reset after a role": lambda: [reply(chunk(None, role="assistant"), RESET)],
    "closed without a word": lambda: [()],
    "signs of life only": lambda: [reply(b": one\n\n", b"id: 2\n\n")],
    "error in the stream": lambda: [reply(event({"error": {"message": "Busy", "code": 503}}))],
}


@pytest.mark.parametrize("fault", PASSING)
def test_what_passes_before_the_first_word_is_a_wait_and_then_a_reply(
    make: Make, fault: str
) -> None:
    table = make(*PASSING[fault](), good("Yes"))
    sees(table, state=Status.COMPLETE, text="Yes", words="")
    assert table.person.clock.slept


# -- before the first word, and staying ------------------------------------------------------------

STAYING: dict[str, tuple[Answer, str]] = {
    "500 for ever": (error(500, "Oh"), "It was tried 6 times."),
    "429 until tomorrow": (error(429, "No", "Retry-After: 90000"), "not to be tried before"),
    "429 for ever": (error(429, "No", "Retry-After: 1e300"), "not to be tried before"),
    "429 and a number": (error(429, "No", f"Retry-After: {'9' * 400}"), "not to be tried before"),
    "429 and infinity": (error(429, "No", "Retry-After: inf"), "not to be tried before"),
    "400": (error(400, "Bad \x1b[31m request"), "request"),
    "401": (error(401, f"Incorrect API key: {KEY}"), "does not accept the key"),
    "404": (error(404, "no such model"), "model"),
    "an error page": (status(404, b"<html>No</html>", kind="text/html"), "web page"),
    "a page": (status(200, b"<html>Hello</html>", kind="text/html"), "web page"),
    "a picture": (status(200, b"\x89PNG", kind="image/png"), "no OpenAI-compatible API"),
    "garbage": (reply(b"data: {not json\n\n"), "no OpenAI-compatible API"),
    "no UTF-8": (reply(b"data: \xff\xfe\n\n"), "no OpenAI-compatible API"),
    "no web server": ([b"220 Mail here\r\n\r\n"], "no web server"),
    "stalls before the head": ((STALL,), "sent nothing for 0.1 seconds"),
    "stalls after the head": ((STREAM_HEAD, STALL), "sent nothing for 0.1 seconds"),
    "a line of 100 MB": (reply(b"data: ", Repeat(b"x" * MB, 100)), "more than 4 MB"),
    "a gzip bomb": (
        status(200, BOMB, "content-encoding: gzip"),
        "compresses its answers",
    ),
    "a gzip bomb as an error": (
        status(400, BOMB, "content-encoding: gzip"),
        "did not accept the request",
    ),
    "redirects in a circle": (
        status(308, b"", "Location: /v1/chat/completions"),
        "redirects in a circle",
    ),
    "redirects nowhere": (status(307, b"", "Location: http://["), "cannot be read"),
}


@pytest.mark.parametrize("fault", STAYING)
def test_what_stays_before_the_first_word_is_told(make: Make, fault: str) -> None:
    answer, words = STAYING[fault]
    sees(make(answer, idle_s=0.1), state=Status.FAILED, text="", words=words)


def test_a_server_that_is_not_running_is_told(make: Make) -> None:
    table = make()
    with socket.create_server(("127.0.0.1", 0)) as free:
        base_url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    profiles = table.person.accounts.profiles
    profiles.change(replace(table.person.profile, base_url=base_url, needs_key=False))
    failed = table.ask(WORDS)
    assert failed.status is Status.FAILED
    assert "Faulty is not running" in failed.error
    assert [message.content for message in table.saved()] == [WORDS, ""]


# -- after the first word --------------------------------------------------------------------------

HALF = chunk("Grüße").split(b"\xbc")[0]  # ends within the ü

CUT: dict[str, tuple[list[Any], str]] = {
    "reset": ([RESET], "broke"),
    "closed": ([], "before the reply was complete"),
    "stalls": ([STALL], "sent nothing for 0.1 seconds"),
    "comments for ever": ([Repeat(b": here\n\n", 10_000, 0.01)], "no word of the reply"),
    "an error": ([event({"error": {"message": "Out of memory"}})], "Out of memory"),
    "garbage": ([b"data: {not json\n\n"], "Faulty sent something that cannot be read"),
    "no UTF-8": ([b"data: \xff\xfe\n\n"], "cannot be read"),
    "no objects": ([b"data: []\n\n", b"data: 12\n\n"], "before the reply was complete"),
    "no choices": ([b'data: {"choices": 5}\n\n'], "before the reply was complete"),
    "no text": (
        [b'data: {"choices": [{"delta": {"content": 7}}]}\n\n'],
        "before the reply was complete",
    ),
    "nested without end": ([b"data: " + b"[" * 20_000 + b"\n\n"], "cannot be read"),
    "half a character": ([HALF], "before the reply was complete"),
    "half a character as an event": ([HALF + b"\n\n"], "cannot be read"),
    "a line of 100 MB": ([b"data: ", Repeat(b"x" * MB, 100)], "more than 4 MB"),
    "an end that is none": ([chunk(reason="network_error"), DONE], "before the reply was complete"),
}


@pytest.mark.parametrize("fault", CUT)
def test_what_came_before_a_fault_is_kept_and_marked(make: Make, fault: str) -> None:
    steps, words = CUT[fault]
    answer = reply(chunk("Once"), chunk(" upon"), *steps)
    # On a busy machine the shorter of two bounds need not be the first to be noticed.
    bound = {"silent_s": 0.2} if fault == "comments for ever" else {"idle_s": 0.1}
    table = make(answer, good("Another"), **bound)
    sees(table, state=Status.INTERRUPTED, text="Once upon", words=words)
    assert table.person.clock.slept == []


# -- odd, and a reply ------------------------------------------------------------------------------

GREETING = chunk("Grüße, 世界 🙂")

ODD: dict[str, Answer] = {
    "bytes one by one": chunked(*(bytes([b]) for b in GREETING + STOP + DONE)),
    "a slow drip": reply(
        *(Repeat(bytes([b]), 1, 0.0005) for b in GREETING), STOP, DONE
    ),
    "half a character at a border": chunked(
        GREETING.split(b"\xbc")[0], b"\xbc" + GREETING.split(b"\xbc", 1)[1], STOP, DONE
    ),
    "CRLF and comments": reply(
        *(
            step.replace(b"\n", b"\r\n")
            for step in (b": hello\n\n:\n\n", b"id: 1\n" + GREETING, b": ping\n\n", STOP, DONE)
        )
    ),
    "everything ends twice": reply(GREETING, STOP, STOP, DONE, DONE),
    "no [DONE]": reply(GREETING, STOP),
    "no finish": reply(GREETING, DONE),
    "no stream": status(
        200,
        {
            "object": "chat.completion",
            "choices": [{"finish_reason": "stop", "message": {"content": "Grüße, 世界 🙂"}}],
        },
    ),
    "another name for a stream": reply(
        GREETING, STOP, DONE, head=STREAM_HEAD.replace(b"text/event-stream", b"text/plain")
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", ODD)
def test_what_is_only_odd_is_a_whole_reply(make: Make, fault: str) -> None:
    table = make(ODD[fault])
    sees(table, state=Status.COMPLETE, text="Grüße, 世界 🙂", words="")
    assert table.person.clock.slept == []


# -- where the key may go --------------------------------------------------------------------------


@pytest.fixture
def other() -> Iterator[FaultServer]:
    """Another origin, which is to hear nothing."""
    with faulty(good("Thanks")) as server:
        yield server
        assert (server.asked, server.lists) == ([], [])


@pytest.mark.parametrize("code", [301, 302, 307, 308])
def test_a_redirect_to_another_origin_is_told(make: Make, other: FaultServer, code: int) -> None:
    table = make(status(code, b"", f"Location: {other.base_url}/chat/completions"))
    words = f"redirects to another server, {other.root}. Nothing was sent there."
    sees(table, state=Status.FAILED, text="", words=words)


def test_a_list_that_is_redirected_to_another_origin_takes_the_key_nowhere(
    make: Make, other: FaultServer
) -> None:
    table = make(good("Yes"))
    table.person.server.list_answer = status(307, b"", f"Location: {other.base_url}/models")
    sees(table, state=Status.COMPLETE, text="Yes", words="")


def test_a_redirect_within_the_origin_is_followed_with_the_key(make: Make) -> None:
    table = make(status(307, b"", "Location: /new/chat/completions"), good("Yes"))
    server = table.person.server
    reply = table.ask(WORDS)
    assert (reply.status, reply.content) == (Status.COMPLETE, "Yes")
    assert [asked.path for asked in server.asked] == [
        "/v1/chat/completions",
        "/new/chat/completions",
    ]
    assert server.asked[0].body == server.asked[1].body
    assert {asked.headers["authorization"] for asked in server.asked} == {f"Bearer {KEY}"}


@dataclass
class Authority:
    """Whom this computer trusts, and certificates of every kind."""

    trusted: trustme.CA

    def good(self) -> ssl.SSLContext:
        return _context(self.trusted.issue_cert("localhost"))

    def expired(self) -> ssl.SSLContext:
        past = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
        return _context(self.trusted.issue_cert("localhost", not_after=past))

    def other_name(self) -> ssl.SSLContext:
        return _context(self.trusted.issue_cert("other.example"))

    def unknown(self) -> ssl.SSLContext:
        return _context(trustme.CA().issue_cert("localhost"))

    def self_signed(self) -> ssl.SSLContext:
        return self._alone(-1)

    def not_yet(self) -> ssl.SSLContext:
        future = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=300)
        return _context(
            self.trusted.issue_cert(
                "localhost", not_before=future, not_after=future + datetime.timedelta(days=9)
            )
        )

    def _alone(self, since_days: int) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        now = datetime.datetime.now(datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + datetime.timedelta(days=since_days))
            .not_valid_after(now + datetime.timedelta(days=9))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
            .sign(key, hashes.SHA256())
        )
        pem = serialization.Encoding.PEM
        private = key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        blob = trustme.Blob(private + certificate.public_bytes(pem))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with blob.tempfile() as path:
            context.load_cert_chain(path)
        return context


def _context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    trusted = trustme.CA()
    trusted.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return Authority(trusted)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Authority.expired, "The certificate of localhost has expired. Nothing was sent."),
        (Authority.not_yet, "is not valid yet. Nothing was sent."),
        (Authority.other_name, "is one of another server. Nothing was sent."),
        (Authority.unknown, "is from nobody whom this system trusts. Nothing was sent."),
        (Authority.self_signed, "shows a certificate that it signed itself. Nothing was sent."),
    ],
)
def test_a_bad_certificate_is_told_and_nothing_is_sent(
    make: Make, authority: Authority, kind: Callable[[Authority], ssl.SSLContext], words: str
) -> None:
    table = make(good("Yes"), tls=kind(authority))
    sees(table, state=Status.FAILED, text="", words=words)
    assert (table.person.server.asked, table.person.server.lists) == ([], [])


def test_a_redirect_from_https_to_http_is_told(
    make: Make, authority: Authority, other: FaultServer
) -> None:
    place = other.root.replace("127.0.0.1", "localhost")
    table = make(status(308, b"", f"Location: {place}/v1/chat/completions"), tls=authority.good())
    words = f"redirects to another server, {place}. Nothing was sent there."
    sees(table, state=Status.FAILED, text="", words=words)
