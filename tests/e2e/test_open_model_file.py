"""Opening model files from a file manager: double-clicks, "Open with", a start beside a window."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hands import PATIENCE_S, PROGRAM, Desk, wait_until
from real_servers import model_file

NAMES = ("small model.gguf", "großes Modell 100%.gguf", "-dash.gguf")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Path]]:
    """The same model, three times, under names that are easily got wrong."""
    folder = tmp_path_factory.mktemp("files") / "Meine Modelle"
    folder.mkdir()
    for name in NAMES:
        shutil.copyfile(model_file(), folder / name)
        # The application saves what it does with fsync: it is not to wait for 300 MB of ours.
        with (folder / name).open("rb") as file:
            os.fsync(file.fileno())
    yield [folder / name for name in NAMES]
    shutil.rmtree(folder)


def start_again(
    desk: Desk, *arguments: str, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """What a file manager does: start the program, though a window is open."""
    return subprocess.run(
        [str(PROGRAM), *arguments],
        env=desk.environment | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        cwd=cwd,
        timeout=PATIENCE_S,
        check=False,
    )


def default(desk: Desk) -> str:
    return str(desk.chatdesk("settings", "get", "model.default")["value"])


def listed(desk: Desk) -> dict[str, Any]:
    return {Path(model["path"]).name: model for model in desk.chatdesk("models", "list")}


def says(desk: Desk, words: str) -> list[dict[str, Any]]:
    return [e for e in desk.accessible() if words in e["name"] or words in e["text"]]


def uses(desk: Desk, file: Path) -> bool:
    found = listed(desk).get(file.name)
    return found is not None and found["default"]


def test_a_double_click_opens_the_window_with_the_model(desk: Desk, files: list[Path]) -> None:
    desk.start(str(files[1]))
    wait_until(lambda: uses(desk, files[1]), "the model to be the one in use")
    assert desk.close() == 0


def test_a_double_click_beside_a_window_opens_the_model_there(
    desk: Desk, files: list[Path]
) -> None:
    desk.chatdesk_plain("settings", "set", "sampling.max_tokens", "8")
    desk.start()
    assert desk.process is not None
    for file, given, folder in (
        (files[0], str(files[0]), None),
        (files[1], files[1].as_uri(), None),
        (files[2], f"./{files[2].name}", files[2].parent),
    ):
        ended = start_again(desk, given, cwd=folder)
        assert ended.returncode == 0, ended.stderr.decode()
        wait_until(lambda file=file: uses(desk, file), f"{file.name} to be the model in use")
    desk.focus()
    desk.type("Hello")
    desk.key("Return")
    wait_until(
        lambda: desk.messages() and desk.messages()[-1]["status"] == "complete",
        "a reply from the opened model",
    )
    assert desk.close() == 0


def test_several_files_opened_at_once_are_all_there(desk: Desk, files: list[Path]) -> None:
    desk.start()
    assert start_again(desk, *(str(file) for file in files)).returncode == 0
    wait_until(lambda: uses(desk, files[-1]), "the last one to be in use")
    assert set(NAMES) <= set(listed(desk))
    assert desk.close() == 0


def test_what_is_no_model_is_explained_in_the_open_window(desk: Desk, tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"this is not a model" * 1000)
    text = tmp_path / "letter.txt"
    text.write_text("Dear", encoding="utf-8")
    desk.start()
    assert start_again(desk, str(broken)).returncode == 0
    wait_until(lambda: says(desk, "GGUF"), "why it is no model")
    assert start_again(desk, str(text)).returncode == 0
    wait_until(lambda: says(desk, "This is not a model file"), "that it is none")
    assert start_again(desk, str(tmp_path / "gone.gguf")).returncode == 0
    wait_until(lambda: says(desk, "gone.gguf"), "that it is gone")
    assert default(desk) == ""
    assert desk.close() == 0


# -- the pointer that shows a program is starting --------------------------------------------------


@pytest.fixture
def announcements(desk: Desk, tmp_path: Path) -> Any:
    """How often programs told the desktop that their start is done."""
    log = tmp_path / "xev.txt"
    with log.open("wb") as output:
        watcher = subprocess.Popen(
            ["xev", "-root"], env=desk.environment, stdout=output, stderr=subprocess.DEVNULL
        )

    def watches() -> bool:
        change = ["xprop", "-root", "-format", "_WATCHED", "8s", "-set", "_WATCHED", "yes"]
        subprocess.run(change, env=desk.environment, check=True)
        return b"_WATCHED" in log.read_bytes()

    wait_until(watches, "xev to watch")
    yield lambda: log.read_bytes().count(b"(_NET_STARTUP_INFO_BEGIN)")
    watcher.kill()
    watcher.wait()


def test_every_start_ends_the_busy_pointer(desk: Desk, announcements: Any) -> None:
    desk.environment["DESKTOP_STARTUP_ID"] = "launcher-1_TIME100"
    desk.start()
    wait_until(lambda: announcements() == 1, "the first start to be told of")
    assert start_again(desk, DESKTOP_STARTUP_ID="launcher-2_TIME200").returncode == 0
    wait_until(lambda: announcements() == 2, "the second start to be told of")
    assert desk.close() == 0
