"""The AppImage's runtime with a small application behind it: what it promises to every start."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from installers import appimage_runtime

# The runtime's exit codes (trouble.h).
WRONG_USAGE, WRONG_DATA, NO_PLACE, NO_INPUT_OUTPUT, NO_PERMISSION = 64, 65, 73, 74, 77

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to others")


def content_of(file: Path) -> str:
    """The SHA-256 of what an AppImage carries."""
    data = file.read_bytes()
    return hashlib.sha256(data[appimage_runtime.elf_end(data) :]).hexdigest()


class TestProgram:
    def test_needs_nothing_of_the_system(self, runtime: Path) -> None:
        headers = subprocess.run(
            ["readelf", "--program-headers", "--dynamic", "--wide", str(runtime)],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        assert "INTERP" not in headers
        assert "NEEDED" not in headers
        assert "DYN (Position-Independent Executable file)" in headers
        assert "GNU_RELRO" in headers
        (stack,) = [line for line in headers.splitlines() if "GNU_STACK" in line]
        assert " RW " in stack

    def test_is_an_appimage_of_type_2_without_update_information(self, file: Path) -> None:
        data = file.read_bytes()
        assert data[:4] == b"\x7fELF"
        assert data[8:11] == b"AI\x02"
        place = appimage_runtime.section(data, ".upd_info")
        assert data[place.offset : place.offset + place.size] == bytes(1024)

    def test_is_the_same_bytes_every_time(self, runtime: Path, tmp_path: Path) -> None:
        again = appimage_runtime.compile_runtime(tmp_path / "another name")
        assert again.read_bytes() == runtime.read_bytes()

    def test_says_where_the_container_begins(self, file: Path, person: Any) -> None:
        offset = person.start(file, "--appimage-offset").stdout.strip()
        assert file.read_bytes()[int(offset) :][:4] == b"hsqs"
        listed = subprocess.run(
            ["unsquashfs", "-o", offset, "-l", str(file)], capture_output=True, check=True
        )
        assert b"squashfs-root/usr/lib/app" in listed.stdout

    def test_tells_of_itself(self, file: Path, person: Any) -> None:
        assert person.start(file, "--appimage-version").stdout == "Standin 1.0\n"
        told = person.start(file, "--appimage-help")
        assert (told.returncode, told.stderr) == (0, "")
        for option in ("extract", "extract-and-run", "offset", "version", "clean"):
            assert f"--appimage-{option}" in told.stdout
        for asked in ("--appimage-updateinformation", "--appimage-signature"):
            assert person.start(file, asked).stdout == ""
        assert person.unpacked() == []

    def test_refuses_what_it_does_not_know(self, file: Path, person: Any) -> None:
        done = person.start(file, "--appimage-mount")
        assert done.returncode == WRONG_USAGE
        assert "--appimage-help" in done.stderr

    def test_one_without_an_application_says_so(self, runtime: Path, person: Any) -> None:
        done = person.start(runtime)
        assert done.returncode == WRONG_DATA
        assert "carries no application" in done.stderr

    @as_root
    def test_works_where_there_is_nothing_else(self, file: Path, tmp_path: Path) -> None:
        root = tmp_path / "root"
        (root / "home").mkdir(parents=True)
        shutil.copy2(file, root / "file.AppImage")
        command = [shutil.which("chroot") or "chroot", str(root), "/file.AppImage", "word"]
        for _ in range(2):
            done = subprocess.run(
                command, env={"HOME": "/home"}, capture_output=True, text=True, check=False
            )
            assert (done.returncode, done.stderr) == (0, "")
            assert "APPIMAGE=/file.AppImage\n" in done.stdout
            assert "argument=word\n" in done.stdout


class TestStart:
    def test_tells_the_application_where_it_is(self, file: Path, person: Any) -> None:
        done = person.start(file, "two words", "--version", "")
        folder = person.cache / content_of(file)
        assert done.stdout.splitlines() == [
            f"APPIMAGE={file}",
            f"APPDIR={folder}",
            f"ARGV0={file}",
            f"OWD={person.home}",
            "argument=two words",
            "argument=--version",
            "argument=",
        ]

    def test_a_parents_variables_are_not_taken_over(self, file: Path, person: Any) -> None:
        other = {"APPIMAGE": "/other", "APPDIR": "/other", "OWD": "/other", "ARGV0": "other"}
        assert "other" not in person.start(file, environment=other).stdout

    def test_gives_the_applications_exit_code(self, file: Path, person: Any) -> None:
        assert person.start(file, "--exit", "42").returncode == 42

    def test_signals_reach_the_application(self, file: Path, person: Any) -> None:
        process = person.open(file, "--wait")
        assert process.stdout.readline().startswith("APPIMAGE=")
        process.send_signal(signal.SIGTERM)
        process.communicate()
        assert process.returncode == -signal.SIGTERM

    def test_unpacks_everything_as_it_was(self, file: Path, application: Path, person: Any) -> None:
        person.start(file)
        folder = person.cache / content_of(file)
        assert (
            subprocess.run(
                ["diff", "-r", "--no-dereference", str(application), str(folder)], check=False
            ).returncode
            == 0
        )
        assert os.access(folder / "usr/lib/app", os.X_OK)
        assert not os.access(folder / "usr/lib/small", os.X_OK)

    def test_unpacks_into_a_private_folder_and_nowhere_else(
        self, file: Path, person: Any, tmp_path: Path
    ) -> None:
        temporary = tmp_path / "temporary"
        temporary.mkdir()
        old = os.umask(0)
        try:
            person.start(file, environment={"TMPDIR": str(temporary)})
        finally:
            os.umask(old)
        assert person.unpacked() == [content_of(file)]
        assert [path.name for path in person.home.iterdir()] == [".cache"]
        assert list(temporary.iterdir()) == []
        for folder in (person.home / ".cache", person.cache, person.cache / content_of(file)):
            assert folder.stat().st_mode & 0o777 == 0o700

    def test_takes_what_is_unpacked_from_then_on(self, file: Path, person: Any) -> None:
        person.start(file)
        program = person.cache / content_of(file) / "usr/lib/app"
        before = program.stat()
        assert person.start(file).returncode == 0
        assert program.stat().st_ino == before.st_ino
        assert program.stat().st_mtime_ns == before.st_mtime_ns

    def test_works_below_names_with_spaces_and_letters(self, file: Path, tmp_path: Path) -> None:
        place = tmp_path / "Ordner mit Grüßen 漢字"
        place.mkdir()
        moved = shutil.copy2(file, place / "Über Chat.AppImage")
        done = subprocess.run(
            [moved], env={"HOME": str(place)}, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert f"APPIMAGE={moved}\n" in done.stdout

    def test_a_link_leads_to_the_file(self, file: Path, person: Any) -> None:
        link = person.home / "chat"
        link.symlink_to(os.path.relpath(file, person.home))
        told = person.start(link).stdout
        assert f"APPIMAGE={file}\n" in told
        assert f"ARGV0={link}\n" in told

    def test_runs_from_memory_without_a_name(self, file: Path, person: Any) -> None:
        script = (
            "import os, sys; memory = os.memfd_create('x', 0);"
            "os.write(memory, open(sys.argv[1], 'rb').read());"
            "os.execve(memory, ['name'], dict(os.environ))"
        )
        done = person.start(sys.executable, "-c", script, str(file))
        assert done.returncode == 0
        assert "APPIMAGE=(unset)\n" in done.stdout

    def test_runs_with_its_standard_streams_closed(self, file: Path, person: Any) -> None:
        done = person.start(file, by=("sh", "-c", 'exec "$0" "$@" <&- >&- 2>&-'))
        assert done.returncode == 0
        assert person.unpacked() == [content_of(file)]

    def test_extract_and_run_starts_it_as_always(self, file: Path, person: Any) -> None:
        done = person.start(file, "--appimage-extract-and-run", "word")
        assert f"ARGV0={file}\n" in done.stdout
        assert "argument=word\n" in done.stdout
        assert "extract-and-run" not in done.stdout

    def test_starts_at_once_are_one_unpacking(self, file: Path, person: Any) -> None:
        together = [person.open(file) for _ in range(8)]
        answers = [process.communicate() for process in together]
        assert [error for _, error in answers] == [""] * 8
        assert {process.returncode for process in together} == {0}
        assert person.unpacked() == [content_of(file)]

    @as_root
    def test_special_rights_are_refused(self, file: Path, tmp_path: Path) -> None:
        file.chmod(0o4755)
        place = Path("/usr/local/bin") / f"appimage-test-{os.getpid()}"
        shutil.copy2(file, place)  # the test's own folder is closed to others
        try:
            done = subprocess.run(
                [place], user=65534, group=65534, extra_groups=[], env={"HOME": "/"},
                capture_output=True, text=True, check=False,
            )  # fmt: skip
        finally:
            place.unlink()
        assert done.returncode == NO_PERMISSION
        assert "setuid" in done.stderr


class TestDamagedFiles:
    @pytest.mark.parametrize("kept", (0.02, 0.5, 0.999))
    def test_a_truncated_file_is_refused_and_says_so(
        self, file: Path, person: Any, kept: float
    ) -> None:
        data = file.read_bytes()
        offset = appimage_runtime.elf_end(data)
        file.write_bytes(data[: offset + int((len(data) - offset) * kept)])
        done = person.start(file)
        assert done.returncode == WRONG_DATA
        assert "not complete" in done.stderr
        assert f"of {len(data)} bytes" in done.stderr
        assert not person.cache.exists()

    def test_a_truncated_file_is_refused_also_when_it_is_unpacked(
        self, file: Path, person: Any
    ) -> None:
        person.start(file)
        os.truncate(file, file.stat().st_size - 1)
        assert person.start(file).returncode == WRONG_DATA

    def test_a_longer_file_is_refused(self, file: Path, person: Any) -> None:
        with file.open("ab") as end:
            end.write(b"x")
        done = person.start(file)
        assert done.returncode == WRONG_DATA
        assert "damaged" in done.stderr

    @pytest.mark.parametrize("place", (0.0, 0.3, 0.6, 0.95, 1.0))
    def test_an_altered_byte_is_found(self, file: Path, person: Any, place: float) -> None:
        data = bytearray(file.read_bytes())
        offset = appimage_runtime.elf_end(data)
        data[offset + int((len(data) - offset - 1) * place)] ^= 1
        file.write_bytes(data)
        for arguments in ((), ("--appimage-extract",)):
            done = person.start(file, *arguments)
            assert done.returncode == WRONG_DATA
            assert done.stderr.startswith("Standin: The file is damaged")
        assert person.unpacked() == []
        assert not (person.home / "squashfs-root").exists()

    @pytest.mark.parametrize("field", range(1, 5), ids=("offset", "length", "unpacked", "sha256"))
    def test_an_altered_record_is_found(self, file: Path, person: Any, field: int) -> None:
        data = bytearray(file.read_bytes())
        place = appimage_runtime.section(data, ".payload").offset
        words = list(appimage_runtime.RECORD.unpack_from(data, place))
        words[field] = bytes(32) if field == 4 else 7 if field == 3 else words[field] + 1
        appimage_runtime.RECORD.pack_into(data, place, *words)
        file.write_bytes(data)
        done = person.start(file)
        assert done.returncode == WRONG_DATA
        assert "Download it again" in done.stderr
        assert person.unpacked() == []

    def test_another_kind_of_container_is_refused(
        self, build: Callable[..., Path], runtime: Path, application: Path, person: Any,
        tmp_path: Path,
    ) -> None:  # fmt: skip
        for arguments in (["-comp", "gzip"], ["-comp", "xz"]):
            squashfs = tmp_path / "other.squashfs"
            subprocess.run(
                ["mksquashfs", str(application), str(squashfs), "-noappend", "-quiet",
                 "-no-progress", *arguments], check=True,
            )  # fmt: skip
            file = build(runtime, squashfs.read_bytes(), tmp_path / "other")
            done = person.start(file)
            assert done.returncode == WRONG_DATA
            assert "not of the kind" in done.stderr
            assert person.unpacked() == []


class TestHostileFolders:
    def test_a_link_in_place_of_the_private_folder(
        self, file: Path, person: Any, tmp_path: Path
    ) -> None:
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        person.cache.parent.mkdir()
        person.cache.symlink_to(elsewhere)
        done = person.start(file)
        assert done.returncode == NO_PERMISSION
        assert "is a link or a file" in done.stderr
        assert list(elsewhere.iterdir()) == []

    def test_a_file_in_place_of_the_private_folder(self, file: Path, person: Any) -> None:
        person.cache.parent.mkdir()
        person.cache.write_text("mine")
        assert person.start(file).returncode == NO_PERMISSION
        assert person.cache.read_text() == "mine"

    @pytest.mark.parametrize("mode", (0o770, 0o702, 0o1777))
    @pytest.mark.parametrize("which", ("private", "base"))
    def test_a_folder_that_others_may_write_to(
        self, file: Path, person: Any, which: str, mode: int
    ) -> None:
        person.cache.mkdir(parents=True)
        folder = person.cache if which == "private" else person.cache.parent
        folder.chmod(mode)
        done = person.start(file)
        assert done.returncode == NO_PERMISSION
        assert f"Others may write to the folder {folder}." in done.stderr
        assert person.unpacked() == []

    def test_so_is_one_that_became_open_after_the_first_start(
        self, file: Path, person: Any
    ) -> None:
        person.start(file)
        person.cache.chmod(0o777)
        assert person.start(file).returncode == NO_PERMISSION

    def test_one_that_others_can_only_read_is_closed(self, file: Path, person: Any) -> None:
        person.cache.mkdir(parents=True)
        person.cache.chmod(0o755)
        assert person.start(file).returncode == 0
        assert person.cache.stat().st_mode & 0o777 == 0o700

    @as_root
    @pytest.mark.parametrize("which", ("private", "base"))
    def test_a_folder_of_somebody_else(self, file: Path, person: Any, which: str) -> None:
        person.cache.mkdir(parents=True)
        folder = person.cache if which == "private" else person.cache.parent
        os.chown(folder, 65534, 65534)
        done = person.start(file)
        assert done.returncode == NO_PERMISSION
        assert "belongs to somebody else (user 65534)" in done.stderr
        assert person.unpacked() == []

    def test_a_link_in_place_of_the_unpacked_application(
        self, file: Path, person: Any, tmp_path: Path
    ) -> None:
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        (elsewhere / "AppRun").symlink_to("/bin/false")
        person.cache.mkdir(parents=True, mode=0o700)
        (person.cache / content_of(file)).symlink_to(elsewhere)
        assert person.start(file).returncode == 0
        assert not (person.cache / content_of(file)).is_symlink()
        assert [path.name for path in elsewhere.iterdir()] == ["AppRun"]

    def test_a_cache_that_lies_on_another_disk_is_taken(
        self, file: Path, person: Any, tmp_path: Path
    ) -> None:
        (tmp_path / "disk").mkdir(mode=0o700)
        person.cache.parent.symlink_to(tmp_path / "disk")
        assert person.start(file).returncode == 0


class TestPlaces:
    def test_xdg_cache_home_is_taken(self, file: Path, person: Any, tmp_path: Path) -> None:
        place = tmp_path / "new" / "cache"
        done = person.start(file, environment={"XDG_CACHE_HOME": str(place)})
        assert f"APPDIR={place}/standin-appimage/" in done.stdout
        assert list(person.home.iterdir()) == []

    def test_a_relative_one_is_ignored_as_its_standard_says(self, file: Path, person: Any) -> None:
        done = person.start(file, environment={"XDG_CACHE_HOME": "cache"})
        assert f"APPDIR={person.cache}/" in done.stdout

    @pytest.mark.parametrize("home", (None, "", "relative/home"))
    def test_without_a_home_it_says_what_to_do(
        self, file: Path, person: Any, home: str | None
    ) -> None:
        del person.environment["HOME"]
        done = person.start(file, environment={} if home is None else {"HOME": home})
        assert done.returncode == NO_PLACE
        assert "HOME is not" in done.stderr
        assert "XDG_CACHE_HOME" in done.stderr

    def test_a_home_in_which_nothing_can_be_made(self, file: Path, person: Any) -> None:
        done = person.start(file, environment={"HOME": "/proc"})
        assert done.returncode == NO_PLACE
        assert "The folder /proc/.cache cannot be made" in done.stderr

    def test_a_home_that_can_only_be_read(
        self, file: Path, person: Any, own_mounts: list[str]
    ) -> None:
        script = 'mount -t tmpfs -o ro,mode=0700 none "$HOME"; exec "$0"'
        done = person.start(file, by=(*own_mounts, script), cwd="/")
        assert done.returncode == NO_PLACE
        assert "Read-only file system" in done.stderr
        assert "XDG_CACHE_HOME" in done.stderr

    def test_a_home_from_which_nothing_may_be_run(
        self, file: Path, person: Any, own_mounts: list[str]
    ) -> None:
        script = 'mount -t tmpfs -o noexec,mode=0700 none "$HOME"; exec "$0"'
        done = person.start(file, by=(*own_mounts, script), cwd="/")
        assert done.returncode == 126
        assert "Programs may not be run" in done.stderr

    def test_a_full_disk_is_told_and_left_as_it_was(
        self, file: Path, person: Any, own_mounts: list[str]
    ) -> None:
        script = (
            'mount -t tmpfs -o size=200k,mode=0700 none "$HOME"; "$0" || code=$?;'
            ' find "$HOME"; exit $code'
        )
        done = person.start(file, by=(*own_mounts, script), cwd="/")
        assert done.returncode == NO_INPUT_OUTPUT
        assert "The disk is full: unpacking into" in done.stderr
        assert "needs 68 MB and 0 MB are free" in done.stderr
        assert [Path(line).name for line in done.stdout.splitlines()] == [
            "home",
            ".cache",
            "standin-appimage",
        ]

    def test_a_disk_that_fills_up_although_it_seemed_large_enough(
        self, build: Callable[..., Path], runtime: Path, application: Path, person: Any,
        tmp_path: Path, own_mounts: list[str],
    ) -> None:  # fmt: skip
        # Many small files: each takes a page of the disk, more than the sum of their sizes.
        tree = tmp_path / "many"
        tree.mkdir()
        for index in range(400):
            (tree / f"file {index}").write_text("x")
        file = build(runtime, tree, tmp_path / "many.AppImage", unpacked=1000)
        script = (
            'mount -t tmpfs -o size=1M,mode=0700 none "$HOME"; "$0" || code=$?;'
            ' find "$HOME"; exit $code'
        )
        done = person.start(file, by=(*own_mounts, script), cwd="/")
        assert done.returncode == NO_INPUT_OUTPUT
        assert "The disk is full: there is no room" in done.stderr
        assert "file" not in done.stdout

    def test_a_write_that_fails(self, file: Path, person: Any) -> None:
        # No file may become as long as the longest one.
        script = 'ulimit -f 2048; trap "" XFSZ; "$0" || code=$?; find "$HOME"; exit $code'
        done = person.start(file, by=("sh", "-euc", script), cwd="/")
        assert done.returncode == NO_INPUT_OUTPUT
        assert "Unpacking failed: File too large" in done.stderr
        assert person.unpacked() == []


class TestCache:
    @pytest.mark.parametrize("damage", ("removed", "shorter", "no program", "link", "folder"))
    def test_a_damaged_copy_is_unpacked_again(self, file: Path, person: Any, damage: str) -> None:
        person.start(file)
        folder = person.cache / content_of(file)
        if damage == "removed":
            (folder / "usr/lib/small").unlink()
        elif damage == "shorter":
            os.truncate(folder / "usr/lib/noise", 5)
        elif damage == "no program":
            (folder / "usr/lib/app").chmod(0o644)
        elif damage == "link":
            (folder / "AppRun").unlink()
            (folder / "AppRun").symlink_to("/bin/false")
        else:
            shutil.rmtree(folder / "usr")
        done = person.start(file)
        assert (done.returncode, done.stderr) == (0, "")
        assert person.unpacked() == [content_of(file)]

    def test_a_library_that_the_person_changed_stays(self, file: Path, person: Any) -> None:
        """The LGPL's right: a changed library of the same size in place of the one there."""
        person.start(file)
        library = person.cache / content_of(file) / "usr/lib/small"
        library.write_bytes(b"SMALL\n")
        person.start(file)
        assert library.read_bytes() == b"SMALL\n"

    def test_an_unpacking_that_was_killed_leaves_nothing_half(
        self, build: Callable[..., Path], runtime: Path, person: Any, tmp_path: Path
    ) -> None:
        tree = tmp_path / "large"
        tree.mkdir()
        for index in range(300):
            (tree / f"file {index:03}").write_bytes(os.urandom(1 << 17))
        subprocess.run(["cp", "/bin/true", str(tree / "AppRun")], check=True)
        file = build(runtime, tree, tmp_path / "large.AppImage")
        process = person.open(file)
        while not any(name.startswith(".new-") for name in person.unpacked()):
            assert process.poll() is None
            time.sleep(0.001)
        process.kill()
        process.communicate()
        (half,) = person.unpacked()
        assert half.startswith(".new-")
        assert person.start(file).returncode == 0
        assert person.unpacked() == [content_of(file)]

    def test_other_versions_go_when_a_new_one_comes(
        self, build: Callable[..., Path], runtime: Path, application: Path, person: Any,
        tmp_path: Path,
    ) -> None:  # fmt: skip
        old, new = two_versions(build, runtime, application, tmp_path)
        person.start(old)
        assert person.unpacked() == [content_of(old)]
        person.start(new)
        assert person.unpacked() == [content_of(new)]

    def test_one_that_runs_stays_until_it_ends(
        self, build: Callable[..., Path], runtime: Path, application: Path, person: Any,
        tmp_path: Path,
    ) -> None:  # fmt: skip
        old, new = two_versions(build, runtime, application, tmp_path)
        process = person.open(old, "--wait")
        assert process.stdout.readline().startswith("APPIMAGE=")
        person.start(new)
        assert person.unpacked() == sorted([content_of(old), content_of(new)])
        assert person.start(old).returncode == 0
        process.communicate()
        assert person.start(new, "--appimage-clean").returncode == 0
        assert person.unpacked() == []

    def test_cleaning_leaves_what_is_not_the_runtimes(self, file: Path, person: Any) -> None:
        person.start(file)
        (person.cache / "notes").mkdir()
        (person.cache / "notes" / "mine").write_text("x")
        person.start(file, "--appimage-clean")
        assert person.unpacked() == ["notes"]


class TestExtracting:
    def test_unpacks_where_the_person_is(self, file: Path, application: Path, person: Any) -> None:
        done = person.start(file, "--appimage-extract")
        assert (done.returncode, done.stdout) == (0, "squashfs-root\n")
        root = person.home / "squashfs-root"
        assert (
            subprocess.run(
                ["diff", "-r", "--no-dereference", str(application), str(root)], check=False
            ).returncode
            == 0
        )
        assert f"APPDIR={root}" not in person.start(root / "AppRun").stdout
        assert not person.cache.exists()

    def test_writes_over_nothing(self, file: Path, person: Any) -> None:
        (person.home / "squashfs-root").mkdir()
        done = person.start(file, "--appimage-extract")
        assert done.returncode == NO_PLACE
        assert "is there already" in done.stderr
        assert list((person.home / "squashfs-root").iterdir()) == []

    def test_follows_no_link(self, file: Path, person: Any, tmp_path: Path) -> None:
        (tmp_path / "elsewhere").mkdir()
        (person.home / "squashfs-root").symlink_to(tmp_path / "elsewhere")
        assert person.start(file, "--appimage-extract").returncode == NO_PLACE
        assert list((tmp_path / "elsewhere").iterdir()) == []

    @pytest.mark.parametrize(
        "pattern, found",
        (
            ("AppRun", ["AppRun"]),
            ("usr/lib/small", ["usr", "usr/lib", "usr/lib/small"]),
            ("usr/lib/a*", ["usr", "usr/lib", "usr/lib/a block", "usr/lib/a block and more",
                            "usr/lib/app"]),
            ("usr/lib/Gr*", ["usr", "usr/lib", "usr/lib/Grüße 漢字", "usr/lib/Grüße 漢字/a file"]),
            ("nothing", []),
        ),
    )  # fmt: skip
    def test_takes_a_pattern(self, file: Path, person: Any, pattern: str, found: list[str]) -> None:
        assert person.start(file, "--appimage-extract", pattern).returncode == 0
        root = person.home / "squashfs-root"
        assert sorted(str(path.relative_to(root)) for path in root.rglob("*")) == found


class TestSayingWhatIsWrong:
    """Who double-clicked the file sees no terminal."""

    @pytest.fixture
    def shown(self, person: Any) -> Path:
        """What a stand-in for the desktop's window tool was told."""
        told = person.home / "told"
        tool = person.home / "zenity"
        tool.write_text(f'#!/bin/sh\nprintf "%s|" "$@" > {told}.new; mv {told}.new {told}\n')
        tool.chmod(0o755)
        person.environment["PATH"] = f"{person.home}:{person.environment['PATH']}"
        return told

    def test_a_double_click_that_fails_opens_a_window(
        self, file: Path, person: Any, shown: Path
    ) -> None:
        os.truncate(file, file.stat().st_size - 1)
        done = person.start(file, environment={"DISPLAY": ":0"})
        assert done.returncode == WRONG_DATA
        deadline = time.monotonic() + 30
        while not shown.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        words = shown.read_text().split("|")
        assert words[:6] == ["--error", "--no-markup", "--title", "Standin", "--text", words[5]]
        assert "not complete" in words[5]

    @pytest.mark.parametrize("arguments", (("--version",), ("ask", "what"), ("--appimage-help",)))
    def test_a_command_tells_only_where_it_was_given(
        self, file: Path, person: Any, shown: Path, arguments: tuple[str, ...]
    ) -> None:
        os.truncate(file, file.stat().st_size - 1)
        assert person.start(file, *arguments, environment={"DISPLAY": ":0"}).stderr
        assert not shown.exists()

    def test_without_a_display_there_is_no_window(
        self, file: Path, person: Any, shown: Path
    ) -> None:
        os.truncate(file, file.stat().st_size - 1)
        assert person.start(file).stderr
        assert not shown.exists()


def two_versions(
    build: Callable[..., Path], runtime: Path, application: Path, folder: Path
) -> tuple[Path, Path]:
    """Two AppImages whose contents differ."""
    newer = folder / "newer"
    shutil.copytree(application, newer, symlinks=True)
    (newer / "usr/lib/small").write_text("newer")
    return (
        build(runtime, application, folder / "old.AppImage"),
        build(runtime, newer, folder / "new.AppImage", version="1.1"),
    )
