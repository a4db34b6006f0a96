"""The copyright file of the Linux packages, in Debian's machine-readable format.

Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/. The works inside are
those of the bill of materials that the application carries, with their licences' texts.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from installers.project import PACKAGING, BuildError, Project

_LICENCES = "_internal/resources/licences"
_INSTALLED = f"usr/lib/chatdesk/{_LICENCES}"
_HOLDER = re.compile(r"^Copyright \(c\) (.+)$", re.MULTILINE)

# The parts that are files of their own: which, whose, under what.
_PARTS = (
    ("usr/lib/chatdesk/*Qt6* usr/lib/chatdesk/*PySide6* usr/lib/chatdesk/*pyside6*\n"
     " usr/lib/chatdesk/*shiboken6*",
     "The Qt Company Ltd. and other contributors", "LGPL-3",
     "Used under the LGPL 3: these files may be replaced by changed ones."),
    ("usr/lib/chatdesk/*.gguf", "Hugging Face", "Apache-2.0", "The bundled model."),
    ("usr/lib/chatdesk/_internal/llama_cpp/*", "The ggml authors; Andrei Betlen", "MIT", ""),
    ("usr/lib/chatdesk/_internal/libpython* usr/lib/chatdesk/_internal/python*",
     "Python Software Foundation", "PSF-2.0", ""),
    ("usr/lib/chatdesk/_internal/libcrypto* usr/lib/chatdesk/_internal/libssl*",
     "The OpenSSL Project Authors", "Apache-2.0", ""),
    ("usr/lib/chatdesk/_internal/libgomp*", "Free Software Foundation, Inc.",
     "GPL-3-with-GCC-exception", ""),
)  # fmt: skip
_COMMON = (
    ("Apache-2.0", "Apache-2.0"),
    ("LGPL-3", "LGPL-3"),
    ("GPL-3-with-GCC-exception", "GPL-3"),
)


def copyright_file(frozen: Path, project: Project) -> str:
    """The file's text. Raises BuildError where the application has no bill of materials."""
    mit = (PACKAGING / "licences" / "MIT.txt").read_text(encoding="utf-8")
    holder = _HOLDER.search(mit)
    bill = frozen / _LICENCES / "chatdesk.cdx.json"
    if holder is None or not bill.is_file():
        raise BuildError(f"The licences or {bill.name} are missing: freeze the application again.")
    paragraphs = [
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"
        f"Upstream-Name: {project.title}\n"
        f"Upstream-Contact: {project.author} <{project.email}>\n"
        f"Source: {project.homepage}",
        f"Files: *\nCopyright: {holder[1]}\nLicense: {project.licence}\nComment:\n{_comment(bill)}",
    ]
    for files, whose, licence, comment in _PARTS:
        said = f"\nComment: {comment}" if comment else ""
        paragraphs.append(f"Files: {files}\nCopyright: {whose}\nLicense: {licence}{said}")
    terms = mit.partition("\n\n")[2].partition("\n\n")[2] or mit
    paragraphs.append(f"License: MIT\n{_indented(terms)}")
    for name, common in _COMMON:
        exception = (
            " With the GCC Runtime Library Exception, version 3.1, which lets any program use it.\n"
            if name.endswith("exception")
            else ""
        )
        paragraphs.append(
            f"License: {name}\n{exception}"
            f" On Debian systems the text is in /usr/share/common-licenses/{common}."
        )
    paragraphs.append(f"License: PSF-2.0\n The text is in /{_INSTALLED}/Python/LICENSE.txt.")
    return "\n\n".join(paragraphs) + "\n"


def _comment(bill: Path) -> str:
    components = json.loads(bill.read_text(encoding="utf-8"))["components"]
    works = sorted((_work(component) for component in components), key=str.casefold)
    head = (
        f"The program contains the works below. Their copyright notices and licences are in\n"
        f"/{_INSTALLED}, together with\nTHIRD-PARTY.txt, which tells where they come from.\n\n"
    )
    return _indented(head + "\n".join(works))


def _work(component: dict[str, object]) -> str:
    told = ""
    for entry in component.get("licenses", ()):  # type: ignore[attr-defined]
        told = entry.get("expression") or entry["license"]["name"]
    return f"{component['name']} {component['version']}" + (f" ({told})" if told else "")


def _indented(text: str) -> str:
    """Text as a field's continuation lines: a space before each, a dot for an empty one."""
    return "\n".join(f" {line.rstrip()}" if line.strip() else " ." for line in text.splitlines())
