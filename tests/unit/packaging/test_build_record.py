"""Only what is missing or older than its sources is built again."""

from __future__ import annotations

from pathlib import Path

import pytest
from installers.record import Record, sources_key


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "one.py").write_text("1")
    (tmp_path / "settings.toml").write_text("a = 1")
    return tmp_path


def key(sources: Path) -> str:
    return sources_key(("code", "settings.toml"), sources)


def test_the_key_changes_with_a_file_its_name_and_a_new_one(sources: Path) -> None:
    keys = {key(sources)}
    (sources / "code" / "one.py").write_text("2")
    keys.add(key(sources))
    (sources / "code" / "one.py").rename(sources / "code" / "two.py")
    keys.add(key(sources))
    (sources / "code" / "three.py").write_text("")
    keys.add(key(sources))
    assert len(keys) == 4


def test_the_key_stays_when_python_only_ran(sources: Path) -> None:
    before = key(sources)
    (sources / "code" / "__pycache__").mkdir()
    (sources / "code" / "__pycache__" / "one.pyc").write_bytes(b"x")
    assert key(sources) == before


def test_what_was_built_is_current_until_its_sources_change(tmp_path: Path) -> None:
    result = tmp_path / "result.deb"
    result.write_bytes(b"whole")
    file = tmp_path / "made.json"
    assert not Record(file, "a").is_current("deb")
    Record(file, "a").note("deb", [result])
    assert Record(file, "a").is_current("deb")
    assert not Record(file, "b").is_current("deb")
    assert not Record(file, "a").is_current("rpm")


def test_what_was_deleted_cut_or_interrupted_is_built_again(tmp_path: Path) -> None:
    result = tmp_path / "result.deb"
    record = Record(tmp_path / "made.json", "a")
    result.write_bytes(b"whole")
    record.note("deb", [result])
    result.write_bytes(b"cut")
    assert not record.is_current("deb")
    result.unlink()
    assert not record.is_current("deb")
    result.write_bytes(b"whole")
    record.forget("deb")
    assert not record.is_current("deb")


def test_a_damaged_record_counts_as_none(tmp_path: Path) -> None:
    file = tmp_path / "made.json"
    file.write_text("{")
    assert not Record(file, "a").is_current("deb")
