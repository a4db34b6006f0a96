"""The Linux packages' words: what they ask of the system, what they tell desktops and people."""

from __future__ import annotations

import datetime
import gzip
import json
import lzma
import os
import tarfile
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from installers import deb, linux_tree, needs, notices, rpm, tar
from installers.project import BuildError, Project, read_project
from installers.releases import Release, read_releases

from chatdesk.cli.root import COMMANDS, root

NEEDED = needs.Needs(
    {
        "libX11.so.6": {},
        "libc.so.6": {"GLIBC": (2, 35)},
        "libglib-2.0.so.0": {},
        "libm.so.6": {"GLIBC": (2, 9)},
        "libstdc++.so.6": {"CXXABI": (1, 3, 13), "GLIBCXX": (3, 4, 29)},
    }
)
READELF = """
File: /app/chatdesk

 0x0000000000000001 (NEEDED)             Shared library: [libX11.so.6]
 0x0000000000000001 (NEEDED)             Shared library: [libc.so.6]
 0x000000000000001d (RUNPATH)            Library runpath: [$ORIGIN]

Version needs section '.gnu.version_r' contains 2 entries:
 Addr: 0x0000000000401880  Offset: 0x001880  Link: 6 (.dynstr)
  000000: Version: 1  File: libc.so.6  Cnt: 3
  0x0010:   Name: GLIBC_2.9  Flags: none  Version: 4
  0x0020:   Name: GLIBC_2.34  Flags: none  Version: 3
  0x0030:   Name: GLIBC_PRIVATE  Flags: none  Version: 2
  0x0040: Version: 1  File: libstdc++.so.6  Cnt: 1
  0x0050:   Name: GLIBCXX_3.4.29  Flags: WEAK  Version: 5
"""


@pytest.fixture
def project() -> Project:
    """The project as pyproject.toml tells it."""
    return read_project()


@pytest.fixture
def releases() -> tuple[Release, ...]:
    """A newer release and an older one."""
    return (
        Release("0.2.0", datetime.date(2026, 11, 2), ("Faster & <better>: " + "word " * 30,)),
        Release("0.1.0", datetime.date(2026, 10, 1), ("The first one.", "With 100 % of it.")),
    )


# -- what they ask of the system ----------------------------------------------------------------


def test_the_newest_version_of_each_librarys_symbols_counts() -> None:
    assert needs.parse(READELF) == {
        "libX11.so.6": {},
        "libc.so.6": {"GLIBC": (2, 34)},
        "libstdc++.so.6": {"GLIBCXX": (3, 4, 29)},
    }


def test_the_floor_is_that_of_the_most_demanding_library() -> None:
    assert NEEDED.glibc == (2, 35)
    assert NEEDED.glibcxx == (3, 4, 29)


def test_debian_names_each_package_once_and_both_names_of_a_renamed_one() -> None:
    assert needs.debian_depends(NEEDED) == [
        "libc6 (>= 2.35)",
        "libglib2.0-0t64 | libglib2.0-0",
        "libstdc++6 (>= 11)",
        "libx11-6",
        "xkb-data",
    ]


def test_rpm_names_libraries_as_every_distribution_does() -> None:
    assert needs.rpm_requires(NEEDED) == [
        "libX11.so.6()(64bit)",
        "libc.so.6()(64bit)",
        "libc.so.6(GLIBC_2.35)(64bit)",
        "libglib-2.0.so.0()(64bit)",
        "libm.so.6()(64bit)",
        "libm.so.6(GLIBC_2.9)(64bit)",
        "libstdc++.so.6()(64bit)",
        "libstdc++.so.6(CXXABI_1.3.13)(64bit)",
        "libstdc++.so.6(GLIBCXX_3.4.29)(64bit)",
        "xkeyboard-config",
    ]


def test_a_library_that_nobody_looked_at_stops_the_build() -> None:
    unknown = needs.Needs({"libodd.so.3": {}})
    with pytest.raises(BuildError, match=r"libodd\.so\.3"):
        needs.debian_depends(unknown)
    with pytest.raises(BuildError, match=r"libodd\.so\.3"):
        needs.rpm_requires(unknown)


def test_a_newer_libstdcxx_than_is_known_stops_the_build() -> None:
    newer = needs.Needs({"libstdc++.so.6": {"GLIBCXX": (3, 9, 1)}})
    with pytest.raises(BuildError, match=r"GLIBCXX_3\.9\.1"):
        needs.debian_depends(newer)


# -- the changelog -------------------------------------------------------------------------------


def test_the_changelog_without_the_version_tells_of_the_one_being_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    file = tmp_path / "CHANGELOG.md"
    file.write_text(
        "# Changelog\n\nWords.\n\n## [Unreleased]\n\n### Added\n\n- `One` thing\n  and [more](x).\n"
        "- Two.\n\n### Fixed\n\n- Three.\n\n## [0.1.0] - 2023-01-02\n\n- The first.\n"
    )
    assert read_releases("0.2.0", file) == (
        Release("0.2.0", datetime.date(2023, 11, 14), ("One thing and more.", "Two.", "Three.")),
        Release("0.1.0", datetime.date(2023, 1, 2), ("The first.",)),
    )
    assert [release.version for release in read_releases("0.1.0", file)] == ["0.1.0"]


def test_a_version_that_the_changelog_does_not_know_stops_the_build(tmp_path: Path) -> None:
    file = tmp_path / "CHANGELOG.md"
    file.write_text("## [0.1.0] - 2023-01-02\n\n- The first.\n")
    with pytest.raises(BuildError, match=r"0\.2\.0"):
        read_releases("0.2.0", file)


def test_debians_changelog_has_its_form(project: Project, releases: tuple[Release, ...]) -> None:
    lines = deb.changelog(project, releases).splitlines()
    assert lines[0] == "chatdesk (0.2.0) stable; urgency=medium"
    assert lines[2].startswith("  * Faster & <better>: word")
    assert lines[3].startswith("    word")
    foot = f" -- {project.author} <{project.email}>  Mon, 02 Nov 2026 12:00:00 +0000"
    assert foot in lines
    assert max(len(line) for line in lines if not line.startswith(" -- ")) <= 80


@pytest.mark.parametrize(
    ("python", "debian"),
    [("0.1.0", "0.1.0"), ("1.0rc2", "1.0~rc2"), ("1.2.0.dev3", "1.2.0~dev3"), ("1.0b1", "1.0~b1")],
)
def test_what_comes_before_a_release_sorts_before_it(python: str, debian: str) -> None:
    assert deb.debian_version(python) == debian


# -- the records ---------------------------------------------------------------------------------


def test_the_control_file_is_made_of_the_projects_words(project: Project) -> None:
    text = deb.control(project, NEEDED, 1234)
    fields = dict(line.split(": ", 1) for line in text.splitlines() if not line.startswith(" "))
    assert fields["Package"] == "chatdesk"
    assert fields["Version"] == project.version
    assert fields["Installed-Size"] == "1234"
    assert fields["Depends"].startswith("libc6 (>= 2.35), ")
    assert fields["Description"] == project.summary
    described = [line for line in text.splitlines() if line.startswith(" ")]
    assert " ".join(line.strip() for line in described) == project.description
    assert all(len(line) < 80 for line in described)


def test_the_rpm_recipe_turns_rpms_own_ideas_off(
    project: Project, releases: tuple[Release, ...], tmp_path: Path
) -> None:
    text = rpm.spec(project, NEEDED, ["/usr/lib/chatdesk"], releases, tmp_path)
    assert "AutoReqProv: no\n" in text
    assert "Requires: libX11.so.6()(64bit)\n" in text
    assert "* Thu Oct 01 2026 The Chatdesk developers <" in text
    assert "- With 100 %% of it." in text  # one sign would begin a macro


def test_rpm_owns_the_applications_folders_and_no_shared_one(tmp_path: Path) -> None:
    for name in (
        "usr/lib/chatdesk/_internal/a.so",
        "usr/share/applications/chatdesk.desktop",
        "usr/share/doc/chatdesk/copyright",
        "usr/share/man/man1/chatdesk.1.gz",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "usr/bin").mkdir()
    (tmp_path / "usr/bin/chatdesk").symlink_to("../lib/chatdesk/chatdesk")
    assert rpm.file_list(tmp_path) == [
        "/usr/lib/chatdesk",
        "/usr/share/doc/chatdesk",
        "/usr/bin/chatdesk",
        "/usr/share/applications/chatdesk.desktop",
        "%doc /usr/share/man/man1/chatdesk.1.gz",
    ]


def test_the_menu_entry_is_the_one_that_the_window_names(project: Project) -> None:
    lines = dict(
        line.split("=", 1) for line in linux_tree.desktop_entry(project).splitlines() if "=" in line
    )
    assert lines["Name"] == "Chatdesk"
    assert lines["Comment"] == project.summary
    assert lines["Exec"] == "chatdesk %F"
    assert lines["StartupWMClass"] == lines["Icon"] == "chatdesk"
    assert "application/x-gguf;" in lines["MimeType"]


def test_the_metainfo_is_well_formed_and_tells_all_releases(
    project: Project, releases: tuple[Release, ...]
) -> None:
    document = ET.fromstring(linux_tree.metainfo(project, releases))
    assert document.findtext("id") == project.application_id == "example.chatdesk.Chatdesk"
    assert document.findtext("launchable") == "chatdesk.desktop"
    assert [r.get("version") for r in document.iter("release")] == ["0.2.0", "0.1.0"]
    item = document.find("releases/release/description/ul/li")
    assert item is not None and item.text == releases[0].changes[0]
    pictures = [image.text or "" for image in document.iter("image")]
    assert pictures and all(text.startswith(f"{project.homepage}/images/") for text in pictures)


def test_the_file_type_is_known_by_its_name_and_its_first_bytes() -> None:
    text = (linux_tree.PACKAGING / "linux" / "mime.xml").read_text()
    space = "{http://www.freedesktop.org/standards/shared-mime-info}"
    kind = ET.fromstring(text)[0]
    assert kind.get("type") == "application/x-gguf"
    assert [match.get("value") for match in kind.iter(f"{space}match")] == ["GGUF"]
    assert [glob.get("pattern") for glob in kind.iter(f"{space}glob")] == ["*.gguf"]


def test_the_manual_page_has_every_command_as_the_program_tells_it(
    project: Project, releases: tuple[Release, ...]
) -> None:
    told = linux_tree.command_line()
    assert list(told) == list(COMMANDS)
    for name, said in told.items():
        command = root.get_command(None, name)  # type: ignore[arg-type]
        assert command is not None and command.help is not None
        assert said == " ".join(command.help.split("\n\n")[0].split())
    page = linux_tree.man_page(project, releases[0])
    assert page.startswith('.\\"')
    assert '.TH CHATDESK 1 "2026-11-02" "Chatdesk 0.1.0"' in page
    assert "chatdesk \\- private, offline AI chat" in page


def test_the_copyright_file_names_every_work_inside(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "_internal/resources/licences"
    folder.mkdir(parents=True)
    works = [
        {"name": "odd", "version": "1.0", "licenses": [{"license": {"name": "Odd licence"}}]},
        {"name": "even", "version": "2.0", "licenses": [{"expression": "MIT OR 0BSD"}]},
    ]
    (folder / "chatdesk.cdx.json").write_text(json.dumps({"components": works}))
    text = notices.copyright_file(tmp_path, project)
    assert "\n even 2.0 (MIT OR 0BSD)\n odd 1.0 (Odd licence)\n" in text
    # Policy: a licence that is named for files has a paragraph of its own.
    used = {p.split("License: ")[1].split("\n")[0] for p in text.split("\n\n") if "Files: " in p}
    told = {p.split("License: ")[1].split("\n")[0] for p in text.split("\n\n") if p[:1] == "L"}
    assert used == told


def test_an_application_without_its_licences_stops_the_build(
    project: Project, tmp_path: Path
) -> None:
    with pytest.raises(BuildError, match="freeze"):
        notices.copyright_file(tmp_path, project)


# -- the same tree, the same bytes ---------------------------------------------------------------


def test_the_archive_depends_on_nothing_but_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    packed = []
    for mode in (0o022, 0o077):
        tree = tmp_path / str(mode) / "chatdesk-1"
        mask = os.umask(mode)
        try:
            (tree / "_internal").mkdir(parents=True)
            (tree / "chatdesk").write_bytes(b"program")
            (tree / "_internal/a.so").write_bytes(b"library")
            (tree / "_internal/link.so").symlink_to("a.so")
            (tree / "install.sh").write_bytes(b"#!/bin/sh\n")
        finally:
            os.umask(mask)
        linux_tree.settle(tree)
        file = tmp_path / f"{mode}.tar.xz"
        tar.pack(tree, file)
        packed.append(file.read_bytes())
    assert packed[0] == packed[1]
    with lzma.open(tmp_path / f"{0o022}.tar.xz") as file_, tarfile.open(fileobj=file_) as archive:
        members = {m.name: m for m in archive}
    assert list(members) == sorted(members)
    assert {m.mtime for m in members.values()} == {1700000000}
    assert {(m.uid, m.gid, m.uname, m.gname) for m in members.values()} == {(0, 0, "root", "root")}
    modes = {name.partition("/")[2]: m.mode for name, m in members.items() if not m.issym()}
    assert modes == {
        "": 0o755,
        "_internal": 0o755,
        "_internal/a.so": 0o644,
        "chatdesk": 0o755,
        "install.sh": 0o755,
    }


def test_compressed_text_holds_no_time() -> None:
    packed = linux_tree.compressed("words")
    assert packed == linux_tree.compressed("words")
    assert packed[4:8] == bytes(4)
    assert gzip.decompress(packed) == b"words"
