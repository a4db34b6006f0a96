"""The Linux packages as their systems' own checkers see them, and the archive's scripts at work.

A checker that is missing is a failure here: `make installer-test` needs desktop-file-utils,
appstream, shared-mime-info, lintian, rpm, rpmlint, man-db and shellcheck.
"""

from __future__ import annotations

import configparser
import hashlib
import os
import pwd
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from installers import deb as deb_maker
from installers import linux_tree, needs
from installers import rpm as rpm_maker
from installers import tar as tar_maker
from installers.project import ROOT, architecture, read_project

LINUX = ROOT / "packaging" / "linux"
SHARE = Path("usr/share")
DATE = "1700000000"
# Runs a program ($1) that waits for its input, a pipe ($3), halts it, runs a script ($2), and ends
# the program. 99: it did not start.
WHILE_RUNNING = """
mkfifo "$3"
exec 3<>"$3"
"$1" ask <&3 >/dev/null 2>&1 &
while exe=$(readlink "/proc/$!/exe") && [ "$exe" != "$1" ]; do :; done
[ "$exe" = "$1" ] || exit 99
kill -STOP $!
sh "$2"
code=$?
kill -KILL $!
exit $code
"""


def checked(*command: str | Path, **options: object) -> str:
    """Run a program that must succeed; what it says."""
    done = subprocess.run(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        **options,  # type: ignore[call-overload]
    )
    assert done.returncode == 0, f"{command[0]}: {done.stdout}"
    return str(done.stdout)


@pytest.fixture(scope="module")
def installed(deb: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Debian package's files."""
    folder = tmp_path_factory.mktemp("deb")
    checked("dpkg-deb", "--extract", deb, folder)
    return folder


# -- what desktops read --------------------------------------------------------------------------


def test_the_menu_entry_is_valid(installed: Path) -> None:
    said = checked("desktop-file-validate", installed / SHARE / "applications/chatdesk.desktop")
    assert said == ""


def test_the_metainfo_is_valid(installed: Path) -> None:
    (file,) = (installed / SHARE / "metainfo").iterdir()
    assert file.name == f"{read_project().application_id}.metainfo.xml"
    said = checked("appstreamcli", "validate", "--no-net", file)
    assert "errors" not in said and "warnings" not in said


def test_a_model_is_recognised_by_its_first_bytes_and_by_its_name(
    installed: Path, tmp_path: Path
) -> None:
    shutil.copytree(installed / SHARE / "mime", tmp_path / "mime")
    checked("update-mime-database", tmp_path / "mime")
    magic = (tmp_path / "mime/magic").read_bytes()
    assert b"application/x-gguf" in magic and b"GGUF" in magic
    assert "*.gguf" in (tmp_path / "mime/globs2").read_text()


def test_the_icons_have_their_folders_sizes(installed: Path) -> None:
    theme = installed / SHARE / "icons/hicolor"
    sizes = {}
    for file in theme.glob("*x*/apps/chatdesk.png"):
        head = file.read_bytes()[:24]
        sizes[file.parent.parent.name] = int.from_bytes(head[16:20], "big")
    assert sorted(sizes.values()) == [16, 22, 24, 32, 48, 64, 128, 256, 512]
    assert all(name == f"{size}x{size}" for name, size in sizes.items())
    assert (theme / "scalable/apps/chatdesk.svg").read_bytes().startswith(b"<svg")


def test_the_manual_page_is_understood(installed: Path) -> None:
    page = installed / SHARE / "man/man1/chatdesk.1.gz"
    said = checked(
        "man", "--warnings", "--local-file", page, env={**os.environ, "LC_ALL": "C.UTF-8"}
    )
    assert "warning" not in said
    assert "chatdesk doctor" in said


def test_the_scripts_are_plain_shell() -> None:
    scripts = [*sorted((LINUX / "portable").glob("*.sh")), LINUX / "debian/postrm"]
    assert len(scripts) == 4
    # What about.sh says is written by the build.
    checked("shellcheck", "--exclude=SC1091,SC2154", *scripts)


# -- what packagers read -------------------------------------------------------------------------


def test_lintian_finds_nothing_that_is_not_explained(deb: Path) -> None:
    said = checked(
        *("lintian", "--profile", "debian", "--allow-root", "--display-info"),
        *("--fail-on", "error,warning", deb),
    )
    assert "E:" not in said and "W:" not in said
    # Explanations that nothing needs any more.
    assert "unused-override" not in said and "mismatched-override" not in said


def test_every_override_has_its_reason_before_it() -> None:
    before = ""
    for line in (LINUX / "debian/lintian-overrides").read_text().splitlines():
        assert not line.startswith("chatdesk:") or before.startswith(("#", "chatdesk:")), line
        before = line


def test_rpmlint_finds_nothing_that_is_not_explained(rpm: Path) -> None:
    # It tells also of explanations that nothing needs any more.
    said = checked("rpmlint", "--rpmlintrc", LINUX / "rpm/rpmlintrc", rpm)
    assert " 0 errors, 0 warnings" in said, said


def test_the_control_file_tells_the_measured_size(deb: Path, installed: Path) -> None:
    told = int(checked("dpkg-deb", "--field", deb, "Installed-Size"))
    files = [path for path in installed.rglob("*") if path.is_file() and not path.is_symlink()]
    assert told == pytest.approx(sum(path.stat().st_size for path in files) / 1024, rel=0.01)


def test_nothing_is_a_setting_of_the_system(deb: Path) -> None:
    control = checked("dpkg-deb", "--ctrl-tarfile", deb, errors="replace")
    assert "conffiles" not in control
    listed = checked("dpkg-deb", "--contents", deb).splitlines()
    assert {line.split()[1] for line in listed} == {"root/root"}
    assert all(line.split()[5].startswith(("./usr/",)) or line.endswith("./") for line in listed)


def test_no_library_searches_the_build_machines_folders(installed: Path) -> None:
    files = [str(path) for path in needs.elf_files(installed / linux_tree.LIBRARY)]
    told = checked("readelf", "--wide", "--dynamic", *files)
    paths = [line.split("[")[1].rstrip("]") for line in told.splitlines() if "path: [" in line]
    parts = {part for path in paths for part in path.split(":")}
    assert parts
    assert [part for part in parts if not part.startswith("$ORIGIN")] == []


def test_all_packages_hold_the_same_application(installed: Path, rpm: Path, tar: Path) -> None:
    ours = _sums(installed / linux_tree.LIBRARY)
    digests = checked("rpm", "-qp", "--nosignature", "--qf", "[%{FILENAMES} %{FILEDIGESTS}\n]", rpm)
    theirs = {}
    for line in digests.splitlines():
        name, _, digest = line.partition(" ")
        if name.startswith(f"/{linux_tree.LIBRARY}/") and digest:
            theirs[name.removeprefix(f"/{linux_tree.LIBRARY}/")] = digest
    assert theirs == ours
    with tarfile.open(tar) as archive:
        unpacked = {}
        for member in archive:
            name = member.name.partition("/")[2]
            if member.isfile() and name in ours:
                file = archive.extractfile(member)
                assert file is not None
                unpacked[name] = hashlib.file_digest(file, "sha256").hexdigest()
    assert unpacked == ours


def _sums(folder: Path) -> dict[str, str]:
    found = {}
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            found[str(path.relative_to(folder))] = digest
    return found


# -- the same input, the same bytes ---------------------------------------------------------------


@pytest.fixture
def standin(tmp_path: Path) -> Path:
    """An application of one program, with a bill of materials."""
    frozen = tmp_path / "chatdesk"
    licences = frozen / "_internal/resources/licences"
    licences.mkdir(parents=True)
    shutil.copyfile("/bin/true", frozen / "chatdesk")
    (licences / "chatdesk.cdx.json").write_text('{"components": []}')
    (frozen / "_internal/b.txt").write_text("b")
    (frozen / "_internal/a.txt").write_text("a")
    return frozen


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A build's folder with the environment that draws the icons."""
    folder = tmp_path / "made"
    folder.mkdir()
    (folder / "venv").symlink_to(ROOT / "build" / "installer" / "venv")
    return folder


@pytest.mark.parametrize("maker", [deb_maker, rpm_maker, tar_maker], ids=["deb", "rpm", "tar"])
def test_a_package_made_twice_has_the_same_bytes(
    maker: object, standin: Path, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", DATE)
    built = []
    for name, mask, zone in (("one", 0o022, "UTC"), ("two", 0o077, "Pacific/Auckland")):
        dist = tmp_path / name
        dist.mkdir()
        monkeypatch.setenv("TZ", zone)
        before = os.umask(mask)
        try:
            (file,) = maker.make(standin, made, dist, read_project())  # type: ignore[attr-defined]
        finally:
            os.umask(before)
        built.append(file)
        for path in standin.rglob("*"):
            os.utime(path)
    assert built[0].name == built[1].name
    assert built[0].read_bytes() == built[1].read_bytes()


# -- the archive's scripts -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def unpacked(tar: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive, unpacked by somebody."""
    folder = tmp_path_factory.mktemp("tar")
    checked("tar", "--extract", "--file", tar, "--directory", folder)
    (only,) = folder.iterdir()
    assert only.name == f"chatdesk-{read_project().version}"
    for path in (*folder.parents, folder):
        if path.is_relative_to("/tmp") and path != Path("/tmp"):
            path.chmod(path.stat().st_mode | 0o055)
    return only


class Person:
    """Somebody without any rights, with a home of their own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.link = home / ".local/bin/chatdesk"
        self.place = home / ".local/lib/chatdesk"
        self.entry = home / ".local/share/applications/chatdesk.desktop"

    def run(self, *command: str | Path, path: str = "/usr/bin:/bin") -> tuple[int, str]:
        """Run a command as this person: its exit code and what it says."""
        nobody = pwd.getpwnam("nobody")
        user = (
            {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            if os.geteuid() == 0
            else {}
        )
        done = subprocess.run(
            [str(word) for word in command],
            env={"HOME": str(self.home), "PATH": path, "LANG": "C.UTF-8"},
            cwd="/",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            **user,  # type: ignore[call-overload]
        )
        return done.returncode, done.stdout

    def left(self) -> list[str]:
        """The files in the home."""
        files = [path for path in self.home.rglob("*") if not path.is_dir() or path.is_symlink()]
        return sorted(str(path.relative_to(self.home)) for path in files)


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Person]:
    """A person with an empty home whose path has a space and a letter that is not ASCII."""
    home = tmp_path / "Zoë Home"
    home.mkdir()
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(home, nobody.pw_uid, nobody.pw_gid)
        for path in (tmp_path, *tmp_path.parents):
            if path.is_relative_to("/tmp") and path != Path("/tmp"):
                path.chmod(path.stat().st_mode | 0o055)
    yield Person(home)
    shutil.rmtree(home)


def test_it_is_installed_for_one_person_and_removed_again(unpacked: Path, person: Person) -> None:
    code, said = person.run("sh", unpacked / "install.sh")
    assert code == 0, said
    assert str(person.link) in said  # it is not on this person's PATH
    assert person.run(person.link, "--version") == (0, f"chatdesk {read_project().version}\n")
    checked("desktop-file-validate", person.entry)
    entry = configparser.RawConfigParser()
    entry.optionxform = str  # type: ignore[assignment,method-assign]
    entry.read(person.entry)
    assert entry["Desktop Entry"]["Exec"] == f'"{person.link}" %F'
    assert entry["Desktop Entry"]["TryExec"] == str(person.link)
    icon = person.home / ".local/share/icons/hicolor/48x48/apps/chatdesk.png"
    assert icon.is_file()

    data = person.home / ".local/share/Chatdesk/chats.db"
    data.parent.mkdir()
    data.write_bytes(b"words")
    code, said = person.run("sh", person.place / "uninstall.sh")
    assert code == 0, said
    assert f"{data.parent}" in said
    # The desktop's own lists may stay, with nothing of Chatdesk in them.
    kept = [name for name in person.left() if "/mime/" not in name and "mimeinfo.cache" not in name]
    assert kept == [".local/share/Chatdesk/chats.db"]
    for name in person.left():
        assert b"gguf" not in (person.home / name).read_bytes()


def test_installing_again_takes_the_place_of_the_older_one(unpacked: Path, person: Person) -> None:
    assert person.run("sh", unpacked / "install.sh")[0] == 0
    old = person.place / "_internal/of-the-older-version"
    old.touch()
    code, said = person.run(
        "sh", unpacked / "install.sh", path=f"{person.link.parent}:/usr/bin:/bin"
    )
    assert code == 0, said
    assert not old.exists()
    assert "    chatdesk\n" in said  # it is on the PATH now
    assert not person.place.with_name("chatdesk.new").exists()


def test_it_is_not_installed_from_where_it_is(unpacked: Path, person: Person) -> None:
    assert person.run("sh", unpacked / "install.sh")[0] == 0
    code, said = person.run("sh", person.place / "install.sh")
    assert code == 1
    assert "installed already" in said


def test_somebodys_own_program_is_not_replaced(unpacked: Path, person: Person) -> None:
    person.link.parent.mkdir(parents=True)
    person.link.write_text("my own")
    code, said = person.run("sh", unpacked / "install.sh")
    assert code == 1
    assert "another program" in said
    assert person.left() == [".local/bin/chatdesk"]


def test_somebodys_own_folder_is_not_replaced(unpacked: Path, person: Person) -> None:
    person.place.mkdir(parents=True)
    (person.place / "thesis.txt").touch()
    code, said = person.run("sh", unpacked / "install.sh")
    assert code == 1
    assert "something else" in said
    assert person.left() == [".local/lib/chatdesk/thesis.txt"]


def test_a_running_chatdesk_is_not_replaced_under_its_feet(unpacked: Path, person: Person) -> None:
    assert person.run("sh", unpacked / "install.sh")[0] == 0
    program = person.place / "chatdesk"
    for script in (unpacked / "install.sh", person.place / "uninstall.sh"):
        pipe = person.home / f"input of {script.name}"
        code, said = person.run("sh", "-c", WHILE_RUNNING, "sh", program, script, pipe)
        assert code == 1, said
        assert "is running" in said
    assert person.run(person.link, "--version")[0] == 0


def test_root_is_told_to_take_another_package(unpacked: Path, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can try it")
    done = subprocess.run(
        ["sh", str(unpacked / "install.sh")],
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "you are root" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("word", "value", "said"),
    [("glibc", "9.99", "needs the C library glibc 9.99"), ("architecture", "vax", "is for vax")],
)
def test_a_system_that_cannot_run_it_is_told_so(
    word: str, value: str, said: str, unpacked: Path, person: Person, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    (other / "share").mkdir(parents=True)
    shutil.copyfile(unpacked / "install.sh", other / "install.sh")
    about = (unpacked / "share/about.sh").read_text()
    (other / "share/about.sh").write_text(f"{about}{word}={value}\n")
    code, told = person.run("sh", other / "install.sh")
    assert code == 1
    assert said in told
    assert person.left() == []


def test_the_archive_says_what_it_needs(unpacked: Path) -> None:
    about = dict(
        line.split("=", 1) for line in (unpacked / "share/about.sh").read_text().splitlines()
    )
    assert about["architecture"] == architecture()
    floor = needs.read_needs(unpacked).glibc
    assert about["glibc"] == ".".join(map(str, floor))
    assert about["glibc"] in (unpacked / "README.txt").read_text()
