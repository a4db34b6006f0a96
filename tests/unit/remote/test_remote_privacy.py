"""What must not get out: keys and words, by logs, errors, the environment, proxies, detours."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fake_tgi import FakeTgi, Status, serving
from recording_server import Recorder, recording
from remote_desk import RemoteDesk, open_remote

from chatdesk.credentials import Origin, Secret
from chatdesk.errors import ChatdeskError
from chatdesk.providers.profiles import Profile
from chatdesk.providers.remote.limits import Limits
from chatdesk.providers.remote.problems import RedirectedElsewhere
from chatdesk.providers.remote.transport import GuardedTransport, guarded_client, proxy_for

KEY = "sk-abc-TheKeyOfThisTest-0123456789"
WORDS = "WordsOfThePersonThatAreTheirs"

# All that openai 3 and huggingface_hub 2 read by themselves, and what could make them talk.
HOSTILE = {
    "OPENAI_LOG": "debug",
    "OPENAI_API_KEY": "sk-environment-0123456789",
    "OPENAI_ADMIN_KEY": "sk-environment-0123456789",
    "OPENAI_BASE_URL": "http://127.0.0.1:9/elsewhere",
    "OPENAI_ORG_ID": "org-environment",
    "OPENAI_PROJECT_ID": "proj-environment",
    "OPENAI_WEBHOOK_SECRET": "whsec-environment",
    "OPENAI_CUSTOM_HEADERS": "X-Environment: 1",
    "HF_TOKEN": "hf_environment0123456789",
    "HF_ENDPOINT": "http://127.0.0.1:9",
    "HF_DEBUG": "1",
    "HF_HUB_VERBOSITY": "debug",
    "HF_HUB_USER_AGENT_ORIGIN": "environment",
    "AI_AGENT": "environment",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "ALL_PROXY": "http://127.0.0.1:9",
    "http_proxy": "http://127.0.0.1:9",
    "all_proxy": "http://127.0.0.1:9",
    "NO_PROXY": "",
    "no_proxy": "",
    "PYTHONASYNCIODEBUG": "1",
}

LOW = ("DEBUG", "INFO")

# A notebook in which somebody wants to see all logs.
PROGRAM = """
import logging, sys
logging.basicConfig(level=logging.DEBUG)
from pathlib import Path
from remote_desk import open_remote
folder, openai, tgi, key, words = sys.argv[1:]
with open_remote(Path(folder)) as desk:
    desk.add("One", openai, key)
    desk.add("Two", tgi, key, kind="tgi")
    for model in ("One:m", "Two:", "One:m"):
        print(desk.ask(model, words).text)
"""


@pytest.fixture
def desk(data_path: Path) -> Iterator[RemoteDesk]:
    with open_remote(data_path) as desk:
        yield desk


@pytest.fixture
def openai() -> Iterator[Recorder]:
    with recording() as recorder:
        yield recorder


@pytest.fixture
def tgi() -> Iterator[FakeTgi]:
    with serving() as server:
        yield server


# -- the environment and the logs ------------------------------------------------------------------


def test_neither_logs_nor_the_environment_carry_anything_over(
    openai: Recorder, tgi: FakeTgi, data_path: Path
) -> None:
    root = Path(__file__).parents[3]
    paths = os.pathsep.join((str(root), str(root / "tests")))
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(data_path), openai.base_url, tgi.url, KEY, WORDS],
        env=os.environ | HOSTILE | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert ended.stdout.split("\n")[:3] == ["Yes.", "Hello there", "Yes."]
    for text in (KEY, WORDS, "Hello there", "environment"):
        assert text not in ended.stderr
    told = ("openai", "httpx2", "httpcore2", "huggingface_hub")
    for line in ended.stderr.splitlines():
        assert not line.startswith(tuple(f"{level}:{name}" for level in LOW for name in told))
    for request in (*openai.requests, *tgi.requests):
        assert request.headers["authorization"] == f"Bearer {KEY}"
        assert "environment" not in json.dumps([request.path, request.headers, request.body])
        assert set(request.headers) <= {
            *("host", "accept", "accept-encoding", "user-agent", "authorization"),
            *("connection", "content-type", "content-length"),
        }
    # Three replies; a busy machine may have no time for the lists of models.
    assert len(openai.requests) + len(tgi.requests) >= 3


@pytest.mark.parametrize("key", ["sk-clé-0123456789", "\u00ff" * 20])
def test_a_key_of_any_letters_is_sent_and_in_no_error(
    desk: RemoteDesk, openai: Recorder, tgi: FakeTgi, key: str
) -> None:
    desk.add("One", openai.base_url, key)
    desk.add("Two", tgi.url, key, kind="tgi")
    assert desk.ask("One:m", WORDS).text == "Yes."
    assert desk.ask("Two:", WORDS).text == "Hello there"
    for request in (*openai.requests, *tgi.requests):
        assert request.headers["authorization"] == f"Bearer {key}"


@pytest.mark.parametrize("code", [400, 401, 403, 404, 418, 422, 501])
def test_an_error_and_all_that_led_to_it_hold_no_key(
    desk: RemoteDesk, tgi: FakeTgi, code: int
) -> None:
    """Even where the server repeats the key in its answer."""
    echo = json.dumps({"error": f"wrong key Bearer {KEY}", "error_type": "validation"}).encode()
    desk.add("Two", tgi.url, KEY, kind="tgi")
    tgi.faults = [Status(code, echo)]
    error = desk.ask("Two:", WORDS).error
    seen: list[BaseException] = []
    each: BaseException | None = error
    while each is not None and each not in seen:
        seen.append(each)
        shown = [repr(each), str(each), repr(each.args)]
        if isinstance(each, ChatdeskError):
            shown += [each.what, each.advice, each.detail]
        assert KEY not in " ".join(shown)
        each = each.__cause__ or each.__context__
    assert KEY not in "".join(traceback.format_exception(error))


def test_the_libraries_never_have_the_key(desk: RemoteDesk, openai: Recorder, tgi: FakeTgi) -> None:
    desk.add("One", openai.base_url, KEY)
    desk.add("Two", tgi.url, KEY, kind="tgi")
    desk.ask("One:m", WORDS)
    desk.ask("Two:", WORDS)
    kinds = ("openai", "huggingface_hub")
    for thing in gc.get_objects():
        if str(type(thing).__module__).partition(".")[0] in kinds:
            assert KEY not in repr(getattr(thing, "__dict__", ""))


# -- detours ---------------------------------------------------------------------------------------

ELSEWHERE = [
    "https://api.example:444/v1/x",
    "http://api.example/v1/x",
    "//evil.example/v1/x",
    "https://api.example.evil.example/v1",
    "https://api.example@evil.example/v1",
    "https://evil.example\\@api.example/",
    "https:\\\\evil.example/",
    "\\\\evil.example/",
    "/\\evil.example/",
    "https://[::1]/",
    "https://evil.example#@api.example/",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "https://127.1/",
    "https://\uff41\uff50\uff49.evil/",
    "https:///evil.example/",
    "http://[",
]


class _Pointing(httpx2.AsyncBaseTransport):
    """Answers with a redirect once, then with 200; keeps what was asked."""

    def __init__(self, location: str) -> None:
        self.location = location.encode("utf-8")
        self.asked: list[httpx2.Request] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        if len(self.asked) > 1:
            return httpx2.Response(200, content=b"{}")
        return httpx2.Response(307, headers=[(b"location", self.location)], content=b"")


def _sent(location: str, url: str = "https://api.example/v1") -> tuple[_Pointing, Any]:
    """What is asked after a redirect, and how it ended."""
    profile = Profile("p", "Server", "custom", url)

    async def run() -> tuple[_Pointing, Any]:
        transport = GuardedTransport(profile, Secret(KEY), Limits())
        pointing = _Pointing(location)
        transport._inner = pointing  # type: ignore[assignment]
        async with httpx2.AsyncClient(transport=transport, trust_env=False) as client:
            try:
                return pointing, await client.post(f"{url}/chat", content=WORDS)
            except ChatdeskError as error:
                return pointing, error

    return asyncio.run(run())


@pytest.mark.parametrize("location", ELSEWHERE)
def test_no_form_of_redirect_leaves_the_origin(location: str) -> None:
    pointing, ended = _sent(location)
    for request in pointing.asked:
        assert (request.url.scheme, request.url.host, request.url.port) == (
            "https",
            "api.example",
            None,
        )
        assert not request.url.userinfo
    if len(pointing.asked) == 1:
        assert isinstance(ended, ChatdeskError)


@pytest.mark.parametrize("location", ["/other", "other?x=1", "https://API.example:443/v2#x"])
def test_a_redirect_within_the_origin_keeps_key_and_words(location: str) -> None:
    pointing, ended = _sent(location)
    assert ended.status_code == 200
    first, second = pointing.asked
    assert second.method == "POST"
    assert second.headers["authorization"] == first.headers["authorization"] == f"Bearer {KEY}"


def test_a_redirect_with_a_user_name_sends_no_user_name() -> None:
    pointing, _ended = _sent("https://user:word@api.example/v2")
    for request in pointing.asked:
        assert request.headers["authorization"] == f"Bearer {KEY}"
        assert request.headers["host"] == "api.example"


def test_a_request_of_a_library_to_another_origin_is_refused() -> None:
    profile = Profile("p", "Server", "custom", "https://api.example/v1")

    async def ask(url: str) -> None:
        async with guarded_client(profile, Secret(KEY), Limits()) as client:
            await client.get(url)

    for url in ("https://huggingface.co/api", "http://api.example/v1", "https://api.example:8/"):
        with pytest.raises(RedirectedElsewhere):
            asyncio.run(ask(url))


# -- proxies ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1",
        "http://localhost:1",
        "http://[::1]:1",
        "https://127.9.9.9",
        "http://a.localhost",
    ],
)
def test_what_stays_on_this_computer_goes_through_no_proxy(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://proxy.example:3128")
    assert proxy_for(Origin.of(url)) is None


def test_a_proxys_password_is_in_no_error(monkeypatch: pytest.MonkeyPatch, data_path: Path) -> None:
    monkeypatch.setenv("https_proxy", "http://user:ProxyPassword1@127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with open_remote(data_path) as desk:
        profile = desk.add("Far", "https://api.example/v1", KEY)
        check = desk.provider.test(profile).result(60)
    assert not check.ok
    assert check.error is not None
    shown = [check.what, check.advice, check.error.detail, repr(check.error), repr(check)]
    assert "ProxyPassword1" not in " ".join(shown)
    assert "proxy" in check.what


# -- beginnings and ends ---------------------------------------------------------------------------


def test_a_profile_nobody_asked_is_not_looked_up(
    desk: RemoteDesk, openai: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    looked: list[str] = []
    own = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *a, **k: (looked.append(str(host)), own(host, *a, **k))[1],
    )
    desk.add("Idle", "https://idle.example/v1", KEY)
    desk.add("One", openai.base_url)
    assert desk.ask("One:m", WORDS).text == "Yes."
    assert not [host for host in looked if "127.0.0.1" not in host]


def test_a_name_that_means_this_computer_is_not_asked_of_the_network(
    desk: RemoteDesk, openai: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    looked: list[str] = []
    own = socket.getaddrinfo

    def look(host: Any, *rest: Any, **named: Any) -> Any:
        looked.append(host.decode() if isinstance(host, bytes) else str(host))
        return own(host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", look)
    desk.add("One", openai.base_url.replace("127.0.0.1", "app.localhost"))
    assert desk.ask("One:m", WORDS).text == "Yes."
    assert set(looked) <= {"localhost", "127.0.0.1", "::1"}
    assert openai.requests[0].headers["host"].startswith("app.localhost:")


def test_a_deleted_key_is_not_used_again(desk: RemoteDesk, openai: Recorder) -> None:
    """Even over the connection that is still open from before."""
    profile = desk.add("One", openai.base_url, KEY)
    assert desk.ask("One:m", WORDS).text == "Yes."
    before = len(openai.requests)
    desk.accounts.delete_key(profile)
    assert desk.ask("One:m", WORDS).error.what == "There is no key for One."
    assert len(openai.requests) == before


def test_closing_while_replies_begin_ends_them_all(data_path: Path, tgi: FakeTgi) -> None:
    for _ in range(10):
        with open_remote(data_path) as desk:
            if not desk.accounts.profiles.list():
                desk.add("Two", tgi.url, kind="tgi")
            replies = [desk.start("Two:", WORDS) for _ in range(4)]
            replies[0].run.cancel()  # type: ignore[union-attr]
        for reply in replies:
            assert reply.ended
