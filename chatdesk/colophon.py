"""Who publishes Chatdesk and whose work is in it, as its package's record tells.

pyproject.toml is the one place where name, summary and addresses are written; an installed and a
packaged Chatdesk carry them as metadata. A folder of sources that was never installed has none, and
then there is nothing to tell. Reads files; asks nothing of the network.
"""

from __future__ import annotations

import re
from importlib import metadata
from urllib.parse import urlsplit

from chatdesk import paths

NAME = "Chatdesk"
_PACKAGE = "chatdesk"
_EXTRA = re.compile(r";.*\bextra\b")
_PROJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

LGPL = (
    "The window is made with Qt and PySide6, used under the GNU Lesser General Public License, "
    "version 3: you may exchange these libraries for your own versions of them. Their source code "
    "is at download.qt.io/official_releases/QtForPython and code.qt.io."
)


def summary() -> str:
    """What Chatdesk is, in one line; "" where there is no record."""
    found = _record()
    return _field(found, "Summary") if found is not None else ""


def page(label: str) -> str | None:
    """The address of one of the project's pages ("Homepage", "Releases"); None where none is told.

    Only one that a browser can be sent to without risk: https, or http.
    """
    found = _record()
    for entry in (found.get_all("Project-URL") or ()) if found is not None else ():
        name, _, address = entry.partition(",")
        if name.strip().casefold() == label.casefold():
            address = address.strip()
            return address if urlsplit(address).scheme in ("https", "http") else None
    return None


def application_id() -> str | None:
    """The id by which systems know Chatdesk: the homepage's host backwards, and the name.

    "example.chatdesk.Chatdesk" for https://chatdesk.example. The installers derive the same one.
    """
    homepage = page("Homepage")
    host = urlsplit(homepage).hostname if homepage else None
    return ".".join([*reversed(host.split(".")), NAME]) if host else None


def notice() -> str:
    """Whose work Chatdesk contains and under which licences, as a text to read.

    Packaged, it is the list made for exactly that package (packaging/installers/licences.py).
    """
    path = paths.resource("licences") / "THIRD-PARTY.txt"
    if path.is_file():
        return path.read_text(encoding="utf-8")
    return (
        "\n".join((f"{NAME} is published under the MIT licence.", "", LGPL, "", *_works())) + "\n"
    )


def licence_folder() -> str | None:
    """Where the texts of the licences are; None where Chatdesk is not packaged."""
    folder = paths.resource("licences")
    return str(folder) if folder.is_dir() else None


def _works() -> list[str]:
    """A line for each package that Chatdesk needs, directly or not, and that is installed."""
    todo, found = [_PACKAGE], dict[str, str]()
    while todo:
        try:
            record = metadata.distribution(todo.pop())
        except metadata.PackageNotFoundError:
            continue  # of another system, or another Python
        name = record.metadata["Name"]
        if name.casefold() in found:
            continue
        found[name.casefold()] = f"{name} {record.version}: {_licence(record.metadata)}"
        needed = (line for line in record.requires or () if not _EXTRA.search(line))
        todo += [match.group() for line in needed if (match := _PROJECT.match(line))]
    found.pop(_PACKAGE, None)
    if not found:
        return ["The licences of the installed packages are in the folders of their metadata."]
    return [
        "It uses these packages; the texts of their licences are in their *.dist-info folders.",
        "",
        *(found[name] for name in sorted(found)),
        "llama.cpp and ggml (inside llama-cpp-python): MIT",
    ]


def _licence(record: metadata.PackageMetadata) -> str:
    declared = _field(record, "License-Expression") or _field(record, "License")
    if not declared.strip():
        trove = (entry for entry in record.get_all("Classifier") or () if "License ::" in entry)
        declared = ", ".join(entry.rpartition(" :: ")[2] for entry in trove)
    return declared.strip().partition("\n")[0] or "see its folder"


def _field(record: metadata.PackageMetadata, name: str) -> str:
    values = record.get_all(name)
    return str(values[0]) if values else ""


def _record() -> metadata.PackageMetadata | None:
    try:
        return metadata.metadata(_PACKAGE)
    except metadata.PackageNotFoundError:
        return None
