"""The Debian package on a clean Debian, from the download to the removal, without a network.

One story on one computer, told in order: the version before this one is installed and used, then
this one over it, then both are removed. On every release of Debian that the package is for.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from clean_root import HOME, PERSON_ID, CleanRoot
from clean_root_maker import KEPT, is_offered, make_root, remove_root, why_not
from hands import wait_until
from sitting import QUESTION, Sitting, menu_command

ROOT = Path(__file__).resolve().parents[2]
ENTRY = "/usr/share/applications/chatdesk.desktop"
LEFT_OVER = "/usr/lib/chatdesk/only-in-the-version-before"
OLD_DATABASE = ROOT / "tests" / "unit" / "store" / "files" / "chats-v1.db"

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def root(request: pytest.FixtureRequest) -> Iterator[CleanRoot]:
    """A clean Debian of this release."""
    if not is_offered(request.param):
        pytest.skip(f"the server that apt is set up with has no {request.param}")
    made = make_root(request.param, "deb")
    yield made
    remove_root(made.folder)


@pytest.fixture(scope="module")
def release(root: CleanRoot) -> str:
    """The release's name, for the names of pictures."""
    return root.folder.name.partition("-")[0]


@pytest.fixture(scope="module")
def ann(
    root: CleanRoot, display: dict[str, str], pictures: Path, release: str
) -> Iterator[Sitting]:
    """Ann at this computer."""
    output = pictures / f"deb-{release}.txt"
    output.unlink(missing_ok=True)
    sitting = Sitting(root, display, output, "chatdesk")
    yield sitting
    sitting.leave()


@pytest.fixture(scope="module")
def before(deb: Path) -> Iterator[Path]:
    """A package of the version before: this one with another number and a file that is gone now."""
    tree = KEPT / "deb-before"
    shutil.rmtree(tree, ignore_errors=True)
    subprocess.run(["dpkg-deb", "--raw-extract", str(deb), str(tree)], check=True)
    control = tree / "DEBIAN" / "control"
    lines = control.read_text().splitlines(keepends=True)
    control.write_text(
        "".join("Version: 0.0.9\n" if line.startswith("Version:") else line for line in lines)
    )
    (tree / LEFT_OVER.lstrip("/")).write_text("gone with the next version\n")
    file = KEPT / "chatdesk_0.0.9_amd64.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-Znone", "--build", str(tree), str(file)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    shutil.rmtree(tree)
    yield file
    file.unlink()


def from_menu(root: CleanRoot, *files: str) -> list[str]:
    """What the menu runs."""
    return menu_command(root.path(ENTRY).read_text(encoding="utf-8"), *files)


def test_the_computer_has_neither_python_nor_a_network(root: CleanRoot) -> None:
    found = root.run("find", "/", "-xdev", "-name", "*python*", "-executable", "-type", "f",
                     person=False)  # fmt: skip
    assert found == ""
    devices = root.path("/proc/net/dev")
    assert not devices.exists()  # seen from outside nothing is mounted
    assert root.run("ls", "/sys/class/net").split() == ["lo"]
    assert root.run("cat", "/sys/class/net/lo/operstate").strip() == "down"


def test_the_version_before_is_installed(root: CleanRoot, before: Path) -> None:
    root.install(before)
    assert root.run("chatdesk", "--version").strip()
    assert root.path(LEFT_OVER).exists()


def test_it_brings_no_python_of_the_system_and_only_what_it_names(root: CleanRoot) -> None:
    assert root.attempt("sh", "-c", "command -v python3").returncode != 0
    packages = root.run("dpkg-query", "-W", "-f", "${Package}\n", person=False).split()
    assert "chatdesk" in packages
    assert [name for name in packages if "python" in name] == []


def test_a_question_from_the_menu_is_answered(ann: Sitting, pictures: Path, release: str) -> None:
    ann.open(*from_menu(ann.root))
    ann.type(QUESTION)
    states = ann.wait_for_reply()
    ann.screenshot(pictures / f"deb-{release}-answer.png")
    assert states[-1] == "complete"
    assert "streaming" in states  # what was saved grew while it was written
    question, reply = ann.messages()
    assert question["content"] == QUESTION
    assert len(reply["content"]) > 40
    assert ann.close() == 0


def test_the_chat_is_there_after_a_start_from_the_menu(
    ann: Sitting, pictures: Path, release: str
) -> None:
    before = ann.messages()
    ann.open(*from_menu(ann.root))
    ann.screenshot(pictures / f"deb-{release}-again.png")
    assert ann.messages() == before
    assert ann.close() == 0
    assert "Traceback" not in ann.printed


def test_the_update_keeps_the_data_and_leaves_nothing_of_the_old_program(
    ann: Sitting, deb: Path
) -> None:
    before = ann.messages()
    ann.root.install(deb)
    assert not ann.root.path(LEFT_OVER).exists()
    assert ann.root.run("dpkg-query", "-W", "-f", "${Version}", "chatdesk") == "0.1.0"
    assert ann.messages() == before


def test_the_database_of_version_1_is_brought_up_to_date(root: CleanRoot) -> None:
    folder = root.path(f"{HOME}/old")
    folder.mkdir()
    shutil.copyfile(OLD_DATABASE, folder / "chats.db")
    for path in (folder, folder / "chats.db"):
        shutil.chown(path, PERSON_ID, PERSON_ID)
    listed = root.run("chatdesk", "--data-dir", f"{HOME}/old", "conversations", "list")
    assert "Trip to Lisbon" in listed


def test_the_new_version_goes_on_with_the_old_chat(
    ann: Sitting, pictures: Path, release: str
) -> None:
    ann.open(*from_menu(ann.root))
    ann.screenshot(pictures / f"deb-{release}-updated.png")
    ann.type("Say it in one sentence")
    wait_until(lambda: len(ann.messages()) == 4, "the question in the old chat")
    ann.wait_for_reply()
    assert ann.close() == 0
    assert [message["content"] for message in ann.messages()[::2]] == [
        QUESTION,
        "Say it in one sentence",
    ]


def test_nothing_is_wrong_for_the_doctor(ann: Sitting) -> None:
    report = ann.told("doctor")
    assert report["ok"], report


def test_the_smoke_test_passes_and_finds_every_part(
    root: CleanRoot, display: Mapping[str, str], tmp_path: Path
) -> None:
    # Its own home is outside, so the wrapper gives it one inside.
    inside = {"CHATDESK_DATA_DIR": f"{HOME}/smoke", "DISPLAY": display["DISPLAY"]}
    command = root.command("chatdesk", environment=inside)
    wrapper = tmp_path / "chatdesk"
    words = " ".join(f"'{word}'" for word in command)
    wrapper.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    wrapper.chmod(0o755)
    done = subprocess.run(
        [sys.executable, str(ROOT / "packaging" / "smoke.py"), str(wrapper)],
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **display},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "opened and closed" in done.stdout


def test_removing_it_leaves_the_data_and_says_where(ann: Sitting) -> None:
    kept = {path.name: path.stat().st_size for path in ann.data.iterdir() if path.is_file()}
    assert "chats.db" in kept
    told = ann.root.apt("remove", "chatdesk", network=False)
    assert "~/.local/share/Chatdesk" in told
    assert not ann.root.path("/usr/lib/chatdesk").exists()
    assert not ann.root.path(ENTRY).exists()
    assert not ann.root.path("/usr/bin/chatdesk").is_symlink()
    ann.root.apt("purge", "chatdesk", network=False)
    assert {path.name: path.stat().st_size for path in ann.data.iterdir() if path.is_file()} == kept


def test_it_is_all_there_when_it_is_installed_again(ann: Sitting, deb: Path) -> None:
    ann.root.install(deb)
    assert len(ann.messages()) >= 2
