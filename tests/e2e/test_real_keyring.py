"""Keys in a real keyring: gnome-keyring's daemon, its prompt and its lock.

Every Chatdesk here is a process of its own, so that "again" means after a restart. What is in the
keyring is looked at with secret-tool, which is not ours.
"""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hands import PATIENCE_S, PROGRAM, Desk, wait_until
from keyring_home import PASSWORD, KeyringHome, keyring_home, terminal

KEY = "sk-kept-by-the-keyring-only"
OTHER = "sk-another-one-of-the-same"
ADDRESS = "https://api.mistral.ai"


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


def chatdesk(
    environment: Mapping[str, str], *arguments: str, stdin: str = "", **changed: str
) -> Result:
    """Run the program to its end. No key is ever in what it says."""
    ended = subprocess.run(
        [str(PROGRAM), *arguments],
        env={**environment, **changed},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    said = ended.stdout + ended.stderr
    assert KEY not in said and OTHER not in said and "Traceback" not in said, said
    return Result(ended.returncode, ended.stdout, ended.stderr)


def failure(result: Result) -> str:
    """The one line that says what is wrong and what to do."""
    assert result.code == 1, result
    (line,) = result.err.splitlines()
    return line


def add_mistral(environment: Mapping[str, str], **changed: str) -> None:
    assert (
        chatdesk(environment, "providers", "add", "Mistral", "--kind", "mistral", **changed).code
        == 0
    )


def set_key(environment: Mapping[str, str], key: str = KEY, **changed: str) -> Result:
    return chatdesk(environment, "keys", "set", "Mistral", stdin=f"{key}\n", **changed)


def place(environment: Mapping[str, str], **changed: str) -> str:
    listed = chatdesk(environment, "keys", "list", "--json", **changed)
    assert listed.code == 0, listed
    (provider,) = json.loads(listed.out)
    return str(provider["place"])


def doctor(environment: Mapping[str, str], **changed: str) -> str:
    checks = json.loads(chatdesk(environment, "doctor", "--json", "--no-model", **changed).out)[
        "checks"
    ]
    (check,) = [check for check in checks if check["name"] == "Key storage"]
    return f"{check['text']} {check['advice']}"


def found_by_secret_tool(environment: Mapping[str, str], account: str) -> str:
    """What another program of the person finds for an account, "" for nothing."""
    return subprocess.run(
        ["secret-tool", "lookup", "username", account],
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    ).stdout


def account_of(home: KeyringHome) -> str:
    (account,) = home.accounts()
    return account


@pytest.fixture
def here(terminal_keyring: KeyringHome) -> KeyringHome:
    """A keyring, and a data directory with one provider that needs a key."""
    add_mistral(terminal_keyring.environment)
    return terminal_keyring


@dataclass
class Running:
    """A Chatdesk that goes on running: each call is one of its keys, told by what comes of it."""

    process: subprocess.Popen[str]

    CODE = (
        "import sys\n"
        "from chatdesk.credentials import *\n"
        "from chatdesk.paths import data_dir\n"
        "keys, origin = Keys(data_dir()), Origin.of(sys.argv[1])\n"
        "for line in sys.stdin:\n"
        "    try:\n"
        "        result = eval(line)\n"
        "        result = result.reveal() if isinstance(result, Secret) else result\n"
        "    except Exception as error:\n"
        "        result = type(error).__name__\n"
        "    print(result, flush=True)\n"
        "print('ended', flush=True)\n"
    )

    def does(self, call: str) -> str:
        self.begins(call)
        return self.ends()

    def begins(self, call: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{call}\n")
        self.process.stdin.flush()

    def ends(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


@contextmanager
def running(environment: Mapping[str, str]) -> Iterator[Running]:
    process = subprocess.Popen(
        [sys.executable, "-X", "dev", "-W", "error", "-c", Running.CODE, ADDRESS],
        env=dict(environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Running(process)
        # It ends at once, whatever its calls are waiting for.
        out, _ = process.communicate(timeout=PATIENCE_S)
        assert (out, process.returncode) == ("ended\n", 0)
    finally:
        process.kill()
        process.wait()


GET = "keys.get('mistral', origin)"
SET = f"keys.set('mistral', origin, Secret({KEY!r}))"


# -- kept, found again, deleted --------------------------------------------------------------------


def test_a_key_outlives_the_application_and_the_keyrings_own_restart(here: KeyringHome) -> None:
    assert place(here.environment) == "none"
    assert set_key(here.environment).code == 0
    assert place(here.environment) == "keyring"
    here.kill()
    here.start()
    assert place(here.environment) == "keyring"
    assert found_by_secret_tool(here.environment, account_of(here)) == KEY


def test_a_key_is_in_no_file_of_the_data_directory_nor_readable_in_the_keyrings(
    here: KeyringHome,
) -> None:
    set_key(here.environment)
    chatdesk(here.environment, "--verbose", "keys", "list")
    files = [path for path in Path(here.environment["HOME"]).rglob("*") if path.is_file()]
    assert any(path.suffix == ".keyring" for path in files)
    assert not [path for path in files if KEY.encode() in path.read_bytes()]


def test_a_key_is_replaced_and_deleted(here: KeyringHome) -> None:
    set_key(here.environment)
    set_key(here.environment, OTHER)
    assert list(here.accounts().values()) == [OTHER]
    assert chatdesk(here.environment, "keys", "delete", "mistral").code == 0
    assert here.stored() == {} and place(here.environment) == "none"


def test_removing_a_provider_deletes_its_key_and_renaming_keeps_it(here: KeyringHome) -> None:
    set_key(here.environment)
    assert chatdesk(here.environment, "providers", "rename", "Mistral", "Le Chat").code == 0
    assert place(here.environment) == "keyring"
    assert chatdesk(here.environment, "providers", "remove", "Le Chat").code == 0
    assert here.stored() == {}


def test_another_address_has_no_key_and_the_old_one_is_deleted(here: KeyringHome) -> None:
    set_key(here.environment)
    moved = ("providers", "change", "Mistral", "--base-url", "https://mistral.example/v1")
    assert chatdesk(here.environment, *moved).code == 0
    assert place(here.environment) == "none" and here.stored() == {}


def test_a_key_typed_at_a_terminal_is_not_shown(here: KeyringHome) -> None:
    controller, line = pty.openpty()
    process = subprocess.Popen(
        [str(PROGRAM), "keys", "set", "Mistral"],
        env=here.environment,
        stdin=line,
        stdout=line,
        stderr=line,
        start_new_session=True,
    )
    os.close(line)
    shown = b""
    while b"Key of Mistral" not in shown:
        shown += os.read(controller, 1000)
    os.write(controller, f"{KEY}\n".encode())
    try:
        while more := os.read(controller, 1000):
            shown += more
    except OSError:  # Linux says so when the other side is closed
        pass
    assert process.wait(PATIENCE_S) == 0, shown
    os.close(controller)
    assert KEY.encode() not in shown and b"is in the keyring" in shown
    assert list(here.accounts().values()) == [KEY]


# -- data directories ------------------------------------------------------------------------------


def test_two_data_directories_share_no_key(here: KeyringHome, tmp_path: Path) -> None:
    other = {"CHATDESK_DATA_DIR": str(tmp_path / "other")}
    set_key(here.environment)
    add_mistral(here.environment, **other)
    assert place(here.environment, **other) == "none"
    set_key(here.environment, OTHER, **other)
    assert sorted(here.stored().values()) == sorted([KEY, OTHER])
    chatdesk(here.environment, "providers", "remove", "Mistral", **other)
    assert list(here.stored().values()) == [KEY] and place(here.environment) == "keyring"


def test_a_copied_data_directory_asks_for_its_keys_and_a_moved_one_keeps_them(
    here: KeyringHome, tmp_path: Path
) -> None:
    set_key(here.environment)
    data = Path(here.environment["CHATDESK_DATA_DIR"])
    shutil.copytree(data, tmp_path / "copy")
    copy = {"CHATDESK_DATA_DIR": str(tmp_path / "copy")}
    assert place(here.environment, **copy) == "none"
    chatdesk(here.environment, "keys", "delete", "Mistral", **copy)
    chatdesk(here.environment, "providers", "remove", "Mistral", **copy)
    assert place(here.environment) == "keyring"
    data.rename(tmp_path / "moved")
    assert place(here.environment, CHATDESK_DATA_DIR=str(tmp_path / "moved")) == "keyring"


# -- what is wrong with the keyring ----------------------------------------------------------------


def test_a_locked_keyring_without_a_desktop_is_told_with_the_way_to_unlock_it(
    here: KeyringHome,
) -> None:
    set_key(here.environment)
    here.lock()
    told = failure(set_key(here.environment, OTHER))
    assert "locked" in told and "--unlock" in told
    assert "locked" in failure(chatdesk(here.environment, "keys", "delete", "Mistral"))
    removed = failure(chatdesk(here.environment, "providers", "remove", "Mistral"))
    assert "was not removed" in removed
    assert place(here.environment) == "keyring"
    assert "locked" in doctor(here.environment)
    here.unlock()
    assert list(here.accounts().values()) == [KEY]
    assert "locked" not in doctor(here.environment)


def test_after_a_login_without_a_password_the_keyring_is_locked(here: KeyringHome) -> None:
    set_key(here.environment)
    here.kill()
    here.start_locked()
    assert place(here.environment) == "keyring"
    assert "locked" in failure(set_key(here.environment, OTHER))


def test_the_first_key_of_a_new_home_needs_somebody_to_choose_a_password(tmp_path: Path) -> None:
    with keyring_home(terminal(tmp_path), start=False) as home:
        home.start_locked()
        add_mistral(home.environment)
        assert "locked" in failure(set_key(home.environment))
        assert "locked" in doctor(home.environment) and place(home.environment) == "none"


def test_without_a_keyring_there_is_a_way_to_get_one(tmp_path: Path) -> None:
    with keyring_home(terminal(tmp_path), start=False) as home:
        add_mistral(home.environment)
        assert "gnome-keyring" in failure(set_key(home.environment))
        assert "gnome-keyring" in doctor(home.environment)
        nobus = {"DBUS_SESSION_BUS_ADDRESS": ""}
        assert "session bus" in failure(set_key(home.environment, **nobus))
        gone = {"DBUS_SESSION_BUS_ADDRESS": f"unix:path={tmp_path}/gone"}
        assert "session bus" in failure(set_key(home.environment, **gone))
        # Nothing was ever kept: there is nothing to ask the keyring for.
        assert place(home.environment, **nobus) == "none"
        assert chatdesk(home.environment, "keys", "delete", "Mistral", **nobus).code == 0


def test_without_a_keyring_a_key_can_be_used_for_one_run(tmp_path: Path) -> None:
    with keyring_home(terminal(tmp_path), start=False) as home, running(home.environment) as app:
        assert app.does(SET) == "NoKeyring"
        assert app.does(SET.replace("))", "), remember=False)")) == "None"
        assert app.does(GET) == KEY
        assert app.does("keys.place('mistral', origin)") == "memory"


@pytest.mark.parametrize(
    "backend", ["keyring.backends.null.Keyring", "keyrings.alt.file.PlaintextKeyring"]
)
def test_a_keyring_that_protects_nothing_is_refused_though_chosen(
    here: KeyringHome, backend: str
) -> None:
    chosen = {"PYTHON_KEYRING_BACKEND": backend}
    told = failure(set_key(here.environment, **chosen))
    assert backend in told and "PYTHON_KEYRING_BACKEND" in told
    assert backend in doctor(here.environment, **chosen)
    configuration = Path(here.environment["HOME"]) / ".config/python_keyring/keyringrc.cfg"
    configuration.parent.mkdir(parents=True)
    configuration.write_text(f"[backend]\ndefault-keyring={backend}\n")
    assert "keyringrc.cfg" in failure(set_key(here.environment))
    assert here.stored() == {}


def test_a_keyring_that_dies_is_missed_and_found_again_by_the_same_process(
    terminal_keyring: KeyringHome,
) -> None:
    home = terminal_keyring
    with running(home.environment) as app:
        assert app.does(SET) == "None" and app.does(GET) == KEY
        home.kill()
        assert app.does(GET) == "NoKeyring" and app.does(SET) == "NoKeyring"
        assert app.does("keys.check().condition") == "none"
        home.start()
        assert app.does(GET) == KEY and app.does("keys.check().condition") == "usable"


def test_a_bus_that_dies_is_told(terminal_keyring: KeyringHome) -> None:
    with running(terminal_keyring.environment) as app:
        assert app.does(SET) == "None"
        terminal_keyring.end()
        assert app.does(GET) == "NoKeyring"


# -- the keyring's prompt, in a window -------------------------------------------------------------


def prompt(desk: Desk) -> None:
    """Wait until the keyring's question is what the keyboard writes into."""

    def asks() -> bool:
        window = desk.xdotool("getactivewindow", check=False).strip()
        return bool(window) and "Unlock" in desk.xdotool("getwindowname", window, check=False)

    wait_until(asks, "the keyring's question")


def no_prompt(desk: Desk) -> None:
    def gone() -> bool:
        return not desk.xdotool("search", "--onlyvisible", "--name", "Unlock", check=False).split()

    wait_until(gone, "the end of the keyring's question")


@pytest.fixture
def locked(desk: Desk, desk_keyring: KeyringHome) -> KeyringHome:
    """A locked keyring with a key in it."""
    with running(desk.environment) as app:
        assert app.does(SET) == "None"
    desk_keyring.lock()
    return desk_keyring


def test_a_question_that_is_closed_is_told_and_asked_again(desk: Desk, locked: KeyringHome) -> None:
    with running(desk.environment) as app:
        app.begins(GET)
        prompt(desk)
        desk.xdotool("key", "Escape")
        assert app.ends() == "KeyringDismissed"
        no_prompt(desk)
        app.begins(GET)
        prompt(desk)
        desk.xdotool("type", "--delay", "60", PASSWORD)
        desk.xdotool("key", "Return")
        assert app.ends() == KEY


def test_the_command_line_waits_for_the_question_and_says_when_it_was_closed(
    desk: Desk, desk_keyring: KeyringHome
) -> None:
    add_mistral(desk.environment)
    desk_keyring.lock()
    process = subprocess.Popen(
        [str(PROGRAM), "keys", "set", "Mistral"],
        env=desk.environment,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    with process.stdin:
        process.stdin.write(f"{KEY}\n")
    process.stdin = None
    prompt(desk)
    desk.xdotool("key", "Escape")
    _, error = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1 and "closed or refused" in error and KEY not in error


def test_an_open_question_is_waited_for_only_so_long_and_does_not_keep_the_application(
    desk: Desk, locked: KeyringHome
) -> None:
    with running(desk.environment) as app:
        assert app.does("keys.check().condition") == "locked"  # nobody is asked by this
        assert app.does("keys.place('mistral', origin)") == "keyring"
        for call in (GET, SET, "keys.delete('mistral', origin)"):
            assert app.does(f"{call[:-1]}, timeout=0.5)") == "KeyringTimeout"
        prompt(desk)


def test_an_answer_after_the_time_out_unlocks_and_writes_no_key(
    desk: Desk, desk_keyring: KeyringHome
) -> None:
    desk_keyring.lock()
    with running(desk.environment) as app:
        assert app.does(f"{SET[:-1]}, timeout=0.5)") == "KeyringTimeout"
        prompt(desk)
        desk.xdotool("type", "--delay", "60", PASSWORD)
        desk.xdotool("key", "Return")
        no_prompt(desk)
        wait_for_calls = "[t.join(20) for t in __import__('threading').enumerate() if t.daemon]"
        assert app.does(wait_for_calls) != ""
        assert app.does("keys.check().condition") == "usable"
        assert app.does(GET) == "None" and desk_keyring.stored() == {}
        assert app.does(SET) == "None" and app.does(GET) == KEY
