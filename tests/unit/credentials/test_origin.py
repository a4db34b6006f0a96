"""Origins: two spellings of one server are one, two servers are never one."""

from __future__ import annotations

import httpx2
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from chatdesk.credentials import Origin
from chatdesk.errors import UsageError

LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
NAMES = st.lists(LABELS, min_size=1, max_size=4).map(".".join).map(lambda name: f"{name}.example")
ADDRESSES = st.one_of(
    st.ip_addresses(v=4).filter(lambda address: not address.is_unspecified).map(str),
    st.ip_addresses(v=6).filter(lambda a: not a.is_unspecified).map(lambda a: f"[{a}]"),
)
HOSTS = st.one_of(NAMES, ADDRESSES, st.sampled_from(["localhost", "müller.example", "例え.jp"]))
SCHEMES = st.sampled_from(["http", "https"])
PORTS = st.integers(1, 65535)
PATHS = st.sampled_from(["", "/", "/v1", "/api/v1/", "/a//b"])


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("https://api.mistral.ai/v1", "https://api.mistral.ai"),
        ("  HTTPS://API.Mistral.AI:443/v1/ ", "https://api.mistral.ai"),
        ("https://api.mistral.ai./v1", "https://api.mistral.ai"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost:80/", "http://localhost"),
        ("http://localhost:443/", "http://localhost:443"),
        ("https://host:80", "https://host:80"),
        ("http://[::1]:8080/v1", "http://[::1]:8080"),
        ("http://[0:0:0:0:0:0:0:1]/", "http://[::1]"),
        ("http://[2001:DB8::A]/", "http://[2001:db8::a]"),
        ("https://müller.example/", "https://xn--mller-kva.example"),
        ("https://MÜLLER.example/", "https://xn--mller-kva.example"),
        ("https://xn--mller-kva.example/", "https://xn--mller-kva.example"),
        ("http://my_server:8000", "http://my_server:8000"),
        ("https://host:", "https://host"),
        ("nats://Host", "nats://host:4222"),
        ("tls://host:4222/lab", "tls://host:4222"),
    ],
)
def test_an_origin_is_scheme_host_and_port_in_their_usual_form(url: str, text: str) -> None:
    assert str(Origin.of(url)) == text


@pytest.mark.parametrize(
    "url",
    [
        "",
        "   ",
        "api.mistral.ai",
        "localhost:8080",
        "//api.mistral.ai",
        "https://",
        "https:///v1",
        "https://:443",
        "ftp://host",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://me@host",
        "https://me:hunter2@host",
        "https://@host",
        "https://host/v1?api_key=hunter2",
        "https://host/v1?",
        "https://host/#x",
        "https://host/#",
        "https://host:0",
        "https://host:65536",
        "https://host:hunter2",
        "https://host:-1",
        "https://host:\uff18\uff10",
        "https://ho st/",
        "https://host\\@evil.example/",
        "https://host\n.evil.example/",
        "https://host%2eexample/",
        "https://-host.example",
        "https://host..example",
        "https://.",
        "https://" + "a" * 64 + ".example",
        "https://" + "a." * 127 + "example",
        "https://127.1",
        "https://2130706433",
        "https://0x7f000001",
        "https://127.0.0.0x1",
        "https://999.1.1.1",
        "https://0177.0.0.1",
        "https://0.0.0.0:8080",
        "https://[::]:8080",
        "https://[::1",
        "https://[fe80::1%25eth0]:8080",
        "https://[::1]evil.example",
        "https://[v1.x]",
        "https://\u2024.example",
        "https://a\u200b.example",
    ],
)
def test_what_is_no_plain_address_of_a_server_is_refused_in_words(url: str) -> None:
    with pytest.raises(UsageError) as error:
        Origin.of(url)
    assert error.value.what.endswith(".") and "hunter2" not in str(error.value)
    assert "hunter2" not in repr(error.value.__cause__)


def test_a_listening_address_is_explained() -> None:
    with pytest.raises(UsageError) as error:
        Origin.of("http://0.0.0.0:8080/v1")
    assert "127.0.0.1" in error.value.advice


@pytest.mark.parametrize(
    ("url", "loopback", "secure"),
    [
        ("nats://localhost:4222", True, True),
        ("nats://lab.example", False, False),
        ("tls://lab.example", False, True),
        ("http://127.0.0.1:8080", True, True),
        ("http://127.255.0.9", True, True),
        ("http://[::1]", True, True),
        ("http://[::ffff:127.0.0.1]", True, True),
        ("http://localhost:11434", True, True),
        ("http://Ollama.localhost.", True, True),
        ("https://localhost", True, True),
        ("http://localhost.example", False, False),
        ("http://notlocalhost", False, False),
        ("http://128.0.0.1", False, False),
        ("http://192.168.1.4", False, False),
        ("http://127.0.0.1.example", False, False),
        ("http://[::ffff:10.0.0.1]", False, False),
        ("https://api.mistral.ai", False, True),
    ],
)
def test_what_stays_on_this_computer_and_what_nobody_reads_on_the_way(
    url: str, loopback: bool, secure: bool
) -> None:
    origin = Origin.of(url)
    assert (origin.loopback, origin.secure) == (loopback, secure)


@given(SCHEMES, HOSTS, PORTS, PATHS)
def test_its_text_is_the_same_origin(scheme: str, host: str, port: int, path: str) -> None:
    origin = Origin.of(f"{scheme}://{host}:{port}{path}")
    assert Origin.of(str(origin)) == origin
    assert Origin.from_parts(scheme.upper(), host, port) == origin
    assert hash(Origin.of(str(origin))) == hash(origin)


@given(SCHEMES, NAMES, PORTS, PATHS, st.data())
def test_case_dot_and_path_do_not_matter(
    scheme: str, host: str, port: int, path: str, data: st.DataObject
) -> None:
    other = "".join(data.draw(st.sampled_from([c, c.upper()])) for c in host)
    dot = data.draw(st.sampled_from(["", "."]))
    assert Origin.of(f"{scheme.upper()}://{other}{dot}:{port}{path}") == Origin.of(
        f"{scheme}://{host}:{port}"
    )


@given(st.tuples(SCHEMES, NAMES, PORTS), st.tuples(SCHEMES, NAMES, PORTS))
def test_what_differs_is_another_origin(
    one: tuple[str, str, int], two: tuple[str, str, int]
) -> None:
    assert (Origin.from_parts(*one) == Origin.from_parts(*two)) is (one == two)


@given(SCHEMES, HOSTS, PORTS, PATHS)
def test_it_is_the_host_that_the_client_connects_to(
    scheme: str, host: str, port: int, path: str
) -> None:
    url = httpx2.URL(f"{scheme}://{host}:{port}{path}")
    origin = Origin.of(f"{scheme}://{host}:{port}{path}")
    connected = Origin.from_parts(url.scheme, url.raw_host.decode("ascii"), url.port)
    assert connected == origin
    assert Origin.from_parts(url.scheme, url.host, url.port) == origin


@given(st.text(max_size=60))
@example("https://a b")
def test_any_text_is_an_origin_or_a_worded_error(text: str) -> None:
    for url in (text, f"https://{text}", f"http://host{text}", f"https://[{text}]"):
        try:
            origin = Origin.of(url)
        except UsageError:
            continue
        assert Origin.of(str(origin)) == origin
        assert str(origin).isascii() and not set(origin.host) & set("@/?#\\ %")


@given(st.text(min_size=1, max_size=20))
def test_the_error_for_an_address_with_a_password_does_not_repeat_it(text: str) -> None:
    assume(text.strip() and text not in "The address of the server has a user name or a password")
    url = f"https://user:s3cret{text}@host.example/"
    with pytest.raises(UsageError) as error:
        Origin.of(url)
    assert "s3cret" not in f"{error.value!r} {error.value} {error.value.detail}"
