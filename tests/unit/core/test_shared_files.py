"""Small files that several processes change, and what a slow disk makes of that."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from chatdesk import files
from chatdesk.errors import SettingsError
from chatdesk.files import file_lock, replace_file, replace_quickly
from chatdesk.settings import SettingsFile

Wait = Callable[[float, Callable[[], object]], None]


@pytest.fixture
def after(monkeypatch: pytest.MonkeyPatch) -> Wait:
    """after(seconds, what): what happens once who waits for a lock has waited so long.

    The seconds are those of a clock that only waiting moves.
    """
    now = 0.0
    coming: list[tuple[float, Callable[[], object]]] = []

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds
        while coming and coming[0][0] <= now:
            coming.pop(0)[1]()

    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setattr(time, "sleep", sleep)
    return lambda seconds, what: coming.append((seconds, what))


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The descriptors whose disk was waited for."""
    seen: list[int] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        seen.append(descriptor)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    return seen


def test_a_holder_whose_disk_is_slow_is_waited_for(tmp_path: Path, after: Wait) -> None:
    holder = ExitStack()
    holder.enter_context(file_lock(tmp_path / "lock"))
    after(5.0, holder.close)
    with file_lock(tmp_path / "lock"):
        pass


def test_settings_are_saved_after_a_writer_whose_disk_is_slow(tmp_path: Path, after: Wait) -> None:
    settings = SettingsFile(tmp_path / "settings.json")
    holder = ExitStack()
    holder.enter_context(file_lock(tmp_path / ".settings.json.lock"))
    after(5.0, holder.close)
    settings.set("sampling.top_k", 5)
    assert SettingsFile(tmp_path / "settings.json").get("sampling.top_k") == 5


def test_a_holder_that_never_lets_go_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "PATIENCE", 0.0)
    settings = SettingsFile(tmp_path / "settings.json")
    with (
        file_lock(tmp_path / ".settings.json.lock"),
        pytest.raises(SettingsError, match="another Chatdesk") as caught,
    ):
        settings.set("sampling.top_k", 5)
    assert caught.value.retryable


def test_the_disk_is_waited_for_before_a_file_takes_its_name(
    tmp_path: Path, synced: list[int]
) -> None:
    replace_file(tmp_path / "kept.json", b"{}")
    assert len(synced) == (2 if os.name == "posix" else 1)  # the file, and its new name
    assert (tmp_path / "kept.json").read_bytes() == b"{}"


def test_it_is_not_waited_for_where_a_file_can_be_made_again(
    tmp_path: Path, synced: list[int]
) -> None:
    replace_quickly(tmp_path / "cache.json", b"{}")
    assert synced == []
    assert (tmp_path / "cache.json").read_bytes() == b"{}"
    assert [found.name for found in tmp_path.iterdir()] == ["cache.json"]
