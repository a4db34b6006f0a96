"""The key's text is nowhere: not in what Chatdesk writes, says, shows or runs as.

A whole life of a key with a real keyring and a real server, in the window and on the command line,
with --verbose, with wrong keys and a crash in the middle of a reply. Then everything under the home
is read byte by byte, the text being looked for in every form in which it might have been written.
"""

from __future__ import annotations

import base64
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import remote_hands
from hands import PATIENCE_S, PROGRAM, Desk
from keyring_home import KeyringHome
from real_servers import KEY, MODEL, RealServer

KEY_OF_ANOTHER = "sk-other+harbour/1d2c=warden~ffeeddccbbaa99887766"
QUESTION = "Name the planets of the solar system."
LONG = "Write a very long story about a lighthouse keeper and the sea."


def forms(secret: str) -> list[bytes]:
    """How a text could stand in a file: as it is, in other codings, and its halves."""
    plain = secret.encode()
    found = [plain, plain[: len(plain) // 2], plain[len(plain) // 2 :], plain[4:20]]
    found += [secret.encode("utf-16-le"), secret.encode("utf-16-be"), plain.hex().encode()]
    found += [plain.hex().upper().encode(), quote(secret, safe="").encode(), plain[::-1]]
    found += [json.dumps(secret)[1:-1].encode()]
    for text in (plain, b"Bearer " + plain):
        for shift in range(3):  # where it stands in what was coded decides how it looks
            for code in (base64.b64encode, base64.urlsafe_b64encode):
                coded = code(b" " * shift + text)
                found.append(coded[4 if shift else 0 : len(coded) // 4 * 4 - 4])
    return list(dict.fromkeys(found))


def places(folder: Path, secret: str) -> list[str]:
    """Every file below the folder, and every name, in which the text stands in some form."""
    wanted = forms(secret)
    found = []
    for path in folder.rglob("*"):
        if any(form in str(path).encode() for form in wanted):
            found.append(f"the name {path}")
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            found += [f"{path}: {form!r}" for form in wanted if form in content]
    return found


def test_the_search_finds_what_it_looks_for(tmp_path: Path) -> None:
    for number, form in enumerate(forms(KEY)):
        (tmp_path / str(number)).write_bytes(b"before" + form + b"after")
    assert len({place.partition(": ")[0] for place in places(tmp_path, KEY)}) == len(forms(KEY))
    header = base64.b64encode(b"Authorization: Bearer " + KEY.encode())
    (tmp_path / "header").write_bytes(header)
    assert any("header" in place for place in places(tmp_path, KEY))


@dataclass
class Watched:
    """Runs programs and keeps all that they said and that the system told of them."""

    environment: dict[str, str]
    said: dict[str, str] = field(default_factory=dict)

    def run(self, *command: str, stdin: str = "", code: int = 0, **extra: str) -> str:
        """Run to the end, with that exit code; what it wrote to standard output."""
        process = self.start(*command, **extra)
        out, err = process.communicate(stdin.encode())
        self.keep(command, out, err)
        assert process.returncode == code, err.decode()
        return out.decode()

    def crash(self, *command: str, **extra: str) -> None:
        """End it as a fault in its C code does, once it has begun to write."""
        process = self.start(*command, **extra)
        assert process.stdin is not None and process.stdout is not None
        process.stdin.close()
        begun = os.read(process.stdout.fileno(), 10)
        assert begun, "it wrote nothing"
        process.send_signal(signal.SIGSEGV)
        process.stdin = None
        out, err = process.communicate()
        self.keep(command, begun + out, err)
        assert process.returncode == -signal.SIGSEGV

    def start(self, *command: str, **extra: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            command,
            env={**self.environment, **extra},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=without_core,
        )
        self.look_at(process.pid)
        return process

    def look_at(self, pid: int) -> None:
        """Keep what every process of this computer may know of that one."""
        for name in ("cmdline", "environ", "comm"):
            self.said[f"/proc/{pid}/{name}"] = Path(f"/proc/{pid}/{name}").read_text("latin-1")

    def keep(self, command: tuple[str, ...], out: bytes, err: bytes) -> None:
        name = f"{len(self.said)} {' '.join(command[1:4])}"
        self.said[name] = out.decode("latin-1") + err.decode("latin-1")

    def write_down(self, folder: Path) -> None:
        folder.mkdir()
        for number, (name, text) in enumerate(self.said.items()):
            (folder / f"{number}.txt").write_bytes(f"{name}\n{text}".encode("latin-1", "replace"))


def without_core() -> None:
    """A core dump has all of the memory; whether there are any is the system's, not Chatdesk's."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def homed(environment: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Also what is written to the folder for temporary files is under the test's own."""
    (folder / "temporary").mkdir()
    return dict(environment) | {"TMPDIR": str(folder / "temporary")}


def assert_nowhere(folder: Path) -> None:
    assert places(folder, KEY) == []
    assert places(folder, KEY_OF_ANOTHER) == []


BUG = """
import logging
logging.basicConfig(level=logging.DEBUG)  # all that any package has to say
from chatdesk import Chat
from chatdesk.providers.remote import transport
from chatdesk.providers.remote.run import RemoteRun

def broken(self, *_):
    raise RuntimeError("a bug in the middle of a reply")

RemoteRun.piece = broken
with Chat(model="House:") as chat:
    chat.send("Hello")
"""


def test_the_command_line_writes_no_key(
    terminal_keyring: KeyringHome, llama_server: RealServer, tmp_path: Path
) -> None:
    shared = set(Path("/dev/shm").glob("*")) if Path("/dev/shm").is_dir() else set()
    watched = Watched(homed(terminal_keyring.environment, tmp_path))
    program = str(PROGRAM)
    verbose = (program, "--verbose")
    limits = ("--max-tokens", "4")
    address = ("--base-url", llama_server.base_url)
    watched.run(program, "settings", "set", "sampling.max_tokens", "8")
    watched.run(*verbose, "providers", "add", "House", "--kind", "custom", *address)
    watched.run(*verbose, "keys", "set", "House", stdin=f"{KEY_OF_ANOTHER}\n")
    watched.run(*verbose, "ask", QUESTION, "--model", "House:", code=1)
    watched.run(*verbose, "providers", "test", "House", code=1)
    watched.run(program, "keys", "set", "House", stdin=f"{KEY}\n")
    assert KEY in terminal_keyring.stored().values()
    watched.run(*verbose, "keys", "list")
    watched.run(*verbose, "providers", "test", "House", "--model", MODEL)
    watched.run(*verbose, "providers", "models", "House", "--json")
    assert watched.run(*verbose, "ask", QUESTION, "--model", "House:", "--save", *limits)
    debug = {"OPENAI_LOG": "debug", "PYTHONASYNCIODEBUG": "1", "HTTPX_LOG_LEVEL": "trace"}
    assert watched.run(*verbose, "ask", "Hi", "--model", "House:", *limits, **debug)
    watched.run(*verbose, "chat", "--model", "House:", stdin="Hello\n")
    watched.run(program, "doctor", "--json")
    watched.run(*verbose, "providers", "change", "House", "--base-url", "http://127.0.0.1:9/v1")
    watched.run(*verbose, "providers", "change", "House", *address)
    watched.run(*verbose, "keys", "set", "House", stdin=f"{KEY}\n")
    # A fault in the C code below, and a bug in Chatdesk's own, in the middle of a reply.
    watched.crash(*verbose, "ask", LONG, "--model", "House:", "--save", "--max-tokens", "0")
    logs = [path.read_text("utf-8", "replace") for path in tmp_path.rglob("*.log*")]
    assert any("Segmentation fault" in text for text in logs)
    watched.run(sys.executable, "-c", BUG, code=1)
    watched.write_down(tmp_path / "said")
    for path in set(Path("/dev/shm").glob("chatdesk-*")) - shared:
        (tmp_path / path.name).mkdir()
        subprocess.run(["cp", "-r", str(path), str(tmp_path / path.name)], check=True)
    assert_nowhere(tmp_path)


def windows(desk: Desk) -> list[str]:
    """What stands on the application's windows."""
    assert desk.process is not None
    found = desk.xdotool("search", "--pid", str(desk.process.pid), "--name", "", check=False)
    return [desk.xdotool("getwindowname", one, check=False) for one in found.split()]


def selections(desk: Desk) -> list[bytes]:
    """What can be pasted: by Ctrl+V and by the middle button."""
    return [
        subprocess.run(
            ["xclip", "-out", "-selection", name],
            env=desk.environment,
            capture_output=True,
            check=False,
        ).stdout
        for name in ("clipboard", "primary")
    ]


def test_the_window_writes_no_key(
    desk: Desk, desk_keyring: KeyringHome, llama_server: RealServer, tmp_path: Path
) -> None:
    desk.environment = homed(desk.environment, tmp_path)
    watched = Watched(desk.environment)
    desk.chatdesk_plain("providers", "add", "House", "--base-url", llama_server.base_url)
    remote_hands.use_for_new_chats(desk, "House:")
    remote_hands.longest_reply(desk, 8)
    desk.start("--verbose")
    assert desk.process is not None
    pid = desk.process.pid
    resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
    desk.set_clipboard("what the person copied before")

    # A wrong key: it cannot be copied out of its field, it is tested, saved, used, refused.
    remote_hands.open_providers(desk)
    remote_hands.wait_for_focus(desk, "providerList")
    desk.press(id="providerKey")
    desk.type(KEY_OF_ANOTHER)
    desk.key("ctrl+a", "ctrl+c", "ctrl+Insert", "ctrl+x", "shift+Delete", "ctrl+a")
    watched.said["the field"] = json.dumps(desk.accessible())
    copied = selections(desk)
    assert copied[0] == b"what the person copied before"
    assert not [text for text in copied for form in forms(KEY_OF_ANOTHER) if form in text]
    assert "does not accept the key" in remote_hands.test_connection(desk)
    desk.key("ctrl+s")
    remote_hands.said(desk, "Saved.")
    assert list(desk_keyring.accounts().values()) == [KEY_OF_ANOTHER]
    remote_hands.leave_providers(desk)
    remote_hands.send(desk, QUESTION)
    assert "does not accept the key" in remote_hands.reply(desk, "failed").text
    watched.said["titles after the wrong key"] = "\n".join(windows(desk))

    # The right one: tested, saved, used.
    desk.press(name="Add or replace the key")
    desk.press(id="replaceKeyButton")
    remote_hands.wait_for_focus(desk, "providerKey")
    desk.type(KEY)
    assert "answers" in remote_hands.test_connection(desk)
    watched.said["the dialog"] = "\n".join(windows(desk)) + json.dumps(desk.accessible())
    desk.key("ctrl+s")
    remote_hands.said(desk, "Saved.")
    assert list(desk_keyring.accounts().values()) == [KEY]
    remote_hands.leave_providers(desk)
    desk.press(name="Try again")
    remote_hands.reply(desk, "complete")
    (saved,) = desk.conversations()
    assert saved["title"] == QUESTION
    for form in ((), ("--json",)):
        watched.run(str(PROGRAM), "conversations", "show", saved["id"], *form)

    # Everything there is while it runs, and what is left after a crash in the middle of a reply.
    watched.look_at(pid)
    watched.said["titles"] = "\n".join(windows(desk))
    watched.said["pasted"] = repr(selections(desk))
    assert_nowhere(tmp_path)
    remote_hands.longest_reply(desk, 0)
    remote_hands.send(desk, LONG)
    remote_hands.reply(desk, "being written", count=2, letters=10)
    desk.process.send_signal(signal.SIGSEGV)
    assert desk.process.wait(PATIENCE_S) == -signal.SIGSEGV
    desk.start("--verbose")
    remote_hands.reply(desk, "interrupted", count=2)
    watched.said["after the crash"] = "\n".join(windows(desk)) + json.dumps(desk.accessible())
    watched.look_at(desk.process.pid)
    desk.kill()
    watched.write_down(tmp_path / "said")
    assert_nowhere(tmp_path)
    written = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert [path for path, text in written.items() if b"Segmentation fault" in text]
    assert not [path for path, text in written.items() if b"Bearer " in text]
