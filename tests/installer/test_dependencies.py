"""What the packages declare to need is what the application needs, and no more.

Asked of the dynamic linker in a clean Debian with the package's declared dependencies and nothing
else, and of rpm's own tool that names what a library needs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from clean_root import CleanRoot
from clean_root_maker import make_root, remove_root, why_not
from installers import needs

LINKER = "/lib64/ld-linux-x86-64.so.2"
PROGRAMS = "/usr/lib/chatdesk"
# Declared for another reason than a library that is linked.
REASONS = {"xkb-data": "libxkbcommon, which is inside, reads the keyboards' files from there"}

# Debian 12 and Ubuntu 22.04 have at least these: what is newer would leave one of them out.
GLIBC, GLIBCXX = (2, 35), (3, 4, 30)

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())


@dataclass(frozen=True)
class Linked:
    """One of the application's files: what it names, and where the linker finds all it needs."""

    named: frozenset[str]
    found: dict[str, str]


@pytest.fixture(scope="module")
def root(deb: Path) -> Iterator[CleanRoot]:
    """A clean Debian 12 with the package and what it depends on."""
    made = make_root("bookworm", "dependencies")
    made.install(deb)
    yield made
    remove_root(made.folder)


@pytest.fixture(scope="module")
def declared(root: CleanRoot) -> set[str]:
    """The names of the packages in Depends that are installed."""
    text = root.run("dpkg-query", "-W", "-f", "${Depends}", "chatdesk", person=False)
    names = {re.sub(r"\s*\(.*?\)", "", name).strip() for name in re.split(r"[,|]", text)}
    return names & set(root.run("dpkg-query", "-W", "-f", "${Package}\n", person=False).split())


@pytest.fixture(scope="module")
def linked(root: CleanRoot) -> dict[str, Linked]:
    """Every program and library of the application by its path."""
    folder = root.path(PROGRAMS)
    result = {}
    for file in needs.elf_files(folder):
        inside = f"{PROGRAMS}/{file.relative_to(folder)}"
        result[inside] = Linked(frozenset(_named(file)), trace(root, inside))
    return result


def _named(file: Path) -> set[str]:
    told = needs.run(["readelf", "--wide", "--dynamic", str(file)], "read a library")
    return set(re.findall(r"\(NEEDED\)\s+Shared library: \[([^\]]+)\]", told))


def trace(root: CleanRoot, inside: str) -> dict[str, str]:
    """The libraries that a file needs and where the linker finds them; "" for nowhere."""
    told = root.attempt(
        LINKER, "--list", inside,
        environment={"LD_LIBRARY_PATH": f"{PROGRAMS}/_internal"},
    ).stdout  # fmt: skip
    found = {}
    for name, place in re.findall(r"^\s*(\S+) => (.+?)(?: \(0x[0-9a-f]+\))?$", told, re.MULTILINE):
        found[name] = "" if place == "not found" else place
    return found


def test_nothing_is_missing_with_only_the_declared_packages(linked: dict[str, Linked]) -> None:
    assert len(linked) > 50
    missing = {
        (file, name) for file, it in linked.items() for name, place in it.found.items() if not place
    }
    assert missing == set()


def test_every_library_that_is_named_comes_from_a_declared_package(
    root: CleanRoot, linked: dict[str, Linked], declared: set[str]
) -> None:
    owned = {path: package for package in declared for path in root.files_of(package)}
    strangers = set()
    for it in linked.values():
        for name in it.named:
            place = root.resolved(it.found.get(name, LINKER))
            if not place.startswith(PROGRAMS) and place not in owned:
                strangers.add((name, place))
    assert strangers == set()


def test_without_any_of_the_declared_packages_something_is_missing(
    root: CleanRoot, linked: dict[str, Linked], declared: set[str]
) -> None:
    """A package's libraries are taken away as a forced removal would, and put back."""
    superfluous = set()
    for package in declared - set(REASONS):
        files = root.files_of(package)
        using = [
            (file, name)
            for file, it in linked.items()
            for name in it.named
            if root.resolved(it.found.get(name, "/")) in files
        ]
        if not using:
            superfluous.add(package)
            continue
        file, name = using[0]
        if name.startswith("ld-linux"):
            continue
        library = root.path(root.resolved(linked[file].found[name]))
        aside = library.with_name(f"{library.name}.aside")
        library.rename(aside)
        try:
            told = root.attempt(
                LINKER, "--list", file,
                environment={"LD_LIBRARY_PATH": f"{PROGRAMS}/_internal"},
            )  # fmt: skip
        finally:
            aside.rename(library)
        assert re.search(rf"{re.escape(name)}(: cannot open| => not found)", told.stdout), package
    assert superfluous == set()


def test_what_is_declared_for_another_reason_is_there(root: CleanRoot, declared: set[str]) -> None:
    assert set(REASONS) <= declared
    assert root.path("/usr/share/X11/xkb/rules/evdev").exists()


def test_the_oldest_systems_libraries_are_new_enough(root: CleanRoot) -> None:
    needed = needs.read_needs(root.path(PROGRAMS))
    assert needed.glibc <= GLIBC
    assert needed.glibcxx <= GLIBCXX


def test_rpm_itself_would_require_the_same(root: CleanRoot, rpm: Path) -> None:
    """elfdeps is what rpmbuild asks on an RPM distribution; its names are everybody's names."""
    tool = "/usr/lib/rpm/elfdeps"
    files = list(needs.elf_files(root.path(PROGRAMS)))
    listing = "\n".join(map(str, files))
    told = needs.run(["sh", "-c", f"{tool} --requires <<'E'\n{listing}\nE\n"], "ask elfdeps")
    inside = {file.name for file in root.path(PROGRAMS).rglob("*")}
    asked = {name for name in told.split() if name.partition("(")[0] not in inside}
    asked = {name for name in asked if not name.startswith(("ld-linux", "rtld("))}
    # A version that a newer one of the same family includes is not repeated.
    stated = set(needs.run(["rpm", "-qp", "--requires", str(rpm)], "ask the package").split("\n"))
    libraries = {name.strip() for name in stated if name.startswith("lib")}
    assert {name.partition("(")[0] for name in asked} == {n.partition("(")[0] for n in libraries}
    assert libraries <= asked
    assert all(re.fullmatch(r"lib[\w.+-]+\.so[\d.]*\([\w.]*\)\(64bit\)", n) for n in libraries)
    others = {n.strip() for n in stated if n.strip()} - libraries
    assert {n for n in others if not n.startswith("rpmlib(")} == {"/bin/sh", "xkeyboard-config"}


def test_libraries_of_these_names_provide_what_the_rpm_requires(
    root: CleanRoot, rpm: Path, linked: dict[str, Linked]
) -> None:
    """Debian's libraries, named by rpm's tool, are stand-ins for those of an RPM distribution."""
    places = {root.resolved(p) for it in linked.values() for p in it.found.values() if p}
    outside = sorted(str(root.path(p)) for p in places if not p.startswith(PROGRAMS))
    listing = "\n".join(outside)
    told = needs.run(
        ["sh", "-c", f"/usr/lib/rpm/elfdeps --provides <<'E'\n{listing}\nE\n"], "ask elfdeps"
    )
    stated = needs.run(["rpm", "-qp", "--requires", str(rpm)], "ask the package").split("\n")
    libraries = {name.strip() for name in stated if name.startswith("lib")}
    assert libraries - set(told.split()) == set()
