"""Testing connections and asking for models: the words of the results, and a server on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt

from chatdesk.errors import ProviderError, Remedy
from chatdesk.providers.profiles import Accounts
from chatdesk.providers.remote import Check, RemoteModel, RemoteProvider

if TYPE_CHECKING:
    from tests.ui.providers.conftest import Hands, HeldServers

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints", extend=True)

WAY = Remedy("Change it in Settings > Providers.", "Use: chatdesk providers change A.")
KEY = "sk-right-key-of-the-lab"
# Asking a server for the first time imports the client, which takes a while on a busy machine.
PATIENCE_MS = 20_000
MIXTRAL = RemoteModel("open-mixtral-8x7b", "Mixtral 8x7B", 32_768)
TINY = RemoteModel("tiny", "tiny", None)


def wait_for_result(hands: Hands) -> str:
    hands.qtbot.waitUntil(lambda: not hands.form.strip.running, timeout=PATIENCE_MS)
    return str(hands.find("testResult").text())


# -- with a server in the test's hands -------------------------------------------------------------


def test_what_stands_in_the_form_is_tested_saved_or_not(
    hands: Hands, servers: HeldServers, accounts: Accounts
) -> None:
    hands.begin("mistral", url="https://proxy.example/v1", key="sk-typed")
    hands.type(hands.form.models.model.line, "tiny")
    hands.click("testConnectionButton")
    assert servers.asked is not None
    profile, key, model = servers.asked
    assert profile.base_url == "https://proxy.example/v1" and model == "tiny"
    assert key is not None and key.reveal() == "sk-typed"
    assert accounts.profiles.list() == [] and hands.vault.stored == {}


def test_a_success_says_how_many_models_there_are_and_offers_them(
    hands: Hands, servers: HeldServers
) -> None:
    hands.begin("mistral", key="sk-typed")
    hands.click("testConnectionButton")
    assert hands.shows("cancelTestButton") and not hands.find("testConnectionButton").isEnabled()
    servers.test_future.set_result(Check(True, "Mistral offers 2 models.", models=(MIXTRAL, TINY)))
    assert wait_for_result(hands) == "Mistral offers 2 models."
    assert hands.form.strip.result.tone == "done"
    combo = hands.form.models.model.combo
    assert [combo.itemText(at) for at in range(combo.count())] == ["open-mixtral-8x7b", "tiny"]
    assert hands.form.models.model.text() == ""  # nothing is chosen for the person
    combo.setCurrentIndex(0)
    assert "32,768 tokens" in hands.form.models.model.field.help.text()
    hands.save()


@pytest.mark.parametrize(
    "error, shown",
    [
        (ProviderError("It fails.", remedy=WAY), "It fails."),
        (ProviderError("It fails.", "Check it.", remedy=WAY), "It fails. Check it."),
        (ProviderError("It fails.", "Start it."), "It fails. Start it."),
    ],
)
def test_nobody_is_sent_to_the_dialog_that_is_open(
    hands: Hands, servers: HeldServers, error: ProviderError, shown: str
) -> None:
    hands.begin("mistral", key="sk-typed")
    hands.click("testConnectionButton")
    servers.test_future.set_result(Check(False, error.what, error.advice, error=error))
    assert wait_for_result(hands) == shown
    hands.click("refreshModelsButton")
    servers.models_future.set_exception(error)
    line = hands.find("providerModel.error")
    hands.qtbot.waitUntil(lambda: line.text() == shown)


def test_a_failure_is_told_as_it_is_with_folded_details(hands: Hands, servers: HeldServers) -> None:
    hands.begin("mistral", key="sk-typed")
    hands.click("testConnectionButton")
    error = ProviderError("Mistral refused the key.", "Replace it.", detail="HTTP 401")
    servers.test_future.set_result(Check(False, error.what, error.advice, error=error))
    assert wait_for_result(hands) == "Mistral refused the key. Replace it."
    assert hands.form.strip.result.tone == "danger"
    assert not hands.shows("testDetails")
    hands.click("testDetailsButton")
    assert hands.find("testDetails").text() == "HTTP 401" and hands.shows("testDetails")
    hands.click("testDetailsButton")
    assert not hands.shows("testDetails")


@pytest.mark.parametrize("how", ["button", "escape"])
def test_a_test_can_be_given_up(hands: Hands, servers: HeldServers, how: str) -> None:
    hands.begin("ollama")
    hands.qtbot.keyClick(hands.form.name_line, Qt.Key.Key_T, Qt.KeyboardModifier.ControlModifier)
    assert hands.find("cancelTestButton").hasFocus()
    if how == "button":
        hands.click("cancelTestButton")
    else:
        hands.qtbot.keyClick(hands.find("cancelTestButton"), Qt.Key.Key_Escape)
    assert servers.test_future.cancelled()
    assert not hands.form.strip.running and hands.dialog.isVisible()
    assert hands.find("testConnectionButton").hasFocus()
    assert not hands.shows("testResult")


def test_a_result_does_not_outlive_what_it_was_about(hands: Hands, servers: HeldServers) -> None:
    hands.begin("ollama")
    hands.click("testConnectionButton")
    servers.test_future.set_result(Check(True, "Ollama answers.", models=(TINY,)))
    assert wait_for_result(hands)
    hands.type(hands.form.address.line, "http://localhost:1/v1")
    assert not hands.shows("testResult")


def test_a_test_of_one_provider_tells_nothing_at_another(
    hands: Hands, servers: HeldServers, accounts: Accounts
) -> None:
    for kind in ("ollama", "lmstudio"):
        hands.begin(kind)
        hands.save()
    hands.click("testConnectionButton")
    ollama = next(p for p in accounts.profiles.list() if p.kind == "ollama")
    hands.dialog.select(ollama.id)
    assert servers.test_future.cancelled()
    assert not hands.form.strip.running


def test_what_cannot_be_asked_is_told_at_its_field(hands: Hands, servers: HeldServers) -> None:
    hands.begin("custom", name="Lab", url="http://lab.example/v1")
    hands.click("testConnectionButton")
    assert hands.find("providerUrl.error").isVisible()
    assert servers.asked is None


def test_the_models_can_be_asked_for_alone(hands: Hands, servers: HeldServers) -> None:
    hands.begin("ollama")
    hands.click("refreshModelsButton")
    assert hands.find("providerModel.help").text() == "Asking localhost:11434"
    servers.models_future.set_result((TINY,))
    hands.qtbot.waitUntil(lambda: hands.form.models.model.combo.count() == 1)
    assert hands.find("providerModel.help").text() == "1 model found."
    hands.click("refreshModelsButton")
    servers.models_future.set_exception(ProviderError("It has no list.", "Type the name."))
    hands.qtbot.waitUntil(lambda: hands.find("providerModel.error").isVisible())
    assert hands.find("providerModel.error").text() == "It has no list. Type the name."
    hands.type(hands.form.models.model.line, "my-own")
    hands.save()
    assert hands.editor.profile and hands.editor.profile.default_model == "my-own"


def test_models_entered_by_hand_are_offered_too(hands: Hands, servers: HeldServers) -> None:
    hands.begin("ollama")
    hands.form.models.by_hand_lines.setFocus()
    hands.qtbot.keyClicks(hands.form.models.by_hand_lines, "tiny")
    hands.qtbot.keyClick(hands.form.models.by_hand_lines, Qt.Key.Key_Tab)
    combo = hands.form.models.model.combo
    assert [combo.itemText(at) for at in range(combo.count())] == ["tiny"]


# -- with the real provider and a server on this computer ------------------------------------------


class _Lab(BaseHTTPRequestHandler):
    """Lists two models to whoever has the key, and lets one say a word."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        choice = {"index": 0, "delta": {"content": "OK"}, "finish_reason": "stop"}
        self.wfile.write(f"data: {json.dumps({'choices': [choice]})}\n\n".encode())

    def do_GET(self) -> None:
        if self.headers.get("Authorization") != f"Bearer {KEY}":
            self._say(401, {"error": {"message": "Incorrect API key provided."}})
        elif self.path == "/v1/models":
            models = [{"id": name, "object": "model"} for name in ("large", "small")]
            self._say(200, {"object": "list", "data": models})
        else:
            self._say(404, {"error": {"message": "Not Found"}})

    def _say(self, status: int, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def lab() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Lab) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def real(opened: Callable[..., Hands], accounts: Accounts) -> Iterator[Hands]:
    provider = RemoteProvider(accounts)
    yield opened(provider)
    assert provider.close()


def test_a_real_server_is_tested_before_and_after_its_key_is_saved(real: Hands, lab: str) -> None:
    real.begin("custom", name="Lab", url=f"{lab}/v1", key=KEY)
    real.click("testConnectionButton")
    assert "2 models" in wait_for_result(real)
    assert real.form.strip.result.tone == "done"
    assert real.form.models.model.combo.count() == 2
    real.save()
    assert real.vault.texts == [KEY]
    real.click("testConnectionButton")
    assert "2 models" in wait_for_result(real)


def test_a_real_server_refuses_a_wrong_key(real: Hands, lab: str) -> None:
    real.begin("custom", name="Lab", url=f"{lab}/v1", key="sk-wrong-key-of-the-lab")
    real.click("testConnectionButton")
    result = wait_for_result(real)
    assert "Lab" in result and "key" in result
    assert "sk-wrong" not in result + real.find("testDetails").text()


def test_a_real_server_is_not_at_a_wrong_path(real: Hands, lab: str) -> None:
    real.begin("custom", name="Lab", url=f"{lab}/v2", key=KEY)
    real.click("testConnectionButton")
    assert wait_for_result(real)
    assert real.form.strip.result.tone == "danger"


def test_a_missing_key_is_told_without_asking_the_server(real: Hands, lab: str) -> None:
    real.begin("custom", name="Lab", url=f"{lab}/v1")
    real.click("testConnectionButton")
    assert "no key" in wait_for_result(real)


def test_nobody_listens(real: Hands) -> None:
    real.begin("custom", name="Lab", url="http://127.0.0.1:9/v1", key=KEY)
    real.click("refreshModelsButton")
    real.qtbot.waitUntil(lambda: real.find("providerModel.error").isVisible(), timeout=PATIENCE_MS)
    assert "127.0.0.1:9" in real.find("providerModel.error").text()
