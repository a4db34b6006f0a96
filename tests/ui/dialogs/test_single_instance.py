"""One window for each data directory: who is first, what a second start does, hostile clients."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtNetwork import QLocalSocket
from pytestqt.qtbot import QtBot

from chatdesk.paths import DataDir
from chatdesk.ui import single_instance
from chatdesk.ui.single_instance import (
    MAX_BYTES,
    Handed,
    NotAnswering,
    SingleInstance,
    parse,
    request,
    server_name,
)


@pytest.fixture
def data(tmp_path: Path) -> DataDir:
    return DataDir(tmp_path / "data").create()


@pytest.fixture
def first(data: DataDir, qtbot: QtBot) -> Iterator[SingleInstance]:
    instance = SingleInstance(data)
    assert instance.start()
    yield instance
    instance.close()


class Client:
    """A raw client of the first instance's socket."""

    def __init__(self, data: DataDir, qtbot: QtBot) -> None:
        self.socket = QLocalSocket()
        self._qtbot = qtbot
        self.socket.connectToServer(server_name(data))
        assert self.socket.waitForConnected(2000)

    def send(self, content: bytes) -> None:
        self.socket.write(content)
        self.socket.flush()

    def is_cut_off(self) -> None:
        self._qtbot.waitUntil(
            lambda: self.socket.state() == QLocalSocket.LocalSocketState.UnconnectedState
        )


SECOND = """
import os
import sys
from pathlib import Path
from chatdesk.errors import ChatdeskError
from chatdesk.paths import DataDir
from chatdesk.ui.single_instance import SingleInstance
instance = SingleInstance(DataDir(Path(sys.argv[1])))
try:
    sys.exit(7 if instance.start(sys.argv[2:], os.environ.get('TOKEN', '')) else 0)
except ChatdeskError as error:
    print(error, file=sys.stderr)
    sys.exit(1)
"""


def second_start(qtbot: QtBot, data: DataDir, *files: str, cwd: Path | None = None) -> int:
    """The exit status of another process's start, while this process's event loop goes on."""
    process = subprocess.Popen([sys.executable, "-c", SECOND, str(data.root), *files], cwd=cwd)
    qtbot.waitUntil(lambda: process.poll() is not None, timeout=30_000)
    return process.wait()


def test_the_first_start_is_first(first: SingleInstance) -> None:
    assert first.is_first


def test_a_second_start_hands_its_files_over(
    first: SingleInstance, data: DataDir, qtbot: QtBot, tmp_path: Path
) -> None:
    file = str(tmp_path / "großes Modell.gguf")
    with qtbot.waitSignal(first.activated) as signal:
        assert second_start(qtbot, data, file) == 0
    assert signal.args == [Handed([file])]


def test_a_second_start_without_files_asks_for_the_window(
    first: SingleInstance, data: DataDir, qtbot: QtBot
) -> None:
    with qtbot.waitSignal(first.activated) as signal:
        assert second_start(qtbot, data) == 0
    assert signal.args == [Handed([])]


def test_relative_files_count_from_where_the_second_start_happened(
    first: SingleInstance, data: DataDir, qtbot: QtBot, tmp_path: Path
) -> None:
    with qtbot.waitSignal(first.activated) as signal:
        assert second_start(qtbot, data, "a.gguf", cwd=tmp_path) == 0
    assert signal.args == [Handed([str(tmp_path / "a.gguf")])]


def test_a_second_start_hands_over_its_leave_to_come_forward(
    first: SingleInstance, data: DataDir, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "kwin-42_TIME7")
    with qtbot.waitSignal(first.activated) as signal:
        assert second_start(qtbot, data) == 0
    assert signal.args == [Handed([], "kwin-42_TIME7")]


def test_more_files_than_one_message_holds_are_handed_over_as_far_as_they_fit(
    first: SingleInstance, data: DataDir, qtbot: QtBot
) -> None:
    files = [f"/{'ö' * 250}/{'ü' * 250}/{number}.gguf" for number in range(60)]
    assert len(json.dumps(files)) > MAX_BYTES
    with qtbot.waitSignal(first.activated) as signal:
        assert second_start(qtbot, data, *files) == 0
    (handed,) = signal.args
    assert len(handed.files) > 10
    assert handed.files == files[: len(handed.files)]


def test_a_start_after_the_first_ended_is_first(data: DataDir, qtbot: QtBot) -> None:
    for _ in range(2):
        instance = SingleInstance(data)
        assert instance.start()
        instance.close()
        instance.close()


def test_a_socket_left_by_a_killed_process_is_in_nobodys_way(data: DataDir, qtbot: QtBot) -> None:
    code = (
        "import os, sys; from pathlib import Path; from chatdesk.paths import DataDir;"
        "from chatdesk.ui.single_instance import SingleInstance;"
        "assert SingleInstance(DataDir(Path(sys.argv[1]))).start(); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(data.root)], check=False, timeout=30)
    instance = SingleInstance(data)
    assert instance.start()
    with qtbot.waitSignal(instance.activated):
        assert second_start(qtbot, data) == 0
    instance.close()


def test_two_data_directories_are_two_windows(
    first: SingleInstance, tmp_path: Path, qtbot: QtBot
) -> None:
    other = SingleInstance(DataDir(tmp_path / "other").create())
    assert other.start()
    other.close()


def test_a_first_instance_that_hangs_is_named(first: SingleInstance, data: DataDir) -> None:
    # This thread runs no event loop meanwhile: the first instance hangs.
    with pytest.raises(NotAnswering, match="already running"):
        SingleInstance(data).start(seconds=0.3)


def test_a_second_start_beside_a_hanging_one_says_so_and_fails(
    first: SingleInstance, data: DataDir
) -> None:
    code = SECOND.replace("sys.argv[2:], os.environ.get('TOKEN', ''))", "seconds=0.3)")
    ended = subprocess.run(
        [sys.executable, "-c", code, str(data.root)],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert ended.returncode == 1
    assert "does not answer" in ended.stderr and "Traceback" not in ended.stderr


def test_a_long_data_directory_works_too(tmp_path: Path, qtbot: QtBot) -> None:
    data = DataDir(tmp_path / ("long" * 30)).create()
    instance = SingleInstance(data)
    assert instance.start()
    with qtbot.waitSignal(instance.activated):
        assert second_start(qtbot, data) == 0
    instance.close()


@pytest.mark.parametrize(
    "garbage",
    [
        b"\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\xff\xfe\x00\n",
        b"[" * 60_000 + b"\n",
        b'{"v": 2, "raise": true}\n',
        b'{"v": 1, "raise": true, "files": "x"}\n',
        b"x" * 70_000,
        b"x" * 1_000_000,
    ],
)
def test_garbage_is_cut_off_and_the_window_goes_on(
    first: SingleInstance, data: DataDir, qtbot: QtBot, garbage: bytes
) -> None:
    client = Client(data, qtbot)
    with qtbot.assertNotEmitted(first.activated):
        client.send(garbage)
        client.is_cut_off()
    with qtbot.waitSignal(first.activated):
        assert second_start(qtbot, data) == 0


def test_a_silent_client_is_cut_off(
    data: DataDir, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(single_instance, "CLIENT_MS", 50)
    instance = SingleInstance(data)
    assert instance.start()
    client = Client(data, qtbot)
    client.send(b'{"v": 1, ')
    client.is_cut_off()
    instance.close()


def test_a_crowd_of_clients_does_not_keep_a_second_start_out(
    data: DataDir, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(single_instance, "CLIENT_MS", 100)
    instance = SingleInstance(data)
    assert instance.start()
    crowd = []
    for _ in range(40):
        crowd.append(Client(data, qtbot))
        qtbot.wait(1)
    for client in crowd:
        client.is_cut_off()
    with qtbot.waitSignal(instance.activated):
        assert second_start(qtbot, data) == 0
    instance.close()


@given(st.binary(max_size=200))
def test_parse_never_fails(line: bytes) -> None:
    parse(line)


def test_an_older_start_is_understood_and_understands() -> None:
    assert parse(b'{"v": 1, "raise": true, "files": ["/a"]}') == Handed(["/a"])
    message = json.loads(request(Handed(["/a"], "token")))
    assert (message["v"], message["raise"], message["files"]) == (1, True, ["/a"])


@pytest.mark.parametrize("token", [7, None, ["x"], "a\0b", "a\nb", "x" * 2_000])
def test_a_token_that_is_none_is_left_out(token: object) -> None:
    line = json.dumps({"v": 1, "raise": True, "token": token}).encode()
    assert parse(line) == Handed([])


@given(st.lists(st.text(st.characters(exclude_characters="\0")), max_size=80), st.text())
def test_every_request_is_one_line_that_is_understood(files: list[str], token: str) -> None:
    line = request(Handed(files, token))
    assert line.count(b"\n") == 1 and len(line) <= MAX_BYTES + 1
    handed = parse(line)
    assert handed is not None
    assert handed.files == [str(Path(file).absolute()) for file in files[:64]]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_only_absolute_paths_come_through(value: object) -> None:
    handed = parse(json.dumps({"v": 1, "raise": True, "files": [value, "/a b", "c"]}).encode())
    assert handed is not None
    files = handed.files
    assert all(Path(file).is_absolute() for file in files)
    assert "/a b" in files and "c" not in files
