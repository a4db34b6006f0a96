"""What is packed is not trusted: containers made to break out, and thousands of mutated ones."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from installers import appimage_runtime

WRONG_DATA = 65
ROUNDS = int(os.environ.get("FUZZ_ROUNDS", "3000"))
# Nothing compressed, so that a change reaches the reader and not only zstd.
PLAIN = ("-noI", "-noD", "-noF")


def container(tree: Path, file: Path, *options: str) -> bytes:
    """A folder packed as somebody could pack it who means harm."""
    subprocess.run(
        ["mksquashfs", str(tree), str(file), "-comp", "zstd", "-noappend", "-quiet",
         "-no-progress", "-no-xattrs", *options],
        check=True,
    )  # fmt: skip
    return file.read_bytes()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    folder.mkdir()
    (folder / "AppRun").write_text("#!/bin/sh\n")
    (folder / "AppRun").chmod(0o755)
    return folder


Attempt = Callable[..., None]


@pytest.fixture
def refused(
    build: Callable[..., Path], checked_runtime: Path, tmp_path: Path, person: Any
) -> Attempt:
    """Start an AppImage with this container, whose hash is right, and see it refused whole."""

    def attempt(payload: bytes, reason: str) -> None:
        file = build(checked_runtime, payload, tmp_path / "hostile.AppImage", unpacked=1 << 20)
        before = everything(tmp_path)
        for arguments in ((), ("--appimage-extract",)):
            done = person.start(file, *arguments)
            assert done.returncode == WRONG_DATA, done.stderr
            assert reason in done.stderr
        assert everything(tmp_path) - before <= {".cache", "standin-appimage"}

    return attempt


def everything(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*")}


class TestBreakingOut:
    @pytest.mark.parametrize(
        "target",
        ("/etc/passwd", "..", "../x", "a/../../x", "x/..", "./x", "x//y", "x/", "sub/../.."),
    )
    def test_links_that_lead_out(
        self, refused: Attempt, tree: Path, tmp_path: Path, target: str
    ) -> None:
        (tree / "link").symlink_to(target)
        refused(container(tree, tmp_path / "c"), "a link that leads out of it")

    def test_links_from_a_folder_further_out_than_it_is_deep(
        self, refused: Attempt, tree: Path, tmp_path: Path
    ) -> None:
        (tree / "one/two").mkdir(parents=True)
        (tree / "one/two/link").symlink_to("../../../x")
        refused(container(tree, tmp_path / "c"), "a link that leads out of it")

    @pytest.mark.parametrize(
        "pseudo",
        (
            "dev c 666 root root 1 3",
            "dev b 666 root root 8 0",
            "pipe i 644 root root f",
            "socket i 644 root root s",
        ),
    )
    def test_devices_pipes_and_sockets(
        self, refused: Attempt, tree: Path, tmp_path: Path, pseudo: str
    ) -> None:
        data = container(tree, tmp_path / "c", "-p", pseudo)
        refused(data, "something that is no file, folder or link")

    @pytest.mark.parametrize("mode", (0o4755, 0o2755, 0o1755))
    def test_special_rights(self, refused: Attempt, tree: Path, tmp_path: Path, mode: int) -> None:
        (tree / "tool").write_text("x")
        (tree / "tool").chmod(mode)
        refused(container(tree, tmp_path / "c"), "a file with special rights")

    @pytest.mark.parametrize("name", (b"../evil", b"/abs/evi", b"a/b/c/de", b"evil\0abc"))
    def test_names_that_are_paths(
        self, refused: Attempt, tree: Path, tmp_path: Path, name: bytes
    ) -> None:
        (tree / "harmless"[: len(name)]).write_text("x")
        data = container(tree, tmp_path / "c", *PLAIN)
        assert data.count(b"harmless"[: len(name)]) == 1
        refused(data.replace(b"harmless"[: len(name)], name), "a name that leads out of it")

    @pytest.mark.parametrize("name", (b".", b".."))
    def test_the_names_of_folders_themselves(
        self, refused: Attempt, tree: Path, tmp_path: Path, name: bytes
    ) -> None:
        stand_in = b"\x01" * len(name)
        (tree / stand_in.decode()).mkdir()
        data = container(tree, tmp_path / "c", *PLAIN)
        # An entry: its inode's offset, number and kind, its name's length less one, its name.
        entry = (1).to_bytes(2, "little") + (len(name) - 1).to_bytes(2, "little")
        assert data.count(entry + stand_in) == 1
        refused(data.replace(entry + stand_in, entry + name), "a name that leads out of it")

    def test_a_file_written_through_a_link_of_the_same_name(
        self, refused: Attempt, tree: Path, tmp_path: Path
    ) -> None:
        (tree / "aaaa").symlink_to("AppRun")
        (tree / "bbbb").write_text("x")
        data = container(tree, tmp_path / "c", *PLAIN)
        assert data.count(b"bbbb") == 1
        file = data.replace(b"bbbb", b"aaaa")
        with pytest.raises(AssertionError, match="File exists"):
            refused(file, "")

    def test_folders_too_deep(self, refused: Attempt, tree: Path, tmp_path: Path) -> None:
        (tree / "/".join(["d"] * 100)).mkdir(parents=True)
        refused(container(tree, tmp_path / "c"), "folders too deep")

    def test_more_than_it_says(self, refused: Attempt, tree: Path, tmp_path: Path) -> None:
        (tree / "zeros").write_bytes(bytes(1 << 24))
        refused(container(tree, tmp_path / "c"), "more in it than it says")


class TestMutations:
    @pytest.mark.parametrize("options", (PLAIN, ("-b", "4096"), (*PLAIN, "-no-fragments")))
    @pytest.mark.timeout(600)
    def test_thousands_of_mutated_containers_neither_crash_nor_write_elsewhere(
        self, fuzzer: Path, tree: Path, tmp_path: Path, options: tuple[str, ...]
    ) -> None:
        fill(tree)
        container(tree, tmp_path / "seed", *options)
        place = tmp_path / "place"
        place.mkdir()
        before = everything(tmp_path)
        done = subprocess.run(
            [str(fuzzer), str(tmp_path / "seed"), str(place), str(ROUNDS), "20"],
            capture_output=True, text=True, check=False, cwd=place,
            
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        unpacked, refused = (int(word) for word in done.stdout.split() if word.isdigit())
        assert unpacked + refused == ROUNDS
        assert unpacked > 0 < refused
        assert everything(tmp_path) == before

    @pytest.mark.timeout(600)
    def test_mutated_files_are_told_apart_from_whole_ones(
        self, build: Callable[..., Path], checked_runtime: Path, application: Path, person: Any,
        tmp_path: Path,
    ) -> None:  # fmt: skip
        """The whole program, with its record and hash: no mutation behind the program gets by."""
        file = build(checked_runtime, application, tmp_path / "file")
        whole = file.read_bytes()
        end = appimage_runtime.elf_end(whole)
        draw = random.Random(4)
        for _ in range(100):
            data = bytearray(whole)
            for _ in range(draw.randint(1, 4)):
                data[draw.randrange(end, len(data))] ^= draw.randint(1, 255)
            if draw.random() < 0.2:
                del data[draw.randrange(end, len(data)) :]
            file.write_bytes(data)
            done = person.start(file)
            assert done.returncode == WRONG_DATA, done.stderr
            assert done.stderr.startswith("Standin: The file is ")
            assert person.unpacked() == []

    @pytest.mark.timeout(600)
    def test_mutated_records_are_refused_or_harmless(
        self, build: Callable[..., Path], checked_runtime: Path, application: Path, person: Any,
        tmp_path: Path,
    ) -> None:  # fmt: skip
        file = build(checked_runtime, application, tmp_path / "file")
        whole = file.read_bytes()
        place = appimage_runtime.section(whole, appimage_runtime.RECORD_SECTION)
        draw = random.Random(5)
        for _ in range(100):
            data = bytearray(whole)
            for _ in range(draw.randint(1, 3)):
                at = place.offset + draw.randrange(place.size)
                data[at] = draw.choice((0, 1, 0x2F, 0x7F, 0x80, 0xFF, draw.randrange(256)))
            file.write_bytes(data)
            done = person.start(file)
            assert done.returncode in (0, WRONG_DATA, 74), done.stderr
            below = {path.name for path in (person.home / ".cache").glob("*")}
            assert all(name.endswith("-appimage") for name in below)
        assert {path.name for path in person.home.iterdir()} <= {".cache"}


def fill(tree: Path) -> None:
    """Folders, links and files of every way in which the container holds them, all small."""
    (tree / "one/two/three").mkdir(parents=True)
    (tree / "one/two/link").symlink_to("../two/three/file")
    (tree / "run").symlink_to("AppRun")
    for index in range(12):
        (tree / f"one/two/three/file {index}").write_bytes(bytes([index]) * (index * 700))
    (tree / "holes").write_bytes(bytes(300_000) + b"end")
    (tree / "blocks").write_bytes(random.Random(1).randbytes(5 * 4096 + 3))
