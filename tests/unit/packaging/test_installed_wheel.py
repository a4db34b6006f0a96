"""A wheel made again from an installed package: the build need not compile what is there."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from installers.installed_wheel import wheel_from_installed
from installers.project import BuildError

WHEEL = "Wheel-Version: 1.0\nTag: py3-none-linux_x86_64\n"


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder of packages with native-thing 1.2, as an installer left it."""
    folder = tmp_path / "site-packages"
    files = {
        "native_thing/__init__.py": "",
        "native_thing/lib/libthing.so.1": "binary",
        "native_thing/__pycache__/x.pyc": "compiled",
        "lib/libthing.so.1": "a second copy",
        "include/thing.h": "",
        "native_thing-1.2.dist-info/METADATA": "Name: native-thing\nVersion: 1.2\n",
        "native_thing-1.2.dist-info/WHEEL": WHEEL,
        "native_thing-1.2.dist-info/INSTALLER": "uv",
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    record = folder / "native_thing-1.2.dist-info" / "RECORD"
    record.write_text("".join(f"{name},,\n" for name in files))
    return folder


def made(folder: Path, installed: Path, version: str = "1.2") -> Path | None:
    return wheel_from_installed("native-thing", folder, version, str(installed))


def test_it_has_what_is_imported_and_the_record(installed: Path, tmp_path: Path) -> None:
    wheel = made(tmp_path, installed)
    assert wheel is not None and wheel.name == "native_thing-1.2-py3-none-linux_x86_64.whl"
    with zipfile.ZipFile(wheel) as archive:
        assert sorted(archive.namelist()) == [
            "native_thing-1.2.dist-info/METADATA",
            "native_thing-1.2.dist-info/RECORD",
            "native_thing-1.2.dist-info/WHEEL",
            "native_thing/__init__.py",
            "native_thing/lib/libthing.so.1",
        ]
        assert archive.read("native_thing/lib/libthing.so.1") == b"binary"
        record = archive.read("native_thing-1.2.dist-info/RECORD").decode()
    assert "native_thing/lib/libthing.so.1,sha256=" in record


def test_the_same_installation_gives_the_same_bytes(installed: Path, tmp_path: Path) -> None:
    one, other = made(tmp_path / "one", installed), made(tmp_path / "other", installed)
    assert one is not None and other is not None and one.read_bytes() == other.read_bytes()


def test_another_version_or_none_gives_no_wheel(installed: Path, tmp_path: Path) -> None:
    assert made(tmp_path, installed, "1.3") is None
    assert made(tmp_path, tmp_path / "empty") is None


def test_a_record_without_a_wheel_file_is_refused(installed: Path, tmp_path: Path) -> None:
    record = installed / "native_thing-1.2.dist-info" / "RECORD"
    record.write_text("native_thing/__init__.py,,\n")
    with pytest.raises(BuildError, match="make setup"):
        made(tmp_path, installed)
