"""What the Windows packages are made of: program versions, the installer's lists, the zip."""

from __future__ import annotations

import dataclasses
import xml.etree.ElementTree as ElementTree
import zipfile
from pathlib import Path
from typing import Any

import pytest
from installers import contents, icons, nsis, nsis_project, portable, windows, wizard_picture
from installers.project import PACKAGING, BuildError, Project, architecture, read_project


@pytest.fixture
def project() -> Project:
    return read_project()


@pytest.fixture
def frozen(tmp_path: Path) -> Path:
    """What stands in for the frozen application: its two programs and files of all depths."""
    folder = tmp_path / "frozen"
    for name in (
        *windows.PROGRAMS,
        "_internal/base_library.zip",
        "_internal/a/b/deep.txt",
        "_internal/a/$odd name's é.txt",
        "_internal/resources/licences/THIRD-PARTY.txt",
    ):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("version", "numbers"),
    [("0.1.0", (0, 1, 0, 0)), ("2.0", (2, 0, 0, 0)), ("1.2.3.4", (1, 2, 3, 4)),
     ("0.2.0rc1", (0, 2, 0, 0)), ("1.0.0.dev3", (1, 0, 0, 0))],
)  # fmt: skip
def test_a_version_is_four_numbers(version: str, numbers: tuple[int, ...]) -> None:
    assert windows.version4(version) == numbers


@pytest.mark.parametrize("version", ["", "v1", "1.2.3.4.5", "1.65536"])
def test_a_version_that_windows_cannot_show_is_an_error(version: str) -> None:
    with pytest.raises(BuildError, match="none that Windows can show"):
        windows.version4(version)


def test_the_version_resource_tells_the_project(project: Project) -> None:
    """Read as PyInstaller reads it: evaluated, with its names."""

    def node(*arguments: Any, **named: Any) -> tuple[Any, ...]:
        return (*arguments, *named.items())

    names = ("VSVersionInfo", "FixedFileInfo", "StringFileInfo", "StringTable", "VarFileInfo")
    strings: dict[str, str] = {}
    eval(
        windows.version_resource(dataclasses.replace(project, author='O\'Brien "and" Zoë')),
        {name: node for name in names} | {"VarStruct": node, "StringStruct": strings.__setitem__},
    )
    assert strings["FileDescription"] == strings["ProductName"] == "Chatdesk"
    assert strings["ProductVersion"] == project.version
    assert strings["CompanyName"] == 'O\'Brien "and" Zoë'
    assert strings["LegalCopyright"].startswith("Copyright \N{COPYRIGHT SIGN} 20")


def test_the_manifest_asks_for_no_more_rights_and_sharp_windows() -> None:
    root = ElementTree.parse(PACKAGING / "windows" / "chatdesk.manifest").getroot()
    told = {element.tag.rpartition("}")[2]: element for element in root.iter()}
    assert told["requestedExecutionLevel"].attrib == {"level": "asInvoker", "uiAccess": "false"}
    assert told["dpiAwareness"].text == "PerMonitorV2"
    assert told["longPathAware"].text == "true"
    assert told["activeCodePage"].text == "UTF-8"


def test_every_file_is_installed_by_name_and_deleted_by_name(frozen: Path) -> None:
    files = nsis_project.payload(frozen)
    install = nsis_project.install_lines(frozen, files)
    remove = nsis_project.remove_lines(files)

    assert len(files) == 6
    assert install.count('File "/oname=') == remove.count("Delete ") == 6
    assert 'Delete "$INSTDIR\\_internal\\a\\$$odd name\'s é.txt"\n' in remove
    # A folder goes only when it is empty, the inner ones first; the installed folder is not here.
    assert "/r" not in remove.lower()
    assert [line for line in remove.splitlines() if line.startswith("RMDir")] == [
        'RMDir "$INSTDIR\\_internal\\resources\\licences"',
        'RMDir "$INSTDIR\\_internal\\resources"',
        'RMDir "$INSTDIR\\_internal\\a\\b"',
        'RMDir "$INSTDIR\\_internal\\a"',
        'RMDir "$INSTDIR\\_internal"',
    ]


@pytest.mark.parametrize(
    ("name", "kept"),
    [("PySide6\\Qt6Core.dll", True), ("PySide6\\plugins\\platforms\\qwindows.dll", True),
     ("llama_cpp\\lib\\ggml-cpu-haswell.dll", True), ("python313.dll", True),
     ("PySide6\\opengl32sw.dll", False), ("PySide6\\Qt6Qml.dll", False),
     ("PySide6\\plugins\\platforms\\qdirect2d.dll", False),
     ("PySide6\\translations\\qtbase_de.qm", False)],
)  # fmt: skip
def test_what_is_left_out_on_windows(name: str, kept: bool) -> None:
    kind = "DATA" if name.endswith(".qm") else "BINARY"
    assert contents.keep((name, "", kind)) is kept


def test_a_name_that_windows_does_not_allow_is_an_error(frozen: Path) -> None:
    (frozen / "what?.txt").touch()
    with pytest.raises(BuildError, match=r"what\?\.txt"):
        nsis_project.payload(frozen)


def test_words_stand_in_the_script_as_they_are() -> None:
    text = nsis_project.definitions({"SUMMARY": 'costs "$5"\nor more'})
    assert text == '!define SUMMARY "costs $\\"$$5$\\"$\\nor more"\n'


def test_the_licence_page_has_our_licence_and_the_others(
    frozen: Path, tmp_path: Path, project: Project
) -> None:
    folder = tmp_path / "made"
    icon = tmp_path / "icon.ico"
    icon.write_bytes(icons.ico({16: b"\x10\x20\x30\xff" * 256}))
    nsis_project.write_project(
        folder, frozen, tmp_path / "out.exe", icon, "amd64-unicode", "", project
    )
    page = (folder / "licence.txt").read_bytes()
    assert page.startswith(b"\xef\xbb\xbf")  # NSIS takes it for UTF-8 by this
    assert b"Permission is hereby granted" in page
    assert page.rstrip().endswith(b"THIRD-PARTY.txt")  # what stands in for the list is its name
    assert "\n!define SIGN" not in (folder / "project.nsh").read_text("utf-8")


def test_the_installers_picture_shows_the_largest_bitmap_of_the_icon(tmp_path: Path) -> None:
    icon = tmp_path / "icon.ico"
    drawn = {16: b"\0\0\0\0" * 256, 32: b"\x10\x20\x30\xff" * 1024, 256: bytes(262144)}
    icon.write_bytes(icons.ico(drawn))
    assert wizard_picture.icon_pixels(icon.read_bytes()) == (32, b"\x30\x20\x10\xff" * 1024)

    picture = tmp_path / "side.bmp"
    wizard_picture.write_picture(icon, picture)
    data = picture.read_bytes()
    assert data[:2] == b"BM" and len(data) == 54 + 164 * 314 * 3
    assert data.count(b"\x30\x20\x10" * 32) == 32
    with pytest.raises(BuildError, match="no image"):
        wizard_picture.icon_pixels(b"\x89PNG\r\n")


def test_the_64_bit_installer_is_made_where_it_can_be(tmp_path: Path) -> None:
    makensis = tmp_path / "NSIS" / "makensis.exe"
    stubs = makensis.parent / "Stubs"
    stubs.mkdir(parents=True)
    if Path("/usr/share/nsis/Stubs").is_dir():  # this computer's own is looked at first
        assert nsis.find_target(makensis) == "amd64-unicode"
        return
    with pytest.raises(BuildError, match="none of the installers"):
        nsis.find_target(makensis)
    (stubs / "lzma_solid-x86-unicode").touch()
    assert nsis.find_target(makensis) == "x86-unicode"


def test_only_what_was_frozen_on_windows_is_packed(
    frozen: Path, tmp_path: Path, project: Project
) -> None:
    (frozen / "chatdeskw.exe").unlink()
    for maker in (nsis.make, portable.make):
        with pytest.raises(BuildError, match=r"no chatdeskw\.exe"):
            maker(frozen, tmp_path, tmp_path, project)


def test_without_a_certificate_a_notice_is_all(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.delenv(windows.SIGN_COMMAND, raising=False)
    windows.sign([tmp_path / "none"])
    assert capsys.readouterr().out.startswith("Not signed: CHATDESK_SIGN_COMMAND")


def test_a_failed_signature_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(windows.SIGN_COMMAND, "exit 1;")
    with pytest.raises(BuildError, match="could not be signed"):
        windows.sign([tmp_path / "program.exe"])


def test_the_zip_is_one_folder_and_repeats(
    frozen: Path, tmp_path: Path, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    (archive,) = portable.make(frozen, tmp_path, tmp_path, project)
    assert archive.name == f"Chatdesk-{project.version}-windows-{architecture()}.zip"

    with zipfile.ZipFile(archive) as zipped:
        names = zipped.namelist()
        readme = zipped.read(f"Chatdesk-{project.version}/README.txt").decode()
    assert {name.split("/")[0] for name in names} == {f"Chatdesk-{project.version}"}
    assert len(names) == 7
    assert "%LOCALAPPDATA%\\Chatdesk" in readme and "CHATDESK_DATA_DIR" in readme

    first = archive.read_bytes()
    portable.make(frozen, tmp_path, tmp_path, project)
    assert archive.read_bytes() == first
