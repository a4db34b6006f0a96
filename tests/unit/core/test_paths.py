"""The data directory: how it is chosen and how it is made."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from chatdesk.errors import StoreError
from chatdesk.paths import DataDir, data_dir, development_models, resource


def test_the_option_wins_over_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHATDESK_DATA_DIR", str(tmp_path / "environment"))
    assert data_dir(tmp_path / "option").root == tmp_path / "option"
    assert data_dir(str(tmp_path / "option")).root == tmp_path / "option"
    assert data_dir().root == tmp_path / "environment"


def test_an_empty_environment_variable_counts_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATDESK_DATA_DIR", "")
    assert data_dir().root.name == "Chatdesk"


def test_a_relative_path_becomes_absolute_and_a_tilde_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert data_dir("here").root == tmp_path / "here"
    assert data_dir("~/chats").root == tmp_path / "home" / "chats"
    assert data_dir("~no-such-user/chats").root == tmp_path / "~no-such-user" / "chats"


def test_everything_lies_below_the_root() -> None:
    data = DataDir(Path("/data"))
    assert data.database == Path("/data/chats.db")
    assert data.settings == Path("/data/settings.json")
    assert {data.models, data.logs, data.run, data.backups} == {
        Path("/data") / name for name in ("models", "logs", "run", "backups")
    }


@pytest.mark.skipif(os.name != "posix", reason="modes are a POSIX thing")
def test_the_directory_is_made_for_its_owner_only(tmp_path: Path) -> None:
    data = DataDir(tmp_path / "a" / "b").create()
    for folder in (data.root, data.models, data.logs, data.run, data.backups):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.skipif(os.name != "posix", reason="modes are a POSIX thing")
def test_a_directory_that_exists_keeps_its_mode(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o755)
    DataDir(shared).create()
    assert stat.S_IMODE(shared.stat().st_mode) == 0o755


def test_a_file_in_its_place_is_a_worded_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError) as caught:
        DataDir(tmp_path / "file").create()
    assert str(tmp_path / "file") in caught.value.what
    assert "--data-dir" in caught.value.advice
    with pytest.raises(StoreError):
        DataDir(tmp_path / "file" / "below").create()


@pytest.mark.skipif(os.name != "posix" or os.getuid() == 0, reason="root may write anywhere")
def test_a_directory_that_cannot_be_written_to_is_a_worded_error(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    with pytest.raises(StoreError):
        DataDir(closed / "data").create()


def test_resources_are_found_in_a_checkout_and_in_a_packaged_application(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert resource("icons").parts[-2:] == ("resources", "icons")
    assert resource("icons").parent.parent == Path(__file__).resolve().parents[3]
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    assert resource("icons") == tmp_path / "resources" / "icons"
    assert development_models() is None


def test_a_checkout_has_a_models_folder() -> None:
    folder = development_models()
    assert folder is not None and folder.name == "models"
