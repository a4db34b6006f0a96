"""Model files that are opened, dropped or handed over: the window never waits for the disk."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy
import pytest
from gguf import GGUFWriter

from chatdesk.errors import ModelError
from chatdesk.files import file_lock
from chatdesk.library import Library
from chatdesk.providers.llama import ModelState

if TYPE_CHECKING:
    from tests.ui.conftest import Person
else:
    Person = Any


@pytest.fixture
def models(tmp_path: Path) -> list[Path]:
    """Three model files that Chatdesk does not know."""
    paths = [tmp_path / f"{name}.gguf" for name in ("one", "two", "three")]
    for path in paths:
        writer = GGUFWriter(path, "llama")
        writer.add_chat_template("{{ messages }}")
        writer.add_tensor("token_embd.weight", numpy.zeros((4, 64), dtype=numpy.float32))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
    return paths


def use(person: Person, models: list[Path]) -> None:
    person.desk.models.add([str(path) for path in models])


def used(person: Person) -> str:
    return str(person.settings.values.model.default)


def test_the_last_of_several_is_used_and_all_are_there(person: Person, models: list[Path]) -> None:
    use(person, models)
    person.qtbot.waitUntil(lambda: used(person) == str(models[-1]))
    assert set(models) <= {entry.path for entry in Library(person.data).list()}
    assert person.provider.loads == 1


def test_one_that_cannot_be_loaded_gives_way_to_the_model_before(
    person: Person, models: list[Path]
) -> None:
    use(person, models[:1])
    person.qtbot.waitUntil(lambda: used(person) == str(models[0]))
    person.desk.models.on_state(ModelState("ready", "one", 1.0, path=models[0]))
    use(person, models[1:2])
    person.qtbot.waitUntil(lambda: used(person) == str(models[1]))
    error = ModelError("It is damaged.", "Choose another.")
    person.desk.models.on_state(ModelState("failed", "two", error=error, path=models[1]))
    assert used(person) == str(models[0])


def test_a_person_types_while_the_disk_stalls(
    person: Person, models: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    window, moving, waiting = threading.current_thread(), threading.Event(), threading.Event()
    in_window: list[int] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        if threading.current_thread() is window:
            in_window.append(descriptor)
        else:
            waiting.set()
            assert moving.wait(60)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    use(person, models)
    person.qtbot.waitUntil(waiting.is_set)
    person.type("Hello")
    assert (person.text, used(person)) == ("Hello", "")
    moving.set()
    person.qtbot.waitUntil(lambda: used(person) == str(models[-1]))
    assert in_window == []


@pytest.mark.parametrize("name", [".models.json.lock", ".settings.json.lock"])
def test_a_person_types_while_another_chatdesk_saves(
    person: Person, models: list[Path], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    waiting, real = threading.Event(), time.sleep

    def sleep(seconds: float) -> None:
        waiting.set()
        real(seconds)

    monkeypatch.setattr(time, "sleep", sleep)
    with file_lock(person.data.root / name):
        use(person, models)
        person.qtbot.waitUntil(waiting.is_set)
        person.type("Hello")
        assert (person.text, used(person)) == ("Hello", "")
    person.qtbot.waitUntil(lambda: used(person) == str(models[-1]))
