"""Starting, starting twice, and files that are no models, in a real window."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

from hands import PATIENCE_S, PROGRAM, Desk, wait_until


def test_the_composer_has_the_focus_at_the_start(desk: Desk) -> None:
    desk.start()
    composer = wait_until(lambda: desk.find(id="composer"), "the composer")[0]
    assert "focused" in composer["states"]
    for name in ("searchField", "newChatButton", "modelButton", "settingsButton"):
        assert desk.find(id=name), name
    assert desk.close() == 0


def test_a_second_start_hands_over_to_the_first_window(desk: Desk) -> None:
    desk.start()
    second = subprocess.run(
        [str(PROGRAM)],
        env=desk.environment,
        stdin=subprocess.DEVNULL,
        timeout=PATIENCE_S,
        check=False,
    )
    assert second.returncode == 0
    assert desk.process is not None
    assert desk.process.poll() is None
    assert desk.close() == 0


def test_a_file_that_is_no_model_is_explained_and_the_window_goes_on(
    desk: Desk, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"this is not a model" * 1000)
    desk.chatdesk_plain("settings", "set", "sampling.max_tokens", "8")
    desk.start(str(broken))
    wait_until(
        lambda: [e for e in desk.accessible() if "GGUF" in e["name"] or "GGUF" in e["text"]],
        "the explanation",
    )
    desk.type("Hello")
    desk.key("Return")
    wait_until(
        lambda: desk.messages() and desk.messages()[-1]["status"] == "complete",
        "a reply all the same",
    )


def test_a_termination_request_saves_as_closing_does(desk: Desk) -> None:
    desk.start()
    desk.type("Unsent words")
    wait_until(lambda: desk.find(id="composer")[0]["text"] == "Unsent words", "the words")
    assert desk.process is not None
    desk.process.terminate()
    assert desk.process.wait(PATIENCE_S) == 0
    desk.start()
    composer = wait_until(lambda: desk.find(id="composer"), "the composer")[0]
    assert composer["text"] == "Unsent words"


def test_keys_that_a_busy_window_had_not_taken_yet_are_saved_at_termination(desk: Desk) -> None:
    desk.start()
    assert desk.process is not None
    desk.process.send_signal(signal.SIGSTOP)
    desk.type("Typed into a busy window")
    desk.title()  # the server has answered: it has handed the keys on
    desk.process.terminate()
    desk.process.send_signal(signal.SIGCONT)
    assert desk.process.wait(PATIENCE_S) == 0
    desk.start()
    composer = wait_until(lambda: desk.find(id="composer"), "the composer")[0]
    assert composer["text"] == "Typed into a busy window"


def test_settings_changed_in_the_dialog_are_kept(desk: Desk) -> None:
    desk.start()
    desk.key("ctrl+comma")
    wait_until(lambda: desk.find(id="settingsDialog"), "the settings dialog")
    desk.key("Escape")
    wait_until(lambda: not desk.find(id="settingsDialog"), "the dialog to close")
    desk.key("ctrl+plus")
    wait_until(
        lambda: desk.chatdesk("settings", "get", "appearance.text_size")["value"] == 1,
        "the larger text to be saved",
    )
    assert desk.close() == 0
