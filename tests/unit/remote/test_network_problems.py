"""The way to a server: names, doors, certificates and proxies, and what is said of each."""

from __future__ import annotations

import datetime
import errno
import socket
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import trustme
from faults import faulty, good
from faulty_person import KEY, Open, Person

from chatdesk.credentials import Origin
from chatdesk.providers.remote.network import causes
from chatdesk.providers.remote.problems import ServerProblem
from chatdesk.providers.remote.transport import proxy_for

Served = Callable[[trustme.LeafCert], Person]


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """Whom this computer trusts."""
    made = trustme.CA()
    made.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return made


def over_tls(open_person: Open, certificate: trustme.LeafCert) -> Person:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return open_person(tls=context)


def unheard(person: Person) -> bool:
    return person.server.asked == person.server.lists == []


# -- names and doors -------------------------------------------------------------------------------


def fails(monkeypatch: pytest.MonkeyPatch, error: OSError) -> None:
    def lookup(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", lookup)


def test_a_name_that_is_not_found_is_told(
    open_person: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = open_person()
    person.add("Far", "https://api.nowhere.example/v1", KEY)
    fails(monkeypatch, socket.gaierror(socket.EAI_NONAME, "Name or service not known"))
    told = person.start("Far:model", "Hi").wait()
    assert "no server with the name api.nowhere.example" in told.error.what
    assert "Settings > Providers" in told.error.in_window
    assert {event.why for event in told.retries} == {"api.nowhere.example is not found"}


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENETUNREACH, "no way to"),
        (errno.EHOSTUNREACH, "no way to"),
        (errno.ECONNREFUSED, "refuses connections"),
    ],
)
def test_a_server_that_cannot_be_reached_is_told(
    person: Person, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    person.add("Far", "https://api.nowhere.example/v1", KEY)
    fails(monkeypatch, OSError(number, "x"))
    assert words in person.start("Far:model", "Hi").wait().error.what


def test_a_program_that_is_not_running_is_told_and_waited_for_a_little(person: Person) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    person.add("Ollama", f"http://127.0.0.1:{port}/v1", kind="ollama")
    told = person.start("Ollama:model", "Hi").wait()
    assert "Ollama is not running" in told.error.what
    assert f"127.0.0.1:{port}" in told.error.what
    assert len({event.seconds for event in told.retries if event.seconds in (2.0, 4.0)}) == 2


def test_a_server_that_does_not_pick_up_is_told(open_person: Open) -> None:
    person = open_person(connect_s=0.1)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as deaf, socket.socket() as first:
        first.connect(deaf.getsockname())  # the only place in its queue
        person.add("Deaf", f"http://127.0.0.1:{deaf.getsockname()[1]}/v1")
        told = person.start("Deaf:model", "Hi").wait()
    assert "did not answer within 0.1 seconds" in told.error.what


# -- certificates ----------------------------------------------------------------------------------


def test_a_certificate_of_a_trusted_authority_is_accepted(
    open_person: Open, authority: trustme.CA
) -> None:
    person = over_tls(open_person, authority.issue_cert("localhost"))
    assert person.say().text == "Yes."


def test_an_expired_certificate_is_told(open_person: Open, authority: trustme.CA) -> None:
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    person = over_tls(open_person, authority.issue_cert("localhost", not_after=past))
    told = person.say()
    assert "has expired" in told.error.what
    assert "date" in told.error.advice
    assert unheard(person) and not told.retries


def test_a_certificate_of_another_server_is_told(open_person: Open, authority: trustme.CA) -> None:
    person = over_tls(open_person, authority.issue_cert("other.example"))
    assert "of another server" in person.say().error.what
    assert unheard(person)


def test_a_certificate_from_nobody_trusted_is_told_with_a_way_out(open_person: Open) -> None:
    person = over_tls(open_person, trustme.CA().issue_cert("localhost"))
    error = person.say().error
    assert "whom this system trusts" in error.what or "signed itself" in error.what
    assert "SSL_CERT_FILE" in error.advice
    assert unheard(person)


def test_https_to_a_server_of_http_is_told(person: Person) -> None:
    with socket.create_server(("127.0.0.1", 0)) as plain, ThreadPoolExecutor(1) as pool:

        def answer() -> None:
            for _ in range(2):  # for its list and for the reply
                client, _ = plain.accept()
                with client:
                    client.recv(4096)
                    client.sendall(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")

        served = pool.submit(answer)
        person.add("Plain", f"https://127.0.0.1:{plain.getsockname()[1]}/v1", KEY)
        told = person.start("Plain:model", "Hi").wait()
        served.result(30)
    assert "does not speak https" in told.error.what


def test_certificates_that_cannot_be_read_are_told(
    person: Person, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    person.add("Far", "https://localhost:9/v1", KEY)
    assert "SSL_CERT_FILE" in person.start("Far:model", "Hi").wait().error.what
    assert person.say().text == "Yes."  # over http there are none to read


# -- proxies ---------------------------------------------------------------------------------------

NAMES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture
def proxies(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)

    def choose(**named: str) -> None:
        for name, value in named.items():
            monkeypatch.setenv(name, value)

    yield choose


@pytest.mark.parametrize(
    ("settings", "url", "proxy"),
    [
        ({}, "https://a.example", None),
        ({"https_proxy": "http://p:1"}, "https://a.example", "http://p:1"),
        ({"https_proxy": "p:1"}, "https://a.example", "http://p:1"),
        ({"https_proxy": "https://p:1"}, "https://a.example", "https://p:1"),
        ({"http_proxy": "http://p:1"}, "https://a.example", None),
        ({"http_proxy": "http://p:1"}, "http://a.example", "http://p:1"),
        ({"all_proxy": "http://p:1"}, "https://a.example", "http://p:1"),
        ({"https_proxy": "http://p:1", "no_proxy": "a.example"}, "https://a.example", None),
        ({"https_proxy": "http://p:1", "no_proxy": ".example"}, "https://a.example", None),
        ({"https_proxy": "http://p:1", "no_proxy": "*"}, "https://a.example", None),
        ({"https_proxy": "http://p:1", "no_proxy": "b.example"}, "https://a.example", "http://p:1"),
        ({"all_proxy": "socks5://p:1"}, "http://127.0.0.1:9", None),
        ({"http_proxy": "http://p:1"}, "http://localhost:9", None),
        ({"https_proxy": "http://p:1"}, "https://[::1]:9", None),
    ],
)
def test_the_systems_proxy_is_used(
    proxies: Callable[..., None], settings: dict[str, str], url: str, proxy: str | None
) -> None:
    proxies(**settings)
    assert proxy_for(Origin.of(url)) == proxy


def test_a_proxy_of_another_kind_is_told(proxies: Callable[..., None]) -> None:
    proxies(all_proxy="socks5://p:1")
    with pytest.raises(ServerProblem, match="speaks socks5"):
        proxy_for(Origin.of("https://a.example"))


def test_a_proxy_that_refuses_is_told(person: Person, proxies: Callable[..., None]) -> None:
    with faulty((b"HTTP/1.1 407 Who are you\r\ncontent-length: 0\r\n\r\n",)) as proxy:
        proxies(https_proxy=proxy.root)
        person.add("Far", "https://api.nowhere.example/v1", KEY)
        told = person.start("Far:model", "Hi").wait()
    assert "wants a user name and a password" in told.error.what


def test_a_proxy_that_does_not_answer_is_told(person: Person, proxies: Callable[..., None]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        place = f"127.0.0.1:{free.getsockname()[1]}"
    proxies(https_proxy=f"http://{place}")
    person.add("Far", "https://api.nowhere.example/v1", KEY)
    told = person.start("Far:model", "Hi").wait()
    assert f"proxy {place}" in told.error.what
    assert "NO_PROXY" in told.error.advice


def test_http_is_only_for_this_computer_unless_allowed(person: Person) -> None:
    profile = person.add("Near", "http://192.0.2.7/v1", allow_http=True)
    with faulty(good("x")):
        pass
    object.__setattr__(profile, "allow_http", False)
    check = person.provider.test(profile).result(30)
    assert not check.ok
    assert "not encrypted" in check.what


def test_all_that_led_to_an_error_is_found_once() -> None:
    first, second = ValueError("1"), KeyError("2")
    first.__cause__, second.__context__ = second, first
    group = ExceptionGroup("g", [first])
    assert list(causes(group)) == [group, first, second]
