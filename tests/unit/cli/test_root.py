"""chatdesk itself: global options, the window or the terminal, exit codes."""

from __future__ import annotations

import ctypes
import io
import logging
import os
import socket
import subprocess
import sys
import tomllib
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import chatdesk
from chatdesk.cli import root
from chatdesk.cli.window import _in_terminal
from chatdesk.paths import DataDir

if TYPE_CHECKING:
    from tests.unit.cli.conftest import CommandLine
else:
    CommandLine = Any

OneLine = Callable[[str], str]


class Window:
    """Stands for chatdesk.app."""

    def __init__(self) -> None:
        self.opened: list[tuple[DataDir, bool, Sequence[str]]] = []

    def main(self, data: DataDir, verbose: bool = False, files: Sequence[str] = ()) -> int:
        self.opened.append((data, verbose, files))
        return 0


@pytest.fixture
def window(monkeypatch: pytest.MonkeyPatch) -> Window:
    """A desktop with a display."""
    window = Window()
    module = types.ModuleType("chatdesk.app")
    module.main = window.main  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "chatdesk.app", module)
    monkeypatch.setenv("QT_QPA_PLATFORM", "xcb")
    return window


@pytest.fixture
def no_display(monkeypatch: pytest.MonkeyPatch, window: Window) -> Window:
    for name in ("QT_QPA_PLATFORM", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    return window


linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="X11 and Wayland")


# -- the program ----------------------------------------------------------------------------------


def test_the_version_is_the_package_s() -> None:
    project = tomllib.loads(Path(__file__).parents[3].joinpath("pyproject.toml").read_text())
    assert project["project"]["version"] == chatdesk.__version__


def test_version_and_help_need_no_data_directory(cli: CommandLine, data_path: Path) -> None:
    assert cli("--version").out == f"chatdesk {chatdesk.__version__}\n"
    for arguments in (("--help",), ("ask", "--help"), ("conversations", "show", "--help")):
        result = cli(*arguments)
        assert result.code == 0
        assert result.out.startswith("Usage: chatdesk")
    assert not data_path.exists()


def test_the_licences_are_printed_and_need_no_data_directory(
    cli: CommandLine, data_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Lesser General Public License" in cli("licences").out
    monkeypatch.setattr("chatdesk.paths.resource", lambda name: tmp_path / name)
    (tmp_path / "licences").mkdir()
    (tmp_path / "licences" / "THIRD-PARTY.txt").write_text("Qt: LGPL\n", encoding="utf-8")
    result = cli("licences")
    assert (result.code, result.out) == (0, "Qt: LGPL\n")
    assert str(tmp_path / "licences") in result.err
    assert not data_path.exists()


@pytest.mark.parametrize(
    "arguments", [("frobnicate",), ("--frobnicate",), ("conversations",), ("settings", "get")]
)
def test_wrong_usage_is_2_and_says_what_is_right(
    cli: CommandLine, arguments: tuple[str, ...]
) -> None:
    result = cli(*arguments)
    assert (result.code, result.out) == (2, "")
    assert "Usage: chatdesk" in result.err
    assert "Traceback" not in result.err


def test_data_dir_says_where_everything_is(cli: CommandLine, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    assert cli("--data-dir", str(elsewhere), "ask", "Hi", "--save").code == 0
    assert (elsewhere / "chats.db").exists()
    assert cli.conversations() == []


def test_a_data_directory_that_cannot_be_used_is_one_line(
    cli: CommandLine, one_line: OneLine, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_text("in the way")
    result = cli("--data-dir", str(file), "conversations", "list")
    assert (result.code, result.out) == (1, "")
    assert "--data-dir" in one_line(result.err)


@pytest.mark.skipif(os.name != "posix", reason="file modes")
def test_what_is_made_is_the_owners_alone(cli: CommandLine, data_path: Path) -> None:
    assert cli("ask", "Hi", "--save").code == 0
    assert data_path.stat().st_mode & 0o077 == 0
    files = [path for path in data_path.rglob("*") if path.is_file()]
    assert {path.name for path in files if path.stat().st_mode & 0o077} == set()


def test_verbose_writes_the_log_to_standard_error(cli: CommandLine) -> None:
    result = cli("--verbose", "conversations", "list", "--json")
    assert "Started" in result.err
    assert result.json == []


def test_a_bug_reaches_the_log_and_is_not_hidden(
    cli: CommandLine,
    data_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    allow_errors: Any,
) -> None:
    def broken(*arguments: Any, **named: Any) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("chatdesk.store.open_store", broken)
    with pytest.raises(ZeroDivisionError):
        cli("conversations", "list")
    log = (data_path / "logs" / "chatdesk.log").read_text(encoding="utf-8")
    assert "ZeroDivisionError" in log


def test_logging_is_put_back_afterwards(cli: CommandLine) -> None:
    before = logging.getLogger().handlers[:]
    assert cli("conversations", "list").code == 0
    assert logging.getLogger().handlers == before


def test_every_command_is_in_its_place() -> None:
    for name in root.COMMANDS:
        command = root.root.get_command(root.click.Context(root.root), name)
        assert command is not None
        assert command.name == name


# -- the window -----------------------------------------------------------------------------------


def test_without_a_command_the_window_opens(cli: CommandLine, window: Window) -> None:
    result = cli("--verbose")
    assert (result.code, result.out, result.err) == (0, "", "")
    ((data, verbose, files),) = window.opened
    assert (data, verbose, list(files)) == (cli.context.data, True, [])


def test_a_model_file_is_opened_in_the_window(
    cli: CommandLine, window: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "small.GGUF").write_bytes(b"GGUF")
    monkeypatch.chdir(tmp_path)
    assert cli("small.GGUF").code == 0
    assert list(window.opened[0][2]) == [str(tmp_path / "small.GGUF")]


@pytest.mark.parametrize(
    "name", ["small model.gguf", "großes Modell.gguf", "-small.gguf", "100%.gguf", "a#b?c.gguf"]
)
def test_a_file_is_opened_whatever_its_name(
    cli: CommandLine, window: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    file = tmp_path / name
    file.write_bytes(b"GGUF")
    monkeypatch.chdir(tmp_path)
    for given in (str(file), file.as_uri(), f"./{name}"):
        assert cli(given).code == 0
        assert list(window.opened.pop()[2]) == [str(file)]
    assert cli("--", name).code == 0
    assert list(window.opened.pop()[2]) == [str(file)]


@pytest.mark.skipif(sys.platform != "linux", reason="names that are no text")
def test_a_file_whose_name_is_no_text_is_opened(
    cli: CommandLine, window: Window, tmp_path: Path
) -> None:
    file = tmp_path / os.fsdecode(b"caf\xe9.gguf")
    file.write_bytes(b"GGUF")
    for given in (str(file), file.as_uri()):
        assert cli(given).code == 0
        assert list(window.opened.pop()[2]) == [str(file)]


def test_several_files_are_opened_together(
    cli: CommandLine, window: Window, tmp_path: Path
) -> None:
    files = [str(tmp_path / name) for name in ("a.gguf", "-b.gguf", "c d.gguf")]
    for file in files:
        Path(file).write_bytes(b"GGUF")
    assert cli(*files).code == 0
    assert list(window.opened[0][2]) == files


def test_what_was_double_clicked_and_is_gone_is_told_by_the_window(
    cli: CommandLine, window: Window, tmp_path: Path
) -> None:
    gone = str(tmp_path / "gone.gguf")
    assert cli(gone).code == 0
    assert list(window.opened[0][2]) == [gone]


def test_a_model_file_that_is_not_there_is_one_line_in_a_terminal(
    cli: CommandLine, window: Window, one_line: OneLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatdesk.cli.window._in_terminal", lambda: True)
    result = cli("missing.gguf")
    assert result.code == 1
    assert "missing.gguf" in one_line(result.err)
    assert window.opened == []


class TerminalStream(io.StringIO):
    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return 2


def test_standard_error_that_is_a_terminal_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(sys, "stderr", TerminalStream())
    assert _in_terminal()
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert not _in_terminal()


@pytest.mark.parametrize("console", [True, False])
def test_on_windows_the_null_device_is_not_taken_for_a_terminal(
    monkeypatch: pytest.MonkeyPatch, console: bool
) -> None:
    asked: list[int | None] = []

    def mode_of(handle: ctypes.c_void_p, mode: object) -> int:
        asked.append(handle.value)
        return int(console)

    kernel = types.SimpleNamespace(GetConsoleMode=mode_of)
    crt = types.SimpleNamespace(get_osfhandle=lambda descriptor: 100 + descriptor)
    monkeypatch.setattr(ctypes, "windll", types.SimpleNamespace(kernel32=kernel), raising=False)
    monkeypatch.setitem(sys.modules, "msvcrt", crt)  # type: ignore[arg-type]
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(sys, "stderr", TerminalStream())
    assert _in_terminal() == console
    assert asked == [102]


@linux_only
def test_without_a_display_the_terminal_chat_starts(
    cli: CommandLine, no_display: Window, one_line: OneLine
) -> None:
    cli.says(["Hello"])
    result = cli(stdin="Hi\n")
    assert (result.code, result.out) == (0, "Hello\n")
    assert "no display" in one_line(result.err)
    assert no_display.opened == []
    assert cli.only()["title"] == "Hi"


@linux_only
def test_without_a_display_a_model_file_answers_in_the_terminal(
    cli: CommandLine, no_display: Window, tmp_path: Path
) -> None:
    file = tmp_path / "small.gguf"
    file.write_bytes(b"GGUF")
    assert cli(str(file), stdin="Hi\n").code == 0
    assert cli.requests[0].model == str(file)


@linux_only
def test_a_display_that_does_not_answer_is_none(
    cli: CommandLine, no_display: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPLAY", ":54321")
    result = cli(stdin="")
    assert result.code == 0
    assert ":54321" in result.err
    assert no_display.opened == []


@linux_only
@pytest.mark.parametrize("display", [":54321", "unix:54321.0", "elsewhere:0"])
def test_a_display_that_answers_gets_the_window(
    cli: CommandLine, no_display: Window, monkeypatch: pytest.MonkeyPatch, display: str
) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("\0/tmp/.X11-unix/X54321")
        server.listen()
        monkeypatch.setenv("DISPLAY", display)
        assert cli().code == 0
    assert len(no_display.opened) == 1


def test_where_qt_cannot_be_imported_the_terminal_chat_starts(
    cli: CommandLine, window: Window, monkeypatch: pytest.MonkeyPatch, one_line: OneLine
) -> None:
    monkeypatch.setitem(sys.modules, "chatdesk.app", None)
    result = cli(stdin="Hi\n")
    assert (result.code, result.out) == (0, "Hi\n")
    assert "cannot be opened" in one_line(result.err)


def test_the_module_runs_as_the_command() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "chatdesk", "--version"], capture_output=True, text=True, check=False
    )
    assert result.stdout == f"chatdesk {chatdesk.__version__}\n"
