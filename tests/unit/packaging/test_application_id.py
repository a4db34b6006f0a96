"""The id that installers write into the system is the one that the program tells it."""

from __future__ import annotations

from email.message import Message
from importlib import metadata

import pytest
from installers.project import read_project

from chatdesk import colophon


def test_the_program_and_its_installers_have_one_id(monkeypatch: pytest.MonkeyPatch) -> None:
    project = read_project()
    record = Message()
    record["Project-URL"] = f"Homepage, {project.homepage}"
    record["Project-URL"] = f"Releases, {project.releases}"
    monkeypatch.setattr(metadata, "metadata", lambda name: record)
    assert colophon.application_id() == project.application_id
    assert colophon.page("Releases") == project.releases
