"""The installer for Windows, run under wine: what it leaves, what it takes away, what it leaves be.

Programs of a few kilobytes stand in for Chatdesk's (standin.c). Needs NSIS, wine, Xvfb and a
compiler for Windows, which `make installer-test` installs.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from installers import nsis
from installers.project import Project, read_project
from installers.windows import SIGN_COMMAND
from wine_prefix import PROFILE, WinePrefix, application_id

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        not sys.platform.startswith("linux"),
        reason="Windows is stood in for on Linux",
    ),
]

LOCAL = f"{PROFILE}\\AppData\\Local"
INSTALLED = f"{LOCAL}\\Programs\\Chatdesk"
DATA = f"{LOCAL}\\Chatdesk"
MENU = f"{PROFILE}\\AppData\\Roaming\\Microsoft\\Windows\\Start Menu\\Programs\\Chatdesk.lnk"
DESKTOP = f"{PROFILE}\\Desktop\\Chatdesk.lnk"
UNINSTALL = "Software\\Microsoft\\Windows\\CurrentVersion\\Uninstall\\Chatdesk"
APP_PATHS = "Software\\Microsoft\\Windows\\CurrentVersion\\App Paths\\chatdesk.exe"
CLASSES = "Software\\Classes"
RUNNING, NO_ROOM = 3, 5

# Far beyond the 1024 characters of NSIS's own strings.
LONG_PATH = ";".join(
    ["%USERPROFILE%\\bin", *(f"C:\\tools\\{number:04}\\é" for number in range(200))]
)

OLD_FILES = {
    "chatdesk.exe",
    "chatdeskw.exe",
    "_internal\\only-old\\deep\\gone.dll",
    "_internal\\base_library.zip",
    "_internal\\$weird\\a b & c's 文.txt",
    "_internal\\resources\\licences\\THIRD-PARTY.txt",
}
NEW_FILES = OLD_FILES - {"_internal\\only-old\\deep\\gone.dll"} | {"_internal\\new.dll"}


def with_folders(files: set[str]) -> set[str]:
    """Files and the folders that they are in, as WinePrefix.files tells them."""
    folders = set()
    for name in files:
        parts = name.split("\\")[:-1]
        folders |= {"\\".join(parts[: count + 1]) + "\\" for count in range(len(parts))}
    return files | folders | {"uninstall-chatdesk.exe"}


@pytest.fixture(scope="module")
def screen() -> Iterator[str]:
    """A screen of its own."""
    reader, writer = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writer), "-screen", "0", "800x600x24", "-nolisten", "tcp"],
        pass_fds=[writer], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(writer)
    with os.fdopen(reader) as answer:
        number = answer.readline().strip()
    yield f":{number}"
    server.terminate()
    server.wait(30)


@pytest.fixture(scope="module")
def project() -> Project:
    return read_project()


@pytest.fixture(scope="module")
def build(
    tmp_path_factory: pytest.TempPathFactory, project: Project
) -> Callable[[str, set[str]], Path]:
    """Makes the installer of a version with these files."""
    folder = tmp_path_factory.mktemp("installers")
    program = folder / "standin.exe"
    source = Path(__file__).with_name("standin.c")
    subprocess.run(["x86_64-w64-mingw32-gcc", "-Os", "-s", "-o", program, source], check=True)
    icon = Path("/usr/share/nsis/Contrib/Graphics/Icons/modern-install.ico")

    def make(version: str, files: set[str]) -> Path:
        frozen = folder / version / "frozen"
        for name in files:
            path = frozen.joinpath(*name.split("\\"))
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".exe":
                shutil.copyfile(program, path)
            else:
                path.write_text(f"{name} of {version}", encoding="utf-8")
            os.utime(path, (1_700_000_000, 1_700_000_000))  # as freeze.settle does
        output = folder / f"setup-{version}.exe"
        nsis.compile_installer(
            nsis.find_makensis(), nsis.TARGETS[0], frozen, folder / version / "made", output, icon,
            dataclasses.replace(project, version=version),
        )  # fmt: skip
        return output

    return make


@pytest.fixture(scope="module")
def old(build: Callable[[str, set[str]], Path]) -> Path:
    return build("0.1.0", OLD_FILES)


@pytest.fixture(scope="module")
def new(build: Callable[[str, set[str]], Path]) -> Path:
    return build("0.2.0", NEW_FILES)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory, screen: str) -> WinePrefix:
    """A prefix that nothing was done in, to be copied: making one takes long."""
    prefix = WinePrefix(tmp_path_factory.mktemp("wine") / "fresh", screen)
    prefix.start()
    prefix.wait()
    return prefix


@pytest.fixture
def windows(fresh: WinePrefix, tmp_path: Path) -> Iterator[WinePrefix]:
    prefix = fresh.copy(tmp_path / "prefix")
    yield prefix
    prefix.end()
    shutil.rmtree(prefix.folder, ignore_errors=True)


def install(windows: WinePrefix, installer: Path, *options: str, trace: Path | None = None) -> int:
    """Run an installer silently, as typed in a terminal; its exit code.

    trace: where wine writes what it cannot do.
    By a script: /D= takes what follows up to the end of the line, with spaces and without quotes.
    """
    windows.path("C:\\setup.exe").unlink(missing_ok=True)
    shutil.copyfile(installer, windows.path("C:\\setup.exe"))
    windows.path("C:\\run.cmd").write_text("@C:\\setup.exe /S %OPTIONS%\r\n@exit %ERRORLEVEL%\r\n")
    environment = {"OPTIONS": " ".join(options)}
    return windows.run("cmd", "/c", "C:\\run.cmd", environment=environment, trace=trace)


def uninstall(windows: WinePrefix) -> None:
    """Run the command that Windows' Settings runs for a silent uninstall."""
    command = windows.registry(UNINSTALL)[""]["QuietUninstallString"]
    assert isinstance(command, str)
    program, _, option = command[1:].partition('" ')
    assert windows.run(program, option) == 0
    # It runs on as a copy of itself, and deletes the one that was installed last of all.
    until(lambda: not windows.path(program).exists())
    windows.wait()


def path_entries(windows: WinePrefix) -> str | int | None:
    return windows.registry("Environment").get("", {}).get("Path")


def test_installs_into_the_persons_own_programs(
    windows: WinePrefix, old: Path, project: Project
) -> None:
    assert install(windows, old) == 0

    assert windows.files(INSTALLED) == with_folders(OLD_FILES)
    text = windows.path(f"{INSTALLED}\\_internal\\$weird\\a b & c's 文.txt").read_text("utf-8")
    assert text == "_internal\\$weird\\a b & c's 文.txt of 0.1.0"
    told = windows.registry(UNINSTALL)[""]
    assert told["DisplayName"] == "Chatdesk"
    assert told["DisplayVersion"] == "0.1.0"
    assert told["DisplayIcon"] == f"{INSTALLED}\\chatdeskw.exe,0"
    assert told["InstallLocation"] == INSTALLED
    assert told["Publisher"] == project.author
    assert told["UninstallString"] == f'"{INSTALLED}\\uninstall-chatdesk.exe"'
    assert told["QuietUninstallString"] == f'"{INSTALLED}\\uninstall-chatdesk.exe" /S'
    assert told["EstimatedSize"] == sum(
        windows.path(f"{INSTALLED}\\{name}").stat().st_size for name in OLD_FILES
    ) // 1024  # fmt: skip
    assert (told["NoModify"], told["NoRepair"]) == (1, 1)


def test_the_start_menu_leads_to_the_window_under_the_applications_id(
    windows: WinePrefix, old: Path, project: Project
) -> None:
    trace = windows.folder / "trace.txt"
    install(windows, old, trace=trace)

    link = windows.path(MENU)
    assert f"{INSTALLED}\\chatdeskw.exe".encode("utf-16-le") in link.read_bytes()
    # wine 8 takes a link's properties and says that it drops them; the next test is on the rest.
    dropped = "propertystore_SetValue" in trace.read_text(errors="replace")
    assert application_id(link) == (None if dropped else project.application_id)
    assert not windows.path(DESKTOP).exists()
    assert windows.registry(APP_PATHS)[""][""] == f"{INSTALLED}\\chatdeskw.exe"


def test_the_id_is_put_into_a_property_store_as_text(windows: WinePrefix, tmp_path: Path) -> None:
    output = windows.path("C:\\store.exe")
    script = Path(__file__).with_name("store.nsi")
    subprocess.run(
        [nsis.find_makensis(), "-V2", "-WX", "-INPUTCHARSET", "UTF8", f"-DOUTPUT={output}",
         f"-DSCRIPTS={nsis.SCRIPT.parent}", script],
        check=True,
    )  # fmt: skip
    assert windows.run("C:\\store.exe") == 0
    text = windows.path("C:\\store.txt").read_bytes().decode("utf-16-le")
    # Both calls succeeded; 31 is VT_LPWSTR.
    assert text == "0 0 31 example.test.Änderung"


def test_a_model_can_be_opened_with_it_and_nothing_is_taken_from_others(
    windows: WinePrefix, old: Path
) -> None:
    windows.write(f"{CLASSES}\\.gguf", {"": "Other.gguf"})
    windows.write(f"{CLASSES}\\.gguf\\OpenWithProgids", {"Other.gguf": ""})

    install(windows, old)

    ours = f'"{INSTALLED}\\chatdeskw.exe" "%1"'
    assert windows.registry(f"{CLASSES}\\.gguf") == {
        "": {"": "Other.gguf"},
        "OpenWithProgids": {"Other.gguf": "", "Chatdesk.Model": ""},
    }
    assert windows.registry(f"{CLASSES}\\Chatdesk.Model")["shell\\open\\command"][""] == ours

    uninstall(windows)

    assert windows.registry(f"{CLASSES}\\.gguf") == {
        "": {"": "Other.gguf"},
        "OpenWithProgids": {"Other.gguf": ""},
    }


def test_a_long_path_keeps_every_entry_and_its_kind(windows: WinePrefix, old: Path) -> None:
    windows.write("Environment", {"Path": LONG_PATH}, expand=True)

    install(windows, old)
    assert path_entries(windows) == f"expand:{LONG_PATH};{INSTALLED}"
    install(windows, old)
    assert path_entries(windows) == f"expand:{LONG_PATH};{INSTALLED}"

    uninstall(windows)
    assert path_entries(windows) == f"expand:{LONG_PATH}"


@pytest.mark.parametrize(
    ("before", "during", "after"),
    [
        (None, f"expand:{INSTALLED}", None),
        ("C:\\one", f"C:\\one;{INSTALLED}", "C:\\one"),
        ("C:\\one;", f"C:\\one;{INSTALLED}", "C:\\one"),
        (f"C:\\one;{INSTALLED.upper()};C:\\two", f"C:\\one;{INSTALLED.upper()};C:\\two",
         "C:\\one;C:\\two"),
        (f"{INSTALLED}\\;C:\\two", f"{INSTALLED}\\;C:\\two", f"{INSTALLED}\\;C:\\two"),
        (f"{INSTALLED}2;C:\\{INSTALLED[3:]}\\sub",
         f"{INSTALLED}2;C:\\{INSTALLED[3:]}\\sub;{INSTALLED}",
         f"{INSTALLED}2;C:\\{INSTALLED[3:]}\\sub"),
    ],
    ids=["none", "one", "open end", "there already", "there with a backslash", "similar names"],
)  # fmt: skip
def test_the_path_gets_one_entry_and_loses_exactly_that(
    windows: WinePrefix, old: Path, before: str | None, during: str, after: str | None
) -> None:
    if before is not None:
        windows.write("Environment", {"Path": before})
    install(windows, old)
    assert path_entries(windows) == during
    uninstall(windows)
    assert path_entries(windows) == after


def test_the_command_runs_in_a_new_terminal(windows: WinePrefix, old: Path) -> None:
    install(windows, old)
    windows.write("Environment", {"RAN": "C:\\ran.txt"})

    windows.run("cmd", "/c", "chatdesk ask Grüße")

    ran = windows.path("C:\\ran.txt").read_text(encoding="utf-8")
    assert ran.startswith(f"{INSTALLED}\\chatdesk.exe: ")
    assert "ask Grüße" in ran


def test_an_upgrade_replaces_the_programs_files_and_no_others(
    windows: WinePrefix, old: Path, new: Path
) -> None:
    install(windows, old, "/DESKTOP=yes", "/PATH=no")
    windows.path(DATA).mkdir()
    windows.path(f"{DATA}\\chats.db").write_text("words")
    windows.path(f"{INSTALLED}\\my notes.txt").write_text("mine")
    windows.path(f"{INSTALLED}\\_internal\\only-old\\mine.txt").write_text("mine")

    assert install(windows, new) == 0

    mine = {"my notes.txt", "_internal\\only-old\\mine.txt"}
    assert windows.files(INSTALLED) == with_folders(NEW_FILES | mine)
    text = windows.path(f"{INSTALLED}\\_internal\\base_library.zip").read_text()
    assert text.endswith("of 0.2.0")
    assert windows.path(f"{DATA}\\chats.db").read_text() == "words"
    assert windows.registry(UNINSTALL)[""]["DisplayVersion"] == "0.2.0"
    # What was chosen for the old version holds for the new one.
    assert windows.path(DESKTOP).is_file()
    assert path_entries(windows) is None


def test_an_upgrade_into_another_folder_leaves_nothing_in_the_old_one(
    windows: WinePrefix, old: Path, new: Path
) -> None:
    install(windows, old)
    other = f"{PROFILE}\\Andere Programme äöü\\Chatdesk 試"

    assert install(windows, new, f"/D={other}") == 0

    assert windows.files(other) == with_folders(NEW_FILES)
    assert not windows.path(INSTALLED).exists()
    assert path_entries(windows) == f"expand:{other}"
    assert windows.registry(UNINSTALL)[""]["InstallLocation"] == other
    assert f"{other}\\chatdeskw.exe".encode("utf-16-le") in windows.path(MENU).read_bytes()


def test_an_uninstall_leaves_the_data_and_nothing_of_the_program(
    windows: WinePrefix, old: Path
) -> None:
    install(windows, old, "/DESKTOP=yes")
    assert windows.path(DESKTOP).is_file()
    windows.path(DATA).mkdir()
    windows.path(f"{DATA}\\chats.db").write_text("words")

    uninstall(windows)

    assert windows.path(f"{DATA}\\chats.db").read_text() == "words"
    for place in (INSTALLED, MENU, DESKTOP):
        assert not windows.path(place).exists()
    for key in (
        UNINSTALL,
        APP_PATHS,
        "Software\\Chatdesk",
        f"{CLASSES}\\.gguf",
        f"{CLASSES}\\Chatdesk.Model",
        f"{CLASSES}\\Applications\\chatdeskw.exe",
    ):
        assert windows.registry(key) == {}
    applications = windows.registry("Software\\RegisteredApplications").get("", {})
    assert "Chatdesk" not in applications


def test_an_uninstall_leaves_what_a_person_put_into_the_folder(
    windows: WinePrefix, old: Path
) -> None:
    install(windows, old)
    windows.path(f"{INSTALLED}\\my notes.txt").write_text("mine")
    uninstall(windows)
    assert windows.files(INSTALLED) == {"my notes.txt"}


def running(windows: WinePrefix, program: str, option: str) -> subprocess.Popen[bytes]:
    """Start an installed program and wait for its window."""
    windows.write("Environment", {"RAN": "C:\\ran.txt"})
    started = windows.open(f"{INSTALLED}\\{program}", option)
    until(lambda: "window" in told(windows).splitlines())
    return started


def told(windows: WinePrefix) -> str:
    file = windows.path("C:\\ran.txt")
    return file.read_text(encoding="utf-8") if file.is_file() else ""


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "it did not come about within a minute"
        time.sleep(0.1)


def test_a_running_window_is_asked_to_close_and_closes(
    windows: WinePrefix, old: Path, new: Path
) -> None:
    install(windows, old)
    started = running(windows, "chatdeskw.exe", "--window")

    assert install(windows, new) == 0

    assert started.wait(30) == 0
    assert told(windows).splitlines()[-1] == "closed"
    assert windows.registry(UNINSTALL)[""]["DisplayVersion"] == "0.2.0"


def test_nothing_changes_while_a_program_does_not_close(
    windows: WinePrefix, old: Path, new: Path
) -> None:
    install(windows, old)
    before = windows.files(INSTALLED)
    started = running(windows, "chatdesk.exe", "--stubborn")

    assert install(windows, new) == RUNNING

    assert "asked to close" in told(windows)
    assert started.poll() is None, "the program was ended by force"
    assert windows.files(INSTALLED) == before
    assert windows.registry(UNINSTALL)[""]["DisplayVersion"] == "0.1.0"
    windows.end()
    started.wait(30)


def test_a_folder_with_too_long_a_path_is_refused(windows: WinePrefix, old: Path) -> None:
    assert install(windows, old, "/D=C:\\" + "very long\\" * 22) == NO_ROOM
    assert windows.registry(UNINSTALL) == {}


def test_the_uninstaller_is_signed_while_it_is_made(
    build: Callable[[str, set[str]], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool, signed = tmp_path / "a tool.sh", tmp_path / "signed"
    tool.write_text(f'#!/bin/sh\nhead -c 2 "$2" >>"{signed}"\n')
    tool.chmod(0o755)
    monkeypatch.setenv(SIGN_COMMAND, f'"{tool}" /option')
    build("0.4.0", OLD_FILES)
    assert signed.read_bytes() == b"MZ"  # one program, and as the last word of the command


def test_the_same_files_give_the_same_installer(
    build: Callable[[str, set[str]], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    first = build("0.3.0", OLD_FILES).read_bytes()
    assert build("0.3.0", OLD_FILES).read_bytes() == first
