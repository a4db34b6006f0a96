"""chatdesk doctor: every check answers, whatever is broken."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from chatdesk import doctor
from chatdesk.credentials import KeyringState, Keys, NoKeyring, UnsafeKeyring
from chatdesk.doctor import Check, checks
from chatdesk.errors import KeyringError
from chatdesk.paths import DataDir
from chatdesk.providers.profiles import Profiles
from chatdesk.store import open_store


@pytest.fixture
def data(tmp_path: Path) -> DataDir:
    return DataDir(tmp_path / "data")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Starting a process for each test would take minutes; one test below starts it."""
    monkeypatch.setattr(doctor, "_native_info", lambda: "CPU\nCPU : AVX2 = 1 | FMA = 1 | X = 0 |")


def found(data: DataDir, name: str) -> Check:
    (check,) = [check for check in checks(data) if check.name == name]
    return check


def test_a_sound_installation_passes_and_fits_into_json(data: DataDir) -> None:
    open_store(data).close()
    results = checks(data)
    assert [check.name for check in results if not check.ok] == []
    assert all(check.text for check in results)
    assert json.loads(json.dumps([check.to_dict() for check in results]))
    told = {check.name: check.text for check in results}
    assert "FTS5" in told["SQLite"] and "sound" in told["Conversations"]
    assert told["llama.cpp"].endswith("runs on the processor; AVX2, FMA")
    assert "SmolLM2" in told["Model"]


def test_the_native_library_is_asked_in_a_process_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()
    told = doctor._native_info()
    assert told is not None and told.splitlines()[0] in ("CPU", "GPU")


def test_a_native_library_that_crashes_is_told(
    data: DataDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(doctor, "_NATIVE", "import os; os.abort()")
    check = found(data, "llama.cpp")
    assert not check.ok and "does not run" in check.text


def test_nothing_exists_yet_and_nothing_but_the_directory_is_made(data: DataDir) -> None:
    assert found(data, "Conversations").text == "none yet"
    assert not data.database.exists() and not data.settings.exists()


def test_a_data_directory_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    check = found(DataDir(tmp_path / "file"), "Data directory")
    assert not check.ok and "--data-dir" in check.advice


def test_a_damaged_database_is_told(data: DataDir) -> None:
    open_store(data).close()
    data.database.write_bytes(b"not a database" * 1000)
    check = found(data, "Conversations")
    assert not check.ok and check.text


def test_problems_of_the_settings_are_told(data: DataDir) -> None:
    data.create()
    data.settings.write_text('{"sampling": {"temperature": 99}}')
    check = found(data, "Settings")
    assert not check.ok and "sampling.temperature" in check.text


def test_a_default_model_that_is_gone_is_told(data: DataDir) -> None:
    data.create()
    data.settings.write_text('{"model": {"default": "/gone/model.gguf"}}')
    results = {check.name: check for check in checks(data)}
    assert not results["Model"].ok and "no file" in results["Model"].text
    assert results["Memory"].ok


def test_a_model_larger_than_memory_is_told(data: DataDir, monkeypatch: pytest.MonkeyPatch) -> None:
    import psutil

    class Little:
        available = 1_000_000
        total = 2_000_000

    monkeypatch.setattr(psutil, "virtual_memory", lambda: Little)
    check = found(data, "Memory")
    assert not check.ok and "does not fit" in check.text


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="these always have a display")
def test_the_display_is_named(data: DataDir, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WAYLAND_DISPLAY", "DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    none = found(data, "Display")
    assert none.ok and none.text == "none" and "chatdesk chat" in none.advice
    monkeypatch.setenv("DISPLAY", ":7")
    assert found(data, "Display").text == "X11 (:7)"
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-1")
    assert found(data, "Display").text == "Wayland (wayland-1)"


@pytest.mark.parametrize(
    ("condition", "name", "error", "text", "advice"),
    [
        ("usable", "Secret Service", None, "Secret Service", ""),
        ("locked", "Secret Service", None, "Secret Service, locked", "asks for its password"),
        ("none", "", NoKeyring("There is none.", "Install one."), "There is none.", "Install one."),
        ("unsafe", "", UnsafeKeyring("It is a file.", "Remove it."), "It is a file.", "Remove it."),
    ],
)
def test_where_keys_are_kept_is_told(
    data: DataDir,
    monkeypatch: pytest.MonkeyPatch,
    condition: Any,
    name: str,
    error: KeyringError | None,
    text: str,
    advice: str,
) -> None:
    monkeypatch.setattr(Keys, "check", lambda self: KeyringState(condition, name, error))
    check = found(data, "Key storage")
    assert check.ok and check.text == text and advice in check.advice
    assert ("models on this computer need none" in check.advice) is (error is not None)
    Profiles(data).add("Mistral", "mistral")
    check = found(data, "Key storage")
    assert check.ok is (error is None) and ("keys of Mistral" in check.advice) is not check.ok


def test_a_check_that_breaks_is_a_failed_check(
    data: DataDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Keys) -> KeyringState:
        raise RuntimeError("no bus, token=abcdefgh")

    monkeypatch.setattr(Keys, "check", broken)
    check = found(data, "Key storage")
    assert not check.ok and "no bus" in check.text and "abcdefgh" not in check.text


def test_a_recorded_crash_is_pointed_to(data: DataDir) -> None:
    data.create()
    assert found(data, "Crashes").text == "none recorded"
    (data.logs / "crash.log").write_text("Fatal Python error" + os.linesep)
    assert "crash.log" in found(data, "Crashes").text
