"""providers.json: whatever it contains and whoever else writes it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatdesk.errors import NotFound, StoreError, UsageError
from chatdesk.files import file_lock
from chatdesk.paths import DataDir
from chatdesk.providers.profiles import Profile, Profiles
from chatdesk.providers.profiles.profile import TEMPLATES


@pytest.fixture
def path(data: DataDir) -> Path:
    return data.root / "providers.json"


def entries(path: Path) -> list[dict[str, Any]]:
    return list(json.loads(path.read_text())["providers"])


def write(path: Path, document: object) -> None:
    path.write_text(json.dumps(document), encoding="utf-8")


def rejected(path: Path) -> list[bytes]:
    return [kept.read_bytes() for kept in sorted(path.parent.glob("providers.rejected-*.json"))]


# -- adding, changing, removing -------------------------------------------------------------------


def test_without_a_file_there_are_none_and_nothing_is_written(data: DataDir, path: Path) -> None:
    profiles = Profiles(data)
    assert profiles.list() == [] and profiles.problems == ()
    assert not path.exists()


def test_a_provider_survives_a_restart(data: DataDir) -> None:
    added = Profiles(data).add(
        "My TGI",
        "tgi",
        base_url="http://10.0.0.2:8080",
        models=("a", "b"),
        headers=(("X-Title", "Chatdesk"),),
        context_size=4096,
        template="chatml",
        use_environment=True,
        allow_http=True,
        default_model="a",
    )
    assert Profiles(data).list() == [added]
    assert added.use_environment and added.allow_http and not added.needs_key


@pytest.mark.skipif(os.name != "posix", reason="modes")
def test_only_the_owner_can_read_the_file(profiles: Profiles, path: Path) -> None:
    profiles.add("Mistral", "mistral")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_changing_keeps_the_id_and_the_place(profiles: Profiles) -> None:
    first = profiles.add("One", "openai")
    profiles.add("Two", "mistral")
    renamed = profiles.change(replace(first, name="Another"))
    assert renamed.id == first.id
    assert [profile.name for profile in profiles.list()] == ["Another", "Two"]
    assert profiles.find("another") == profiles.find(first.id) == renamed


def test_two_providers_never_share_a_name_or_an_id(profiles: Profiles) -> None:
    first = profiles.add("Mistral", "mistral")
    second = profiles.add("Other", "mistral")
    for name in ("mistral", " MISTRAL ", first.id):
        with pytest.raises(UsageError, match="already"):
            profiles.add(name, "openai")
        with pytest.raises(UsageError, match="already"):
            profiles.change(replace(second, name=name))
    assert first.id != second.id


def test_a_provider_that_is_added_again_has_its_id_back(profiles: Profiles) -> None:
    first = profiles.add("Mistral", "mistral")
    profiles.remove(first.id)
    assert profiles.add("Mistral", "mistral").id == first.id


def test_another_server_of_the_same_name_never_gets_the_id(profiles: Profiles) -> None:
    """Conversations of the removed one would be sent to it."""
    first = profiles.add("Mine", "custom", base_url="http://localhost:8000/v1")
    profiles.remove(first.id)
    second = profiles.add("Mine", "custom", base_url="https://api.example.com/v1")
    assert second.id != first.id
    assert profiles.named(first.id) is None


def test_an_id_that_was_kept_through_a_move_is_not_given_twice(profiles: Profiles) -> None:
    first = profiles.add("Mine", "custom", base_url="http://localhost:8000/v1")
    profiles.change(replace(first, name="Moved", base_url="http://localhost:9000/v1"))
    second = profiles.add("Mine", "custom", base_url="http://localhost:8000/v1")
    assert second.id != first.id


def test_what_was_removed_can_be_neither_changed_nor_removed(profiles: Profiles) -> None:
    first = profiles.add("Mistral", "mistral")
    profiles.remove(first.id)
    with pytest.raises(NotFound):
        profiles.change(first)
    with pytest.raises(NotFound):
        profiles.remove(first.id)


def test_a_name_that_is_not_there_is_told_with_near_ones(profiles: Profiles) -> None:
    profiles.add("Mistral", "mistral")
    with pytest.raises(NotFound, match="Did you mean Mistral"):
        profiles.find("mistrl")


def test_there_are_bounds(profiles: Profiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatdesk.providers.profiles.file.MOST_PROFILES", 1)
    profiles.add("One", "openai")
    with pytest.raises(UsageError, match="too many"):
        profiles.add("Two", "openai")


def test_whoever_subscribed_is_told_of_every_change(profiles: Profiles) -> None:
    told: list[int] = []
    unsubscribe = profiles.subscribe(lambda: told.append(len(profiles.list())))
    added = profiles.add("One", "openai")
    profiles.change(replace(added, name="Two"))
    profiles.remove(added.id)
    unsubscribe()
    profiles.add("Three", "openai")
    assert told == [1, 1, 0]


# -- what stands in the file ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not json",
        b"[]",
        b'{"providers": {}}',
        b"\xff\xfe\x00",
        b'{"providers": [',
        b"[" * 100_000,
    ],
)
def test_a_file_that_is_none_is_told_and_kept_aside(
    data: DataDir, path: Path, content: bytes
) -> None:
    path.write_bytes(content)
    profiles = Profiles(data)
    assert profiles.list() == [] and len(profiles.problems) == 1
    assert path.read_bytes() == content  # reading alone changes nothing
    profiles.add("Mistral", "mistral")
    assert rejected(path) == [content]
    assert profiles.problems == () and len(Profiles(data).list()) == 1


def test_a_bad_entry_takes_no_other_with_it(data: DataDir, path: Path) -> None:
    profiles = Profiles(data)
    good = profiles.add("Mistral", "mistral")
    (entry,) = entries(path)
    bad: list[object] = [
        7,
        {},
        {**entry, "id": "x1", "name": "a:b"},
        {**entry, "id": "x2", "name": "Second", "base_url": "nonsense"},
        {**entry, "id": "x3", "name": "Third", "needs_key": "yes"},
        {**entry, "id": "x4", "name": "Fourth", "models": [1]},
        {**entry, "id": "x5", "name": "Fifth", "headers": [["Authorization", "x"]]},
        {**entry, "id": "x6", "name": "Sixth", "context_size": True},
        {**entry, "id": "x7", "name": "Seventh", "kind": "from-the-future"},
        {**entry, "id": "UPPER", "name": "Eighth"},
        {**entry, "name": "The same id"},
        {**entry, "id": "x8"},  # the same name
    ]
    write(path, {"providers": [entry, *bad]})
    content = path.read_bytes()
    again = Profiles(data)
    assert again.list() == [good]
    assert len(again.problems) == len(bad)
    again.add("Ollama", "ollama")
    assert rejected(path) == [content]
    assert [profile.name for profile in Profiles(data).list()] == ["Mistral", "Ollama"]


def test_a_moved_address_takes_no_permission_along(data: DataDir, path: Path) -> None:
    """Somebody edits the file: what was allowed was allowed for another place."""
    Profiles(data).add("Mistral", "mistral", use_environment=True)
    (entry,) = entries(path)
    write(path, {"providers": [{**entry, "base_url": "https://evil.example/v1"}]})
    (moved,) = Profiles(data).list()
    assert moved.base_url == "https://evil.example/v1"
    assert not moved.use_environment


def test_plain_http_written_into_the_file_is_left_out(data: DataDir, path: Path) -> None:
    Profiles(data).add("Mine", "custom", base_url="http://10.0.0.1/v1", allow_http=True)
    (entry,) = entries(path)
    write(path, {"providers": [{**entry, "base_url": "http://10.0.0.2/v1"}]})
    profiles = Profiles(data)
    assert profiles.list() == []
    assert "not encrypted" in profiles.problems[0]


def test_a_file_that_breaks_while_it_is_used_loses_nothing(data: DataDir, path: Path) -> None:
    profiles = Profiles(data)
    profiles.add("Mistral", "mistral")
    path.write_bytes(b"{")
    assert not profiles.reload_if_changed()
    assert profiles.problems and len(profiles.list()) == 1
    profiles.add("Ollama", "ollama")
    assert len(Profiles(data).list()) == 2
    assert rejected(path) == [b"{"]


def test_a_folder_in_its_place_is_told(data: DataDir, path: Path) -> None:
    path.mkdir()
    profiles = Profiles(data)
    assert len(profiles.problems) == 1
    with pytest.raises(StoreError, match="could not be saved"):
        profiles.add("Mistral", "mistral")


def test_a_full_disk_changes_nothing(
    profiles: Profiles, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profiles.add("Mistral", "mistral")
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("chatdesk.providers.profiles.file.replace_file", full)
    with pytest.raises(StoreError, match="No space left"):
        profiles.add("Ollama", "ollama")
    assert path.read_bytes() == before
    assert len(profiles.list()) == 1


# -- two processes --------------------------------------------------------------------------------


def test_what_another_process_did_is_taken_over(data: DataDir) -> None:
    here, there = Profiles(data), Profiles(data)
    assert not here.reload_if_changed()
    told: list[str] = []
    here.subscribe(lambda: told.append("changed"))
    added = there.add("Mistral", "mistral")
    assert here.reload_if_changed() and not here.reload_if_changed()
    assert here.list() == [added] and told == ["changed"]


def test_a_change_keeps_what_another_process_added(data: DataDir) -> None:
    here, there = Profiles(data), Profiles(data)
    there.add("Mistral", "mistral")
    here.add("Ollama", "ollama")
    assert [profile.name for profile in here.list()] == ["Mistral", "Ollama"]
    with pytest.raises(UsageError, match="already"):
        there.add("ollama", "ollama")  # it has not looked since


def test_processes_that_add_at_the_same_time_lose_nothing(data: DataDir) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from chatdesk.paths import DataDir\n"
        "from chatdesk.providers.profiles import Profiles\n"
        "profiles = Profiles(DataDir(Path(sys.argv[1])))\n"
        "for number in range(10):\n"
        "    profiles.add(f'{sys.argv[2]} {number}', 'ollama')\n"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(data.root), name])
        for name in ("First", "Second")
    ]
    assert [process.wait(60) for process in running] == [0, 0]
    assert len(Profiles(data).list()) == 20


# -- for everything that can be -------------------------------------------------------------------

_WORDS = st.text(st.characters(codec="ascii", categories=("Ll", "Nd")), min_size=2, max_size=12)
_PROFILES = st.builds(
    lambda kind, host, port, path, secure, **rest: {
        "kind": kind,
        "base_url": f"http{'s' if secure else ''}://{host}.example:{port}/{path}",
        "allow_http": not secure,
        "template": rest.pop("template") if kind == "tgi" else (rest.pop("template") and ""),
        "use_environment": rest.pop("use_environment") and kind != "custom",
        **rest,
    },
    kind=st.sampled_from(("custom", "tgi", "openai")),
    host=_WORDS,
    port=st.integers(1, 65535),
    path=_WORDS,
    secure=st.booleans(),
    needs_key=st.booleans(),
    default_model=st.just("") | _WORDS,
    models=st.lists(_WORDS, max_size=3, unique=True).map(tuple),
    headers=st.dictionaries(_WORDS.map("x-w{}".format), _WORDS, max_size=3).map(
        lambda found: tuple(found.items())
    ),
    context_size=st.integers(0, 10**8),
    template=st.sampled_from(("", *TEMPLATES)),
    use_environment=st.booleans(),
)


@settings(max_examples=30)
@given(st.dictionaries(_WORDS, _PROFILES, max_size=3))
def test_what_is_written_is_read_again(wanted: dict[str, dict[str, Any]]) -> None:
    with TemporaryDirectory() as folder:
        data = DataDir(Path(folder))
        profiles = Profiles(data)
        added: list[Profile] = []
        for name, rest in wanted.items():
            try:
                added.append(profiles.add(name, **rest))
            except UsageError as error:  # a word that is a header of the connection, say
                assert error.what
        again = Profiles(data)
        assert again.problems == ()
        assert sorted(again.list(), key=lambda p: p.id) == sorted(added, key=lambda p: p.id)


@settings(max_examples=60)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
        ),
        max_leaves=8,
    )
)
def test_whatever_stands_in_the_file_nothing_breaks(document: object) -> None:
    with TemporaryDirectory() as folder:
        data = DataDir(Path(folder))
        for content in (document, {"providers": document}, {"providers": [document]}):
            write(Path(folder) / "providers.json", content)
            assert Profiles(data).list() == []


def test_looking_for_changes_never_waits_for_a_save(data: DataDir, profiles: Profiles) -> None:
    """The window looks once a second; another process may hold the file's lock for seconds."""
    lock = data.root / ".providers.json.lock"
    looked, saved = threading.Event(), threading.Event()

    def save() -> None:
        profiles.add("Mistral", "mistral")
        saved.set()

    with file_lock(lock):
        saving = threading.Thread(target=save)
        saving.start()
        while not profiles._changing.locked():
            pass
        looking = threading.Thread(target=lambda: (profiles.reload_if_changed(), looked.set()))
        looking.start()
        assert looked.wait(1.0)
        assert not saved.is_set()
    saving.join()
    looking.join()
    assert profiles.find("Mistral")


@pytest.mark.parametrize("place", ["document", "entry"])
def test_what_a_newer_version_wrote_is_kept_beside_the_file(
    data: DataDir, path: Path, place: str
) -> None:
    Profiles(data).add("Mistral", "mistral")
    document = json.loads(path.read_text())
    (document if place == "document" else document["providers"][0])["invented_later"] = 1
    write(path, document)
    before = path.read_bytes()
    profiles = Profiles(data)
    assert profiles.problems == ()
    assert rejected(path) == []
    profiles.add("Ollama", "ollama")
    assert rejected(path) == [before]
    profiles.add("OpenAI", "openai")
    assert len(rejected(path)) == 1


def test_what_this_version_writes_it_knows(data: DataDir, path: Path) -> None:
    profiles = Profiles(data)
    profiles.add("Mistral", "mistral", models=("a",), headers=(("X-Title", "b"),))
    profiles.add("Ollama", "ollama")
    assert rejected(path) == []
