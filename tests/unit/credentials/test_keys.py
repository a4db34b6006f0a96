"""Keys: kept for one provider at one origin, in the keyring or in memory, and never left behind."""

from __future__ import annotations

import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from chatdesk.credentials import (
    KeyringLocked,
    KeyringRefused,
    KeyringTimeout,
    Keys,
    NoKeyring,
    Origin,
    Secret,
    UnsafeKeyring,
    off_thread,
)
from chatdesk.credentials.problems import locked
from chatdesk.credentials.scope import Scope
from chatdesk.errors import KeyringError, StoreError
from chatdesk.paths import DataDir

if TYPE_CHECKING:
    from conftest import MemoryVault

SOON = 0.02  # seconds; a time-out that is meant to pass


def accounts(data: DataDir) -> frozenset[str]:
    record = Scope(data).current()
    return frozenset() if record is None else record.accounts


# -- where a key is and whom it is for -------------------------------------------------------------


def test_a_kept_key_is_found_again_by_the_next_run(
    keys: Keys, data: DataDir, vault: MemoryVault, origin: Origin, key: Secret
) -> None:
    keys.set("mistral", origin, key)
    assert Keys(data, vault=vault).get("mistral", origin) == key
    assert keys.place("mistral", origin) == "keyring"
    ((service, account),) = vault.stored
    assert service.startswith("Chatdesk ") and account == "mistral https://api.mistral.ai"


def test_a_key_is_for_its_origin_and_its_provider_only(
    keys: Keys, origin: Origin, key: Secret
) -> None:
    keys.set("mistral", origin, key)
    keys.set("mistral", Origin.of("https://memory.example"), key, remember=False)
    for other in ("http://api.mistral.ai", "https://api.mistral.ai:8443", "https://mistral.ai"):
        assert keys.get("mistral", Origin.of(other)) is None
    assert keys.get("other", origin) is None
    assert keys.get("mistral", Origin.of("https://API.mistral.ai./v2")) == key


def test_two_data_directories_share_no_key(
    keys: Keys, data: DataDir, vault: MemoryVault, origin: Origin, key: Secret
) -> None:
    keys.set("mistral", origin, key)
    other = Keys(DataDir(data.root.parent / "other"), vault=vault)
    assert other.get("mistral", origin) is None
    other.set("mistral", origin, Secret("another"))
    other.delete("mistral", origin)
    assert keys.get("mistral", origin) == key


def test_a_key_for_this_run_never_reaches_the_keyring(
    keys: Keys, data: DataDir, vault: MemoryVault, origin: Origin, key: Secret
) -> None:
    vault.failing = NoKeyring("None.")
    keys.set("mistral", origin, key, remember=False)
    assert keys.get("mistral", origin) == key and keys.place("mistral", origin) == "memory"
    keys.delete("mistral", origin)
    assert keys.get("mistral", origin) is None and keys.place("mistral", origin) == "none"
    assert vault.calls == [] and not data.root.exists()


def test_a_key_in_memory_goes_first_until_one_is_kept(
    keys: Keys, origin: Origin, key: Secret
) -> None:
    keys.set("mistral", origin, key)
    keys.set("mistral", origin, Secret("for now"), remember=False)
    assert keys.get("mistral", origin) == Secret("for now")
    keys.set("mistral", origin, Secret("newer"))
    assert keys.get("mistral", origin) == Secret("newer")
    assert keys.place("mistral", origin) == "keyring"


def test_a_deleted_key_is_gone_from_both_places_and_deleting_none_is_fine(
    keys: Keys, data: DataDir, vault: MemoryVault, origin: Origin, key: Secret
) -> None:
    keys.delete("mistral", origin)
    keys.set("mistral", origin, key)
    keys.set("mistral", origin, key, remember=False)
    keys.delete("mistral", origin)
    assert keys.get("mistral", origin) is None and keys.place("mistral", origin) == "none"
    assert vault.stored == {} and accounts(data) == frozenset()


def test_a_keyring_that_was_given_no_key_is_not_asked(
    keys: Keys, vault: MemoryVault, origin: Origin
) -> None:
    vault.failing = locked()
    assert keys.get("ollama", origin) is None and keys.place("ollama", origin) == "none"
    keys.delete("ollama", origin)
    assert vault.calls == []


def test_a_key_that_was_deleted_behind_our_back_is_none(
    keys: Keys, vault: MemoryVault, origin: Origin, key: Secret
) -> None:
    keys.set("mistral", origin, key)
    vault.stored.clear()
    assert keys.get("mistral", origin) is None and keys.place("mistral", origin) == "none"


def test_where_a_locked_keyring_does_not_tell_the_key_is_thought_to_be_there(
    keys: Keys, vault: MemoryVault, origin: Origin, key: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys.set("mistral", origin, key)
    monkeypatch.setattr(vault, "has", lambda service, account: None)
    assert keys.place("mistral", origin) == "keyring"


def test_what_somebody_else_put_there_in_its_place_is_told(
    keys: Keys, vault: MemoryVault, origin: Origin, key: Secret
) -> None:
    keys.set("mistral", origin, key)
    (name,) = vault.stored
    vault.stored[name] = "two\nlines of a secret"
    with pytest.raises(KeyringRefused) as error:
        keys.get("mistral", origin)
    assert "line break" in str(error.value) and "lines of" not in str(error.value)
    assert error.value.__context__ is None


# -- what fails ------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["get", "set", "delete", "place"])
def test_what_is_wrong_with_the_keyring_reaches_the_caller(
    keys: Keys, vault: MemoryVault, origin: Origin, key: Secret, call: str
) -> None:
    keys.set("mistral", origin, key)
    vault.failing = KeyringLocked("It is locked.", "Unlock it.")
    calls: dict[str, Callable[[], Any]] = {
        "get": lambda: keys.get("mistral", origin),
        "set": lambda: keys.set("mistral", origin, Secret("newer")),
        "delete": lambda: keys.delete("mistral", origin),
        "place": lambda: keys.place("mistral", origin),
    }
    with pytest.raises(KeyringLocked, match="It is locked"):
        calls[call]()
    vault.failing = None
    assert keys.get("mistral", origin) == key


@pytest.mark.parametrize("where", ["open", "set"])
def test_a_key_that_could_not_be_kept_leaves_nothing(
    keys: Keys,
    data: DataDir,
    vault: MemoryVault,
    origin: Origin,
    key: Secret,
    where: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: str) -> None:
        raise KeyringRefused("It did not do it.")

    with monkeypatch.context() as patch:
        patch.setattr(vault, where, fail)
        with pytest.raises(KeyringRefused) as error:
            keys.set("mistral", origin, key)
    assert key.reveal() not in "".join(traceback.format_exception(error.value))
    assert accounts(data) == frozenset() and keys.get("mistral", origin) is None


def test_a_data_directory_that_cannot_be_written_keeps_no_key_in_the_keyring(
    data: DataDir, vault: MemoryVault, origin: Origin, key: Secret
) -> None:
    data.root.write_text("a file")
    with pytest.raises(StoreError):
        Keys(data, vault=vault).set("mistral", origin, key)
    assert vault.stored == {}


def test_the_keyring_is_looked_for_anew_by_every_call(
    data: DataDir, vault: MemoryVault, origin: Origin, key: Secret
) -> None:
    there = False

    def find() -> MemoryVault:
        if not there:
            raise NoKeyring("There is none.")
        return vault

    keys = Keys(data, vault=find)
    with pytest.raises(NoKeyring):
        keys.set("mistral", origin, key)
    there = True
    keys.set("mistral", origin, key)
    there = False
    with pytest.raises(NoKeyring):
        keys.get("mistral", origin)
    there = True
    assert keys.get("mistral", origin) == key


# -- a keyring that does not answer ----------------------------------------------------------------


@pytest.mark.parametrize("call", ["get", "set", "delete", "place"])
def test_a_silent_keyring_is_waited_for_only_so_long(
    keys: Keys, vault: MemoryVault, origin: Origin, key: Secret, call: str
) -> None:
    keys.set("mistral", origin, key)
    calls: dict[str, tuple[str, Callable[[], Any]]] = {
        "get": ("get", lambda: keys.get("mistral", origin, timeout=SOON)),
        "set": ("open", lambda: keys.set("mistral", origin, Secret("newer"), timeout=SOON)),
        "delete": ("open", lambda: keys.delete("mistral", origin, timeout=SOON)),
        "place": ("has", lambda: keys.place("mistral", origin, timeout=SOON)),
    }
    held, run = calls[call]
    with vault.holding(held):
        with pytest.raises(KeyringTimeout) as error:
            run()
        assert error.value.retryable and error.value.advice


def test_a_key_is_not_written_once_the_patience_with_its_prompt_is_over(
    keys: Keys, data: DataDir, vault: MemoryVault, origin: Origin, key: Secret
) -> None:
    with vault.holding("open") as asked:
        with pytest.raises(KeyringTimeout):
            keys.set("mistral", origin, key, timeout=SOON)
        assert asked.wait(10)
    assert vault.calls == ["open"] and accounts(data) == frozenset()


def test_a_key_written_too_late_is_taken_back(
    keys: Keys, data: DataDir, vault: MemoryVault, origin: Origin, key: Secret
) -> None:
    with vault.holding("set"), pytest.raises(KeyringTimeout):
        keys.set("mistral", origin, key, timeout=SOON)
    assert vault.stored == {} and accounts(data) == frozenset()


def test_a_key_written_too_late_gives_way_to_the_one_before(
    keys: Keys, vault: MemoryVault, origin: Origin, key: Secret
) -> None:
    keys.set("mistral", origin, key)
    with vault.holding("set"), pytest.raises(KeyringTimeout):
        keys.set("mistral", origin, Secret("too late"), timeout=SOON)
    assert vault.texts == [key.reveal()] and keys.get("mistral", origin) == key


def test_a_key_written_too_late_does_not_undo_a_newer_one(
    keys: Keys, vault: MemoryVault, origin: Origin, key: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys.set("mistral", origin, key)
    with vault.holding("set") as stuck:
        with pytest.raises(KeyringTimeout):
            keys.set("mistral", origin, Secret("too late"), timeout=SOON)
        assert stuck.wait(10)
        vault.let_others_pass("set")
        keys.set("mistral", origin, Secret("newer"))
    assert vault.texts == ["newer"]


def test_a_deletion_that_comes_too_late_does_not_take_a_newer_key(
    keys: Keys, vault: MemoryVault, origin: Origin, key: Secret
) -> None:
    keys.set("mistral", origin, key)
    with vault.holding("open") as stuck:
        with pytest.raises(KeyringTimeout):
            keys.delete("mistral", origin, timeout=SOON)
        assert stuck.wait(10)
        vault.let_others_pass("open")
        keys.set("mistral", origin, Secret("newer"))
    assert vault.texts == ["newer"] and keys.get("mistral", origin) == Secret("newer")


def test_a_deletion_that_comes_late_is_still_done(
    keys: Keys, data: DataDir, vault: MemoryVault, origin: Origin, key: Secret
) -> None:
    keys.set("mistral", origin, key)
    with vault.holding("open"), pytest.raises(KeyringTimeout):
        keys.delete("mistral", origin, timeout=SOON)
    assert vault.stored == {} and accounts(data) == frozenset()


def test_python_ends_while_a_keyring_is_silent() -> None:
    program = (
        "import threading\n"
        "from chatdesk.credentials import off_thread\n"
        "off_thread(threading.Event().wait)\n"
        "print('left')\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert (ended.stdout, ended.stderr) == ("left\n", "")


def test_work_off_the_thread_gives_its_result_or_its_error() -> None:
    seen: list[threading.Thread] = []

    def work() -> int:
        seen.append(threading.current_thread())
        return 7

    def fail() -> int:
        raise KeyringError("It failed.")

    assert off_thread(work).result(10) == 7
    assert seen[0].daemon and seen[0] is not threading.current_thread()
    with pytest.raises(KeyringError):
        off_thread(fail).result(10)


def test_calls_of_many_threads_do_not_disturb_each_other(
    keys: Keys, vault: MemoryVault, origin: Origin
) -> None:
    def whole_life(number: int) -> None:
        name = f"provider-{number}"
        for turn in range(4):
            keys.set(name, origin, Secret(f"key {number} {turn}"), remember=bool(turn % 2))
            assert keys.get(name, origin) == Secret(f"key {number} {turn}")
        keys.delete(name, origin)
        assert keys.get(name, origin) is None

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(whole_life, range(8)))
    assert vault.stored == {}


def test_of_two_threads_that_keep_a_key_the_failing_one_does_not_lose_the_others(
    keys: Keys, vault: MemoryVault, origin: Origin, key: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = vault.set

    def set_(service: str, account: str, text: str) -> None:
        keep(service, account, text)
        if text == "bad":
            raise KeyringRefused("It did not do it.")

    monkeypatch.setattr(vault, "set", set_)
    with vault.holding("set") as stuck:
        failing = off_thread(lambda: keys.set("mistral", origin, Secret("bad")))
        assert stuck.wait(10)
        vault.let_others_pass("set")
        keys.set("mistral", origin, key)
    with pytest.raises(KeyringRefused):
        failing.result(10)
    assert keys.place("mistral", origin) == "keyring"


# -- what keyring there is -------------------------------------------------------------------------


def test_the_state_of_the_keyring_is_told_without_raising(
    data: DataDir, vault: MemoryVault, keys: Keys
) -> None:
    assert keys.check().condition == "usable" and keys.check().name == "Memory"
    vault.now = "locked"
    assert keys.check().condition == "locked" and keys.check().usable
    vault.failing = KeyringRefused("It is broken.")
    state = keys.check()
    assert (state.condition, state.name, state.error) == ("failed", "Memory", vault.failing)
    for error, condition in (
        (NoKeyring("None."), "none"),
        (UnsafeKeyring("A file."), "unsafe"),
        (locked(), "failed"),
    ):

        def find(error: KeyringError = error) -> MemoryVault:
            raise error

        state = Keys(data, vault=find).check()
        assert (state.condition, state.error, state.usable) == (condition, error, False)
    assert not data.root.exists()


def test_a_silent_keyring_is_a_state_too(keys: Keys, vault: MemoryVault) -> None:
    with vault.holding("condition"):
        state = keys.check(timeout=SOON)
    assert state.condition == "failed" and isinstance(state.error, KeyringTimeout)
