"""Scopes: each data directory has keys of its own, wherever it is moved, and a copy has none."""

from __future__ import annotations

import json
import os
import shutil
import stat
import threading
from pathlib import Path

import pytest

from chatdesk.credentials.scope import FILE_NAME, Record, Scope
from chatdesk.errors import StoreError
from chatdesk.paths import DataDir

ACCOUNT = "mistral https://api.mistral.ai"


def scope(folder: Path) -> Scope:
    return Scope(DataDir(folder))


def kept(folder: Path) -> Record:
    record = scope(folder).current()
    assert record is not None
    return record


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    scope(tmp_path / "data").add(ACCOUNT)
    return tmp_path / "data"


def test_a_directory_that_kept_no_key_has_no_scope_and_nothing_is_written(tmp_path: Path) -> None:
    assert scope(tmp_path / "data").current() is None
    scope(tmp_path / "data").drop(ACCOUNT)
    assert not (tmp_path / "data").exists()


def test_a_scope_lasts_and_two_directories_have_two(folder: Path, tmp_path: Path) -> None:
    assert kept(folder).id == kept(folder).id
    assert scope(tmp_path / "other").add(ACCOUNT).id != kept(folder).id


def test_whose_keys_there_are_is_remembered(folder: Path) -> None:
    scope(folder).add("other")
    assert kept(folder).accounts == {ACCOUNT, "other"}
    scope(folder).drop(ACCOUNT)
    assert kept(folder).accounts == {"other"}


@pytest.mark.skipif(os.name != "posix", reason="modes are a POSIX thing")
def test_the_file_is_for_its_owner_only_and_replaced_in_one_step(folder: Path) -> None:
    assert stat.S_IMODE((folder / FILE_NAME).stat().st_mode) == 0o600
    before = (folder / FILE_NAME).stat().st_ino
    scope(folder).add("other")
    assert (folder / FILE_NAME).stat().st_ino != before
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_a_directory_that_was_moved_keeps_its_keys(folder: Path, tmp_path: Path) -> None:
    before = kept(folder)
    folder.rename(tmp_path / "moved")
    after = kept(tmp_path / "moved")
    assert (after.id, after.accounts) == (before.id, before.accounts)
    assert after.path == str((tmp_path / "moved").resolve())


def test_a_copy_gets_a_scope_of_its_own_and_the_original_keeps_it(
    folder: Path, tmp_path: Path
) -> None:
    before = kept(folder)
    shutil.copytree(folder, tmp_path / "copy")
    copied = kept(tmp_path / "copy")
    assert copied.id != before.id and not copied.accounts
    assert kept(tmp_path / "copy").id == copied.id and kept(folder) == before


def test_a_copy_stays_apart_when_the_original_goes_or_comes_back(
    folder: Path, tmp_path: Path
) -> None:
    before = kept(folder)
    shutil.copytree(folder, tmp_path / "copy")
    copied = kept(tmp_path / "copy")
    shutil.rmtree(folder)
    assert kept(tmp_path / "copy").id == copied.id != before.id


def test_a_new_directory_at_the_old_place_does_not_make_a_moved_one_a_copy(
    folder: Path, tmp_path: Path
) -> None:
    before = kept(folder)
    folder.rename(tmp_path / "moved")
    scope(folder).add(ACCOUNT)
    assert kept(tmp_path / "moved").id == before.id != kept(folder).id


@pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")
def test_another_name_of_the_same_directory_is_no_copy(folder: Path, tmp_path: Path) -> None:
    before = kept(folder)
    (tmp_path / "link").symlink_to(folder)
    assert kept(tmp_path / "link").id == before.id


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"id": "x", "path": "/a", "accounts": []}',
        b'{"id": "../../../../ab", "path": "/a", "accounts": []}',
        b'{"id": 7, "path": "/a", "accounts": []}',
        b'{"id": "0123456789abcdef", "path": "/a", "accounts": 1}',
        b'{"id": "0123456789abcdef", "path": "/a\\u0000b", "accounts": 1}',
    ],
)
def test_a_file_of_garbage_is_no_scope_and_is_replaced(folder: Path, content: bytes) -> None:
    (folder / FILE_NAME).write_bytes(content)
    assert scope(folder).current() is None
    made = scope(folder).add(ACCOUNT)
    assert kept(folder) == made and made.accounts == {ACCOUNT}


def test_a_path_that_no_system_has_was_moved_from(folder: Path) -> None:
    content = {**json.loads((folder / FILE_NAME).read_text()), "path": "/a\0b"}
    (folder / FILE_NAME).write_text(json.dumps(content))
    assert kept(folder).id == content["id"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="rights do not bind here")
def test_an_original_that_cannot_be_looked_into_makes_a_copy(folder: Path, tmp_path: Path) -> None:
    before = kept(folder)
    shutil.copytree(folder, tmp_path / "copy")
    folder.chmod(0)
    try:
        assert kept(tmp_path / "copy").id != before.id
    finally:
        folder.chmod(0o700)


def test_threads_lose_no_account(tmp_path: Path) -> None:
    names = [f"provider-{number}" for number in range(12)]
    ready = threading.Barrier(len(names))
    shared = scope(tmp_path / "data")

    def add(name: str, own: Scope) -> None:
        ready.wait()
        own.add(name)

    threads = [
        threading.Thread(
            target=add, args=(name, shared if number % 2 else scope(tmp_path / "data"))
        )
        for number, name in enumerate(names)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert kept(tmp_path / "data").accounts == set(names)


def test_a_directory_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError):
        scope(tmp_path / "file").add(ACCOUNT)
