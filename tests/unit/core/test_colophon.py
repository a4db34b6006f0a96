"""Who publishes Chatdesk and whose work is in it, as the package's record tells."""

from __future__ import annotations

from email.message import Message
from importlib import metadata
from pathlib import Path

import pytest

from chatdesk import colophon, paths


def record(*pages: str) -> Message:
    message = Message()
    message["Summary"] = "Private AI chat"
    for page in pages:
        message["Project-URL"] = page
    return message


def told(monkeypatch: pytest.MonkeyPatch, *pages: str) -> None:
    monkeypatch.setattr(metadata, "metadata", lambda name: record(*pages))


def test_pages_are_those_of_the_record(monkeypatch: pytest.MonkeyPatch) -> None:
    told(monkeypatch, "Homepage, https://chatdesk.example", "Releases, https://a.example/r?a=1,2")
    assert colophon.page("Releases") == "https://a.example/r?a=1,2"
    assert colophon.page("releases") == "https://a.example/r?a=1,2"
    assert colophon.page("Funding") is None
    assert colophon.summary() == "Private AI chat"


@pytest.mark.parametrize("address", ["file:///etc/passwd", "javascript:alert(1)", "calc.exe", ""])
def test_only_pages_of_the_web_are_told(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    told(monkeypatch, f"Releases, {address}")
    assert colophon.page("Releases") is None


@pytest.mark.parametrize(
    ("homepage", "expected"),
    [
        ("https://chatdesk.example", "example.chatdesk.Chatdesk"),
        ("https://www.chatdesk.example:444/en", "example.chatdesk.www.Chatdesk"),
    ],
)
def test_the_id_is_the_homepage_backwards(
    monkeypatch: pytest.MonkeyPatch, homepage: str, expected: str
) -> None:
    told(monkeypatch, f"Homepage, {homepage}")
    assert colophon.application_id() == expected


def test_without_a_record_there_is_nothing_to_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Message:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "metadata", missing)
    monkeypatch.setattr(metadata, "distribution", missing)
    assert (colophon.summary(), colophon.page("Releases"), colophon.application_id()) == (
        "",
        None,
        None,
    )
    assert "MIT" in colophon.notice() and "Lesser General Public" in colophon.notice()


def test_from_source_the_notice_is_made_of_what_is_installed() -> None:
    notice = colophon.notice()
    lines = notice.splitlines()
    for name in ("PySide6_Essentials", "llama_cpp_python", "shiboken6", "jinja2"):
        assert any(line.casefold().startswith(name.casefold()) for line in lines), name
    assert "Lesser General Public License" in notice
    assert not any(line.casefold().startswith(("pytest", "hypothesis")) for line in lines)


def test_packaged_the_notice_is_the_package_s(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(paths, "resource", lambda name: tmp_path / name)
    assert colophon.licence_folder() is None
    (tmp_path / "licences").mkdir()
    (tmp_path / "licences" / "THIRD-PARTY.txt").write_text("Qt: LGPL\n", encoding="utf-8")
    assert colophon.notice() == "Qt: LGPL\n"
    assert colophon.licence_folder() == str(tmp_path / "licences")
