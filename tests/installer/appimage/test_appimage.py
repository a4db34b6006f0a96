"""The AppImage that people download, with the real application and model in it.

What the runtime does with hostile folders and damaged files is proved with a small application in
test_appimage_runtime.py; here is what only the whole file can show.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from installers import appimage as maker
from installers import appimage_runtime
from installers.project import read_project

pytestmark = pytest.mark.timeout(600)

PROJECT = read_project()
QUESTION = "What is the capital of France?"


@pytest.fixture(scope="module")
def kept_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the application is unpacked once for all tests here."""
    home = tmp_path_factory.mktemp("kept") / "home of Ännchen"
    home.mkdir(mode=0o700)
    return home


@pytest.fixture
def start(appimage: Path, kept_home: Path) -> Callable[..., Any]:
    """Start the AppImage with nothing but a home in its environment, without a network."""

    def run(*arguments: str, home: Path = kept_home, file: Path = appimage) -> Any:
        return subprocess.run(
            [*offline(), str(file), *arguments],
            env={"HOME": str(home)}, cwd=home, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, check=False, timeout=300,
        )  # fmt: skip

    return run


def offline() -> list[str]:
    """What to put before a command so that it has no network; skips where that is not allowed."""
    way = ["/usr/bin/unshare", "--map-root-user", "--net"]
    if subprocess.run([*way, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("a network of one's own is not allowed here")
    return way


@pytest.fixture(scope="module")
def root(appimage: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is in it, taken out by its own option."""
    place = tmp_path_factory.mktemp("extracted")
    subprocess.run([str(appimage), "--appimage-extract"], cwd=place, check=True)
    return place / "squashfs-root"


def unpacked(home: Path) -> list[Path]:
    return sorted((home / ".cache" / f"{PROJECT.name}-appimage").iterdir())


class TestFile:
    def test_is_named_as_people_expect_and_can_be_started(self, appimage: Path) -> None:
        assert appimage.name.startswith(f"{PROJECT.title}-{PROJECT.version}-")
        assert os.access(appimage, os.X_OK)

    def test_is_one_static_program_with_a_container_at_its_end(self, appimage: Path) -> None:
        data = appimage.read_bytes()
        assert data[8:11] == appimage_runtime.MAGIC
        assert data[appimage_runtime.elf_end(data) :][:4] == b"hsqs"
        headers = subprocess.run(
            ["readelf", "--program-headers", "--dynamic", "--wide", str(appimage)],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        assert "INTERP" not in headers and "NEEDED" not in headers

    def test_the_record_in_it_tells_what_is_unpacked(self, appimage: Path, root: Path) -> None:
        data = appimage.read_bytes()
        place = appimage_runtime.section(data, appimage_runtime.RECORD_SECTION)
        told = appimage_runtime.RECORD.unpack_from(data, place.offset)
        assert told[1] + told[2] == len(data)
        assert told[3] == maker.unpacked_size(root)

    def test_a_container_is_the_same_bytes_every_time(self, tmp_path: Path) -> None:
        made = []
        for names in (("b", "a", "c"), ("c", "b", "a")):
            tree = tmp_path / f"tree {names[0]}"
            tree.mkdir()
            for name in names:
                (tree / name).write_text(name * 5000)
                (tree / name).chmod(0o644)
            made.append(maker.pack(tree, tmp_path / names[0]).read_bytes())
        assert made[0] == made[1]


class TestContents:
    def test_is_laid_out_as_desktops_expect(self, root: Path) -> None:
        (entry,) = root.glob("*.desktop")
        lines = entry.read_text(encoding="utf-8").splitlines()
        (icon,) = [line.partition("=")[2] for line in lines if line.startswith("Icon=")]
        assert (root / f"{icon}.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
        assert (root / ".DirIcon").read_bytes() == (root / f"{icon}.png").read_bytes()
        assert os.access(root / "AppRun", os.X_OK)
        assert list((root / "usr/share/metainfo").glob("*.xml"))

    def test_the_menus_entry_is_valid(self, root: Path) -> None:
        (entry,) = root.glob("*.desktop")
        done = subprocess.run(
            ["desktop-file-validate", str(entry)], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout) == (0, "")

    def test_carries_the_licences_of_its_runtime(self, root: Path) -> None:
        folder = root / f"usr/share/doc/{PROJECT.name}/appimage-runtime"
        assert {path.name for path in folder.iterdir()} == {"NOTICE.txt", "LGPL-2.1.txt"}

    def test_has_plain_rights(self, root: Path) -> None:
        for path in root.rglob("*"):
            mode = path.lstat().st_mode
            if not path.is_symlink():
                assert stat.S_IMODE(mode) in (0o644, 0o755), path

    def test_runs_where_it_was_taken_out(self, root: Path, tmp_path: Path) -> None:
        done = subprocess.run(
            [str(root / "AppRun"), "--version"], env={"HOME": str(tmp_path)},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.stdout == f"{PROJECT.name} {PROJECT.version}\n"


class TestStart:
    def test_says_its_version_at_the_first_start_and_the_second(
        self, start: Callable[..., Any], kept_home: Path
    ) -> None:
        for _ in range(2):
            done = start("--version")
            assert (done.returncode, done.stderr) == (0, "")
            assert done.stdout == f"{PROJECT.name} {PROJECT.version}\n"
        assert len(unpacked(kept_home)) == 1

    def test_the_second_start_writes_nothing(
        self, start: Callable[..., Any], kept_home: Path
    ) -> None:
        start("--version")
        before = times(kept_home)
        start("--version")
        assert times(kept_home) == before

    def test_the_doctor_finds_it_well(self, start: Callable[..., Any]) -> None:
        done = start("doctor")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "the model answers" in done.stdout

    def test_the_bundled_model_answers(self, start: Callable[..., Any]) -> None:
        done = start("ask", "--max-tokens", "20", QUESTION)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip()

    def test_a_wrong_command_gives_the_applications_own_exit_code(
        self, start: Callable[..., Any]
    ) -> None:
        assert start("ask", "--no-such-option").returncode == 2

    def test_two_first_starts_at_once_both_answer(self, appimage: Path, tmp_path: Path) -> None:
        together = [
            subprocess.Popen(
                [str(appimage), "--version"], env={"HOME": str(tmp_path)}, text=True,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )
            for _ in range(2)
        ]  # fmt: skip
        for process in together:
            output, error = process.communicate(timeout=300)
            assert (output, error) == (f"{PROJECT.name} {PROJECT.version}\n", "")
        assert len(unpacked(tmp_path)) == 1

    def test_a_truncated_download_says_so(
        self, appimage: Path, start: Callable[..., Any], tmp_path: Path
    ) -> None:
        file = tmp_path / appimage.name
        shutil.copy2(appimage, file)
        os.truncate(file, file.stat().st_size // 2)
        done = start("--version", file=file)
        assert done.returncode == 65
        assert done.stderr.startswith(f"{PROJECT.title}: The file is not complete")

    def test_an_altered_file_is_not_unpacked(
        self, appimage: Path, start: Callable[..., Any], tmp_path: Path
    ) -> None:
        file = tmp_path / appimage.name
        shutil.copy2(appimage, file)
        with file.open("r+b") as changed:
            changed.seek(file.stat().st_size // 2)
            byte = changed.read(1)
            changed.seek(-1, os.SEEK_CUR)
            changed.write(bytes([byte[0] ^ 0x10]))
        done = start("--version", file=file, home=tmp_path)
        assert done.returncode == 65
        assert done.stderr.startswith(f"{PROJECT.title}: The file is damaged")
        assert unpacked(tmp_path) == []

    def test_another_persons_cache_is_refused(
        self, start: Callable[..., Any], tmp_path: Path
    ) -> None:
        folder = tmp_path / ".cache" / f"{PROJECT.name}-appimage"
        folder.mkdir(parents=True, mode=0o700)
        folder.chmod(0o777)
        done = start("--version", home=tmp_path)
        assert done.returncode == 77
        assert "Others may write to the folder" in done.stderr


def times(home: Path) -> dict[str, int]:
    """When each of the unpacked files was written."""
    return {str(path): path.lstat().st_mtime_ns for path in (home / ".cache").rglob("*")}
