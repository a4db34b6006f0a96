"""The log, its privacy, and the hooks for bugs."""

from __future__ import annotations

import logging
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chatdesk.diagnostics import (
    describe_exception,
    install_hooks,
    keep_out,
    last_crash,
    redact,
    setup_logging,
)
from chatdesk.paths import DataDir


@pytest.fixture
def data(tmp_path: Path) -> DataDir:
    return DataDir(tmp_path / "data")


@pytest.fixture
def log(data: DataDir) -> Iterator[Path]:
    undo = setup_logging(data, verbose=False)
    yield data.logs / "chatdesk.log"
    undo()


@pytest.fixture
def hooks() -> Iterator[list[Callable[[], None]]]:
    undo: list[Callable[[], None]] = []
    before = sys.excepthook, threading.excepthook, sys.unraisablehook
    # The hooks that are there would make the test itself fail on the exceptions it provokes.
    sys.excepthook = lambda *_: None
    threading.excepthook = lambda _: None
    sys.unraisablehook = lambda _: None
    yield undo
    for call in undo:
        call()
    sys.excepthook, threading.excepthook, sys.unraisablehook = before


def test_chatdesks_records_from_info_on_are_logged_and_others_from_warning_on(log: Path) -> None:
    logging.getLogger("chatdesk.llama").info("loaded")
    logging.getLogger("chatdesk.llama").debug("chatter")
    logging.getLogger("somelibrary").info("request")
    logging.getLogger("somelibrary").warning("odd")
    text = log.read_text()
    assert "chatdesk.llama: loaded" in text and "somelibrary: odd" in text
    assert "chatter" not in text and "request" not in text


@pytest.mark.skipif(os.name != "posix", reason="modes are a POSIX thing")
def test_the_log_files_are_for_their_owner_only(log: Path) -> None:
    logging.getLogger("chatdesk").info("x")
    assert {stat.S_IMODE(found.stat().st_mode) for found in log.parent.iterdir()} == {0o600}


@pytest.mark.skipif(os.name != "posix", reason="modes are a POSIX thing")
def test_a_data_directory_made_for_the_log_is_for_its_owner_only(log: Path, data: DataDir) -> None:
    assert {stat.S_IMODE(found.stat().st_mode) for found in (data.root, data.logs)} == {0o700}


def test_the_log_rotates_and_stays_bounded(log: Path) -> None:
    for _ in range(60):
        logging.getLogger("chatdesk").info("%s", "." * 100_000)
    names = sorted(found.name for found in log.parent.iterdir())
    assert names == [
        "chatdesk.log",
        "chatdesk.log.1",
        "chatdesk.log.2",
        "chatdesk.log.3",
        "crash.log",
    ]
    assert sum(found.stat().st_size for found in log.parent.iterdir()) < 5_000_000


def test_a_log_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    undo = setup_logging(DataDir(tmp_path / "file"), verbose=False)
    logging.getLogger("chatdesk").warning("heard by nobody")
    undo()


def test_undoing_takes_every_handler_away(data: DataDir) -> None:
    before = list(logging.getLogger().handlers)
    setup_logging(data, verbose=True)()
    assert logging.getLogger().handlers == before


def test_verbose_is_also_heard_on_standard_error(
    data: DataDir, capsys: pytest.CaptureFixture[str]
) -> None:
    undo = setup_logging(data, verbose=True)
    logging.getLogger("chatdesk").debug("chatter with token=abcdef123")
    undo()
    assert "chatter with token=[removed]" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer SECRETvalue123",
        "api_key=SECRETvalue123",
        "{'OPENAI_API_KEY': 'SECRETvalue123'}",
        '{"token": "SECRETvalue123"}',
        "used sk-SECRETvalue123",
        "used hf_SECRETvalue123",
        "https://me:SECRETvalue123@example.org/v1",
        "https://example.org/v1?token=SECRETvalue123&x=1",
        "key SECRETvalue123aAbBcCdDeEfFgGhHiI done",
        "AIzaSECRETvalue123aaaaaaaaaaaa",
    ],
)
def test_keys_are_redacted(text: str) -> None:
    assert "SECRET" not in redact(text) and "[removed]" in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "loaded SmolLM2-135M-Instruct.Q4_1.gguf in 0.4 s",
        "prompt_tokens=12 completion_tokens=40",
        "conversation 3f2a9c0d1e4b5a69 saved",
        "tokenizer: 49152 tokens",
        "user-interface language",
    ],
)
def test_harmless_lines_are_left_alone(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize("piece", ["x", "a-", "token", "a:", "http://", "0a", "key="])
def test_a_long_text_without_spaces_takes_no_longer_than_another(piece: str) -> None:
    """With the square of its length this would outlast the time-out of the test."""
    redact(piece * (300_000 // len(piece)))


@pytest.mark.parametrize(
    ("secret", "shown"),
    [
        ("correct horse", "got correct horse."),
        ("correct horse", "got correct%20horse."),
        ("correct horse", "got correct+horse."),
        ('a"quote\\slash', '{"key": "a\\"quote\\\\slash"}'),
        ("it's-secret", repr(["it's-secret", '"'])),
        ("schl\u00fcssel-1", "got schl%C3%BCssel-1"),
        ("schl\u00fcssel-1", '{"key": "schl\\u00fcssel-1"}'),
        ("in-the-middle", "xxin-the-middlexx"),
        ("word7", "got word7, and more"),
    ],
)
def test_a_text_that_is_to_be_kept_out_is_redacted_however_it_is_written(
    secret: str, shown: str
) -> None:
    keep_out(secret)
    text = redact(shown)
    assert "[removed]" in text and secret not in text and shown != text


def test_short_texts_to_be_kept_out_do_not_tear_up_other_words() -> None:
    for secret in ("a", "sk", "zqx", "test"):
        keep_out(secret)
    assert redact("the latest zqxs of a test-run") == "the latest zqxs of a [removed]-run"


def test_of_two_texts_to_be_kept_out_the_longer_one_goes_first() -> None:
    for secret in ("prefix-of-it", "prefix-of-it-all", "xprefix-of-it"):
        keep_out(secret)
    assert redact("prefix-of-it-all xprefix-of-it") == "[removed] [removed]"


def test_only_the_newest_texts_are_kept_out() -> None:
    for number in range(300):
        keep_out(f"many-secrets-{number:04}-")
    assert redact("many-secrets-0299-") == "[removed]"
    assert redact("many-secrets-0001-") == "many-secrets-0001-"


def test_a_text_used_again_is_among_the_newest() -> None:
    for number in range(300):
        keep_out("often-used-secret")
        keep_out(f"more-secrets-{number:04}-")
    assert redact("often-used-secret") == "[removed]"


def test_half_of_a_secret_is_not_left_where_a_message_is_cut() -> None:
    keep_out("a-secret-at-the-end-of-a-message")
    error = ValueError("x" * 145 + "a-secret-at-the-end-of-a-message")
    assert "a-secret" not in describe_exception(ValueError, error, None)


def test_what_http_clients_tell_is_not_written_whatever_their_loggers_are_set_to(
    data: DataDir, capsys: pytest.CaptureFixture[str]
) -> None:
    undo = setup_logging(data, verbose=True)
    names = ("openai._base_client", "httpx2", "httpcore2.http11", "keyring.core", "jeepney")
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
        logger.debug("Request options: %s", {"json_data": "once upon a time"})
        logger.info("HTTP Request: POST once upon a time")
        logger.warning("odd %s", "once upon a time " * 100)
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
    undo()
    for text in ((data.logs / "chatdesk.log").read_text(), capsys.readouterr().err):
        assert "Request" not in text and text.count("odd once") == len(names)
        assert 0 < text.count("once upon") < 40 * len(names)


@pytest.mark.usefixtures("allow_errors")
def test_pythons_own_hooks_do_not_print_what_is_redacted(
    hooks: list[Callable[[], None]], capsys: pytest.CaptureFixture[str]
) -> None:
    keep_out("printed-by-python")
    sys.excepthook, threading.excepthook = sys.__excepthook__, threading.__excepthook__
    sys.unraisablehook = sys.__unraisablehook__
    hooks.append(install_hooks())
    sys.excepthook(ValueError, ValueError("in main, printed-by-python"), None)

    def fail() -> None:
        raise ValueError("in thread, printed-by-python")

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()

    class Bad:
        def __del__(self) -> None:
            raise ValueError("in del, printed-by-python")

    Bad()
    shown = capsys.readouterr().err
    assert [shown.count(f"ValueError: in {w}, [removed]") for w in ("main", "thread", "del")] == [
        1,
        1,
        1,
    ]
    assert "printed-by-python" not in shown


def test_the_home_directory_is_redacted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    assert redact("/home/ada/x and /home/adam/y") == "~/x and /home/adam/y"


@pytest.mark.usefixtures("allow_errors")
def test_logged_exceptions_are_redacted_and_their_messages_cut(log: Path) -> None:
    try:
        try:
            raise ValueError("once upon a time " * 20)
        except ValueError as error:
            raise RuntimeError("token=abcdefgh") from error
    except RuntimeError:
        logging.getLogger("chatdesk").exception("failed")
    text = log.read_text()
    assert "RuntimeError: token=[removed]" in text and "ValueError: once upon" in text
    assert text.count("once upon") < 15


def test_describing_an_exception_survives_rings_and_groups() -> None:
    first, second = ValueError("a" * 1000), KeyError("b")
    first.__context__, second.__context__ = second, first
    group = ExceptionGroup("many", [first, second])
    text = describe_exception(ExceptionGroup, group, None)
    assert "many" in text and "a" * 200 not in text


@pytest.mark.usefixtures("allow_errors")
def test_uncaught_exceptions_are_logged_and_told(
    log: Path, hooks: list[Callable[[], None]]
) -> None:
    told: list[str] = []
    hooks.append(install_hooks(told.append))
    sys.excepthook(ValueError, ValueError("in main"), None)

    def fail() -> None:
        raise ValueError("in thread")

    thread = threading.Thread(target=fail, name="worker")
    thread.start()
    thread.join()

    class Bad:
        def __del__(self) -> None:
            raise ValueError("in del")

    Bad()
    assert [next(w for w in ("main", "thread", "del") if f"in {w}" in t) for t in told] == [
        "main",
        "thread",
        "del",
    ]
    text = log.read_text()
    assert "in main" in text and "in thread worker" in text and "in del" in text


def test_interrupts_and_exits_are_no_bugs(hooks: list[Callable[[], None]]) -> None:
    told: list[str] = []
    hooks.append(install_hooks(told.append))
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    thread = threading.Thread(target=sys.exit)
    thread.start()
    thread.join()
    assert told == []


@pytest.mark.usefixtures("allow_errors")
def test_a_crash_dialog_that_crashes_goes_no_further(
    log: Path, hooks: list[Callable[[], None]]
) -> None:
    def dialog(report: str) -> None:
        raise OSError("no display")

    hooks.append(install_hooks(dialog))
    sys.excepthook(ValueError, ValueError("first"), None)
    assert "no display" in log.read_text()


@pytest.mark.usefixtures("allow_errors")
def test_the_hooks_before_are_called_and_put_back(hooks: list[Callable[[], None]]) -> None:
    seen: list[object] = []
    sys.excepthook = lambda *args: seen.append(args[0])
    mine = sys.excepthook
    undo = install_hooks()
    sys.excepthook(ValueError, ValueError(), None)
    undo()
    assert seen == [ValueError] and sys.excepthook is mine


def test_a_native_crash_leaves_its_stack(data: DataDir) -> None:
    assert last_crash(data) is None
    program = (
        "import faulthandler, sys; from pathlib import Path\n"
        "from chatdesk.paths import DataDir; from chatdesk.diagnostics import setup_logging\n"
        "setup_logging(DataDir(Path(sys.argv[1])), False)\n"
        "faulthandler._sigabrt()\n"
    )
    assert subprocess.run([sys.executable, "-c", program, str(data.root)]).returncode != 0
    crash = last_crash(data)
    assert crash is not None and "most recent call first" in crash
