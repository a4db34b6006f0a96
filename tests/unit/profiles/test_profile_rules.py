"""What a provider may be: its name, its address, what is sent along."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chatdesk
from chatdesk.errors import UsageError
from chatdesk.paths import DataDir
from chatdesk.providers.profiles import PRESETS, Profile, Profiles
from chatdesk.providers.profiles.profile import checked

REMOTE_URL = "https://api.example.com/v1"


def made(**changes: Any) -> Profile:
    whole: dict[str, Any] = {
        "id": "a",
        "name": "Somebody",
        "kind": "custom",
        "base_url": REMOTE_URL,
        **changes,
    }
    return checked(Profile(**whole))


# -- presets --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [kind for kind in PRESETS if kind != "custom"])
def test_a_preset_alone_makes_a_sound_provider(profiles: Profiles, kind: str) -> None:
    profile = profiles.add("Somebody", kind)
    preset = PRESETS[kind]
    assert profile.base_url == preset.base_url
    assert profile.needs_key is preset.needs_key
    assert profile.on_this_computer is preset.base_url.startswith("http://localhost")
    assert not profile.use_environment and not profile.allow_http


def test_a_preset_on_the_internet_is_encrypted_and_says_where_keys_are_had() -> None:
    for preset in PRESETS.values():
        if preset.base_url and "localhost" not in preset.base_url:
            assert preset.base_url.startswith("https://")
            assert preset.needs_key and preset.key_page and preset.variable


def test_the_guide_lists_every_preset_as_it_is() -> None:
    guide = Path(chatdesk.__file__).parents[1] / "docs" / "providers.md"
    rows = [line for line in guide.read_text(encoding="utf-8").splitlines() if line[:3] == "| `"]
    assert len(rows) == len(PRESETS)
    for preset, row in zip(PRESETS.values(), rows, strict=True):
        assert row.startswith(f"| `{preset.kind}`")
        assert preset.base_url in row and preset.variable in row
        assert ("needed" in row) is (preset.needs_key and bool(preset.base_url))


def test_of_any_other_server_the_address_must_be_given(profiles: Profiles) -> None:
    with pytest.raises(UsageError, match="base URL"):
        profiles.add("Somebody", "custom")


def test_an_unknown_kind_is_told_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="mistral"):
        made(kind="nosuch")


# -- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "",
        "   ",
        "a:b",
        "C",
        "x",
        "./here",
        "~home",
        ".hidden",
        "a/b",
        "a\\b",
        "--json",
        "model.gguf",
        "two\nlines",
        "nul\0",
        "right\u202eleft",
        "zero\u200bwidth",
        "x" * 61,
    ],
)
def test_a_name_that_is_none_or_looks_like_a_path_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        made(name=name)


@pytest.mark.parametrize("name", ["Mistral", "my server 2", "Größe", "模型", "é", "o3.proxy"])
def test_other_names_are_fine(name: str) -> None:
    assert made(name=f"  {name} ").name == name


# -- addresses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "api.example.com/v1",
        "ftp://api.example.com",
        "file:///etc/passwd",
        "https://",
        "https://user@api.example.com/v1",
        "https://user:word@api.example.com/v1",
        "https://api.example.com/v1?key=abc",
        "https://api.example.com/v1#top",
        "https://api.example.com:notaport/v1",
        "https://api.exa mple.com/v1",
        "https://api.example.com\\@evil.example/v1",
        "https://api.example.com/v1\nHost: evil.example",
        "https://api.example.com/" + "x" * 2000,
    ],
)
def test_what_is_no_base_url_is_refused(url: str) -> None:
    with pytest.raises(UsageError):
        made(base_url=url, allow_http=True)


def test_a_refused_address_is_not_repeated_with_the_password_in_it() -> None:
    with pytest.raises(UsageError) as refused:
        made(base_url="https://me:hunter2@api.example.com/v1")
    assert "hunter2" not in f"{refused.value} {refused.value.detail}"


@pytest.mark.parametrize(
    ("given_url", "kept"),
    [
        ("HTTPS://API.Example.com:443/v1/", "https://api.example.com/v1"),
        ("https://api.example.com", "https://api.example.com"),
        ("  https://api.example.com/v1//  ", "https://api.example.com/v1"),
        ("http://[::1]:8080/v1", "http://[::1]:8080/v1"),
        ("https://api.example.com:8443/Openai/V1", "https://api.example.com:8443/Openai/V1"),
    ],
)
def test_an_address_is_kept_in_its_usual_form(given_url: str, kept: str) -> None:
    assert made(base_url=given_url).base_url == kept


@pytest.mark.parametrize(
    "url", ["http://localhost:1234/v1", "http://127.0.0.1/v1", "http://[::1]:9/v1"]
)
def test_plain_http_is_fine_on_this_computer(url: str) -> None:
    profile = made(base_url=url, name="Ollama")
    assert profile.on_this_computer
    assert profile.remote_words.startswith("goes to Ollama, another program on this computer (")


@pytest.mark.parametrize("url", ["http://192.168.1.5:8000/v1", "http://localhost.example.com/v1"])
def test_plain_http_to_another_computer_must_be_allowed(url: str) -> None:
    with pytest.raises(UsageError, match="not encrypted"):
        made(base_url=url)
    profile = made(base_url=url, allow_http=True)
    assert profile.remote_words == f"leaves this computer and goes to {profile.place}"


# -- headers and the rest -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "authorization ",
        "Proxy-Authorization",
        "api-key",
        "X-API-Key",
        "apikey",
        "Cookie",
        "Set-Cookie",
        "X-Auth-Token",
        "x-goog-api-key",
        "X-Secret",
        "Password",
        "Host",
        "Content-Length",
        "Transfer-Encoding",
        "Accept-Encoding",
        "",
        "two words",
        "new\nline",
        "colon:",
    ],
)
def test_a_header_that_carries_a_key_or_breaks_the_request_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        made(headers=((name, "value"),))


@pytest.mark.parametrize(
    "value",
    [
        "a\r\nAuthorization: x",
        "nul\0",
        "ünï",
        "x" * 2001,
        "Bearer abcdefgh",
        "sk-abcdefgh12345",
        "hf_abcdefgh12345",
    ],
)
def test_a_value_that_cannot_be_sent_or_looks_like_a_key_is_refused(value: str) -> None:
    with pytest.raises(UsageError) as refused:
        made(headers=(("X-Title", value),))
    assert value not in str(refused.value)


def test_harmless_headers_are_kept() -> None:
    headers = (("HTTP-Referer", "https://chatdesk.example"), ("X-Title", "Chatdesk"))
    assert made(headers=headers).headers == headers
    assert made(headers=((" X-Monkey ", " a b "),)).headers == (("X-Monkey", "a b"),)


def test_a_header_given_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="twice"):
        made(headers=(("X-Title", "a"), ("x-title", "b")))


@pytest.mark.parametrize(
    "changes",
    [
        {"context_size": -1},
        {"context_size": 10**12},
        {"template": "chatml"},  # only TGI's native API takes one
        {"kind": "tgi", "template": "nosuch"},
        {"use_environment": True},  # a server of any kind has no variable of its own
        {"default_model": "a\nb"},
        {"models": ("",)},
        {"models": tuple(f"m{number}" for number in range(501))},
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as refused:
        made(**changes)
    assert refused.value.what and refused.value.advice


def test_a_model_entered_twice_is_there_once() -> None:
    assert made(models=("b", "a", " b ")).models == ("b", "a")


@given(st.text(max_size=80), st.text(max_size=80), st.text(max_size=40), st.text(max_size=40))
def test_whatever_is_typed_is_taken_or_told(name: str, url: str, header: str, value: str) -> None:
    try:
        profile = made(name=name, base_url=url, headers=((header, value),))
    except UsageError as error:
        assert error.what
    else:
        assert checked(profile) == profile
        assert ":" not in profile.name


# -- NATS -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "kept", "prefix"),
    [
        ("nats://localhost:4222", "nats://localhost:4222", "chatdesk"),
        ("nats://localhost", "nats://localhost:4222", "chatdesk"),
        ("NATS://LocalHost:4222/", "nats://localhost:4222", "chatdesk"),
        ("tls://nats.example.com:7422/lab", "tls://nats.example.com:7422/lab", "lab"),
        ("tls://nats.example.com/lab.chat/", "tls://nats.example.com:4222/lab.chat", "lab.chat"),
    ],
)
def test_the_path_of_a_nats_address_is_the_subject(
    profiles: Profiles, url: str, kept: str, prefix: str
) -> None:
    profile = profiles.add("Lab", "nats", base_url=url)
    assert (profile.base_url, profile.subjects.prefix) == (kept, prefix)


@pytest.mark.parametrize("path", ["a/b", "a.*", "a..b", ">", "%20", "ä", "x" * 41, "a.b.c.d.e.f"])
def test_a_path_that_is_no_subject_is_refused(profiles: Profiles, path: str) -> None:
    with pytest.raises(UsageError, match="subject"):
        profiles.add("Lab", "nats", base_url=f"nats://localhost:4222/{path}")


def test_each_kind_has_addresses_of_its_own(profiles: Profiles) -> None:
    with pytest.raises(UsageError, match="none of a NATS server"):
        profiles.add("Lab", "nats", base_url="https://nats.example.com")
    with pytest.raises(UsageError, match="none of this kind") as caught:
        profiles.add("Lab", "custom", base_url="nats://localhost:4222")
    assert "kind nats" in caught.value.advice


def test_nats_to_another_computer_is_allowed_on_purpose_only(profiles: Profiles) -> None:
    with pytest.raises(UsageError, match=r"nats:// to lab\.example is not encrypted"):
        profiles.add("Lab", "nats", base_url="nats://lab.example")
    assert profiles.add("Lab", "nats", base_url="nats://lab.example", allow_http=True).allow_http
    assert profiles.add("Safe", "nats", base_url="tls://lab.example").origin.secure


def test_of_workers_nobody_claims_that_they_are_on_this_computer(profiles: Profiles) -> None:
    here = profiles.add("Lab", "nats")
    assert not here.on_this_computer
    assert here.remote_words == (
        "may leave this computer: it goes to localhost:4222 and on to the workers there"
    )
    assert here.leaves == "may leave this computer"
    there = profiles.add("Other", "nats", base_url="tls://lab.example")
    assert there.leaves == "leaves this computer"
    assert there.remote_words.startswith("leaves this computer: it goes to lab.example:4222")


def test_only_workers_keep_requests(profiles: Profiles, data: DataDir) -> None:
    profile = profiles.add("Lab", "nats", keep_requests=True)
    assert Profiles(data).find(profile.id).keep_requests
    with pytest.raises(UsageError, match="keeps no requests"):
        profiles.add("Other", "ollama", keep_requests=True)
