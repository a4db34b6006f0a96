"""settings.json: whatever it contains and whoever else writes it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdesk.errors import SettingsError
from chatdesk.settings import Settings, SettingsFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "settings.json"


def rejected(path: Path) -> list[bytes]:
    return [kept.read_bytes() for kept in sorted(path.parent.glob("settings.rejected-*.json"))]


def test_without_a_file_the_defaults_hold_and_nothing_is_written(path: Path) -> None:
    settings = SettingsFile(path)
    assert settings.values == Settings() and settings.problems == ()
    assert list(path.parent.iterdir()) == []


def test_a_setting_survives_a_restart(path: Path) -> None:
    SettingsFile(path).set("sampling.temperature", 0.2)
    settings = SettingsFile(path)
    assert settings.get("sampling.temperature") == 0.2
    assert settings.values.sampling.temperature == 0.2
    assert json.loads(path.read_text()) == {"sampling": {"temperature": 0.2}}


def test_every_kind_of_value_survives_a_restart(path: Path) -> None:
    values = {
        "chat.system_prompt": "Sei kürz. \U0001f600\n",
        "sampling.stop": ("\n", "a,b"),
        "sampling.seed": 7,
        "appearance.theme": "dark",
        "model.mmap": False,
    }
    SettingsFile(path).set_many(values)
    settings = SettingsFile(path)
    assert {key: settings.get(key) for key in values} == values


def test_a_refused_value_changes_nothing(path: Path) -> None:
    settings = SettingsFile(path)
    with pytest.raises(SettingsError):
        settings.set_many({"sampling.top_k": 5, "sampling.top_p": 5})
    with pytest.raises(SettingsError):
        settings.set("no.such", 1)
    assert settings.values == Settings() and not path.exists()


def test_reset_goes_back_to_the_default(path: Path) -> None:
    settings = SettingsFile(path)
    settings.set_many({"sampling.top_k": 5, "sampling.seed": 3})
    assert settings.is_set("sampling.top_k")
    settings.reset("sampling.top_k")
    assert settings.get("sampling.top_k") == 40 and not settings.is_set("sampling.top_k")
    assert SettingsFile(path).get("sampling.seed") == 3


def test_subscribers_hear_of_each_changed_key_and_no_other(path: Path) -> None:
    settings = SettingsFile(path)
    heard: list[str] = []
    unsubscribe = settings.subscribe(heard.append)
    settings.set_many({"sampling.top_k": 5, "sampling.top_p": 0.95})
    assert heard == ["sampling.top_k"]
    settings.reset("sampling.top_k")
    unsubscribe()
    unsubscribe()
    settings.set("sampling.top_k", 9)
    assert heard == ["sampling.top_k", "sampling.top_k"]


@pytest.mark.skipif(os.name != "posix", reason="modes are a POSIX thing")
def test_the_file_is_for_its_owner_only(path: Path) -> None:
    SettingsFile(path).set("sampling.top_k", 5)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_saving_leaves_nothing_behind_but_the_file_and_its_lock(path: Path) -> None:
    settings = SettingsFile(path)
    for value in range(5):
        settings.set("sampling.top_k", value)
    names = {found.name for found in path.parent.iterdir()}
    assert names == {"settings.json", ".settings.json.lock"}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[1, 2]",
        b'"text"',
        b"null",
        b"\xff\xfe\x00{",
        "{}".encode("utf-16"),
        b"\0" * 100,
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b"9" * 10_000,
    ],
    ids=lambda content: repr(content[:12]),
)
def test_a_file_that_is_no_settings_file_is_kept_aside_and_replaced(
    path: Path, content: bytes
) -> None:
    path.write_bytes(content)
    settings = SettingsFile(path)
    assert settings.values == Settings()
    assert len(settings.problems) == 1 and settings.problems[0].startswith("settings.json ")
    assert rejected(path) == [content]
    settings.set("sampling.top_k", 5)
    again = SettingsFile(path)
    assert again.problems == () and again.get("sampling.top_k") == 5


def test_a_byte_order_mark_is_no_problem(path: Path) -> None:
    path.write_bytes(b'\xef\xbb\xbf{"sampling": {"top_k": 5}}')
    settings = SettingsFile(path)
    assert settings.problems == () and settings.get("sampling.top_k") == 5


def test_invalid_and_unknown_values_are_told_and_the_others_kept(path: Path) -> None:
    path.write_text(
        '{"sampling": {"top_k": 5, "temperature": NaN, "topp": 1, "seed": 1e999}, "theme": "dark",'
        ' "chat": [1], "model": {"threads": "many", "mmap": false}}'
    )
    settings = SettingsFile(path)
    assert settings.get("sampling.top_k") == 5 and settings.get("model.mmap") is False
    assert settings.get("sampling.temperature") == 0.7
    told = "\n".join(settings.problems)
    assert len(settings.problems) == 6
    for name in ("sampling.temperature", "sampling.topp", "sampling.seed", "theme", "chat"):
        assert name in told
    assert len(rejected(path)) == 1
    assert SettingsFile(path).problems == ()


def test_the_same_rejected_file_is_kept_once_and_not_without_end(path: Path) -> None:
    for _ in range(3):
        path.write_text("broken")
        SettingsFile(path)
    assert rejected(path) == [b"broken"]
    for number in range(40):
        path.write_text(f"broken {number}")
        SettingsFile(path)
    assert len(rejected(path)) == 20


def test_a_huge_file_is_not_read_and_is_moved_aside_by_the_next_change(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)
    settings = SettingsFile(path)
    assert "too large" in settings.problems[0]
    settings.set("sampling.top_k", 5)
    assert SettingsFile(path).get("sampling.top_k") == 5
    assert (path.parent / "settings.rejected-1.json").stat().st_size == 1 << 40


def test_a_directory_in_its_place_is_told_and_changes_are_refused_in_words(path: Path) -> None:
    path.mkdir()
    settings = SettingsFile(path)
    assert settings.values == Settings() and settings.problems
    with pytest.raises(SettingsError, match="could not be saved"):
        settings.set("sampling.top_k", 5)
    assert settings.get("sampling.top_k") == 40
    assert path.is_dir()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_in_its_place_does_not_hang(path: Path) -> None:
    os.mkfifo(path)
    settings = SettingsFile(path)
    assert settings.problems
    settings.set("sampling.top_k", 5)
    assert path.is_file()


def test_a_link_to_the_file_stays_a_link(path: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    target = tmp_path / "elsewhere" / "mine.json"
    target.write_text('{"sampling": {"top_k": 5}}')
    path.symlink_to(target)
    settings = SettingsFile(path)
    settings.set("sampling.seed", 1)
    assert path.is_symlink()
    assert json.loads(target.read_text()) == {"sampling": {"top_k": 5, "seed": 1}}


@pytest.mark.skipif(os.name != "posix" or os.getuid() == 0, reason="root may write anywhere")
def test_a_read_only_place_is_a_worded_error(path: Path) -> None:
    path.write_text("broken")
    path.parent.chmod(0o500)
    try:
        settings = SettingsFile(path)
        assert settings.problems
        with pytest.raises(SettingsError, match="could not be saved"):
            settings.set("sampling.top_k", 5)
    finally:
        path.parent.chmod(0o700)


def test_a_full_disk_is_a_worded_error_and_the_old_file_stays(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = SettingsFile(path)
    settings.set("sampling.top_k", 5)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SettingsError, match="No space left") as caught:
        settings.set("sampling.top_k", 6)
    assert caught.value.retryable
    assert settings.get("sampling.top_k") == 5
    assert SettingsFile(path).get("sampling.top_k") == 5
    assert {found.name for found in path.parent.iterdir()} == {
        "settings.json",
        ".settings.json.lock",
    }


def test_what_the_file_says_already_is_not_written_again(path: Path) -> None:
    path.write_text('{"sampling": {"top_k": 5}}')
    settings = SettingsFile(path)
    settings.set("sampling.top_k", 5)
    settings.reset("sampling.seed")
    assert path.read_text() == '{"sampling": {"top_k": 5}}'


def test_what_is_only_saved_takes_effect_where_it_is_taken_over(path: Path) -> None:
    path.write_text('{"sampling": {"top_k": 5}}')
    settings = SettingsFile(path)
    told: list[str] = []
    settings.subscribe(told.append)
    settings.save("sampling.top_k", 6)
    assert SettingsFile(path).get("sampling.top_k") == 6
    assert (settings.get("sampling.top_k"), told) == (5, [])
    settings.set("sampling.top_k", 6)
    assert (settings.get("sampling.top_k"), told) == (6, ["sampling.top_k"])


def test_only_saving_refuses_what_setting_refuses(path: Path) -> None:
    with pytest.raises(SettingsError):
        SettingsFile(path).save("sampling.top_k", "many")
    assert not path.exists()


def test_two_writers_do_not_undo_each_other(path: Path) -> None:
    window, terminal = SettingsFile(path), SettingsFile(path)
    window.set("sampling.top_k", 5)
    heard: list[str] = []
    terminal.subscribe(heard.append)
    terminal.set("sampling.seed", 3)
    assert heard == ["sampling.top_k", "sampling.seed"]
    assert terminal.get("sampling.top_k") == 5
    assert window.reload_if_changed() == ("sampling.seed",)
    assert window.reload_if_changed() == ()
    assert window.values == terminal.values


def test_writers_in_many_processes_lose_no_change(path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from chatdesk.settings import SettingsFile\n"
        "settings = SettingsFile(Path(sys.argv[1]))\n"
        "for value in range(1, 31): settings.set(sys.argv[2], value)\n"
        "assert not settings.problems\n"
    )
    keys = ["sampling.top_k", "model.threads", "chat.history"]
    running = [subprocess.Popen([sys.executable, "-c", program, str(path), key]) for key in keys]
    assert [process.wait() for process in running] == [0, 0, 0]
    settings = SettingsFile(path)
    assert [settings.get(key) for key in keys] == [30, 30, 30]


def test_a_file_being_edited_by_hand_keeps_the_values_in_force(path: Path) -> None:
    settings = SettingsFile(path)
    settings.set("sampling.top_k", 5)
    path.write_text('{"sampling": {"top_k": ')
    assert settings.reload_if_changed() == ()
    assert settings.problems and settings.get("sampling.top_k") == 5
    assert path.read_text() == '{"sampling": {"top_k": '
    path.write_text('{"sampling": {"top_k": 6}}')
    assert settings.reload_if_changed() == ("sampling.top_k",)
    assert settings.problems == ()


def test_a_file_that_broke_does_not_take_the_other_settings_with_it(path: Path) -> None:
    settings = SettingsFile(path)
    settings.set("sampling.top_k", 5)
    path.write_text("half an ed")
    settings.set("sampling.seed", 1)
    assert rejected(path) == [b"half an ed"]
    again = SettingsFile(path)
    assert (again.get("sampling.top_k"), again.get("sampling.seed")) == (5, 1)


def test_a_deleted_file_means_the_defaults(path: Path) -> None:
    settings = SettingsFile(path)
    settings.set("sampling.top_k", 5)
    path.unlink()
    assert settings.reload_if_changed() == ("sampling.top_k",)
    assert settings.values == Settings()


@given(content=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_content_is_fatal(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("hostile") / "settings.json"
    path.write_bytes(content)
    assert isinstance(SettingsFile(path).values, Settings)


@given(
    document=st.dictionaries(
        st.sampled_from(["appearance", "sampling", "model", "chat", "x"]),
        st.dictionaries(
            st.sampled_from(["theme", "top_k", "stop", "seed", "default", "history", "y"]),
            st.none() | st.integers() | st.floats() | st.text() | st.lists(st.text(), max_size=3),
        ),
    )
)
def test_after_one_start_any_document_is_clean(
    tmp_path_factory: pytest.TempPathFactory, document: dict[str, object]
) -> None:
    path = tmp_path_factory.mktemp("document") / "settings.json"
    path.write_text(json.dumps(document))
    first = SettingsFile(path)
    second = SettingsFile(path)
    assert second.problems == () and second.values == first.values
