"""Chat with the real model, in processes where Qt cannot be imported."""

from __future__ import annotations

import subprocess
import sys

import pytest

OPTIONS = "temperature=0, max_tokens=24, threads=1, context_size=1024"


def python(code: str) -> str:
    """Run a script without Qt; what it printed."""
    blocked = (
        "import sys\nfor name in ('PySide6', 'shiboken6', 'qasync'): sys.modules[name] = None\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", blocked + code],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return result.stdout


def test_a_conversation_in_a_script() -> None:
    out = python(
        "from chatdesk import Chat\n"
        f"chat = Chat(system='Answer concisely.', {OPTIONS})\n"
        "pieces = list(chat.stream('Name the planets of the solar system'))\n"
        "assert len(pieces) > 3\n"
        "text = chat.send('Reverse the list')\n"
        "assert text == chat.messages[-1]['content']\n"
        "assert [m['role'] for m in chat.messages] == "
        "['system', 'user', 'assistant', 'user', 'assistant']\n"
        "print(''.join(pieces))\n"
    )
    assert out.strip()


def test_a_loop_that_is_left_ends_the_reply_and_the_chat_goes_on() -> None:
    out = python(
        "from chatdesk import Chat\n"
        f"with Chat({OPTIONS}) as chat:\n"
        "    for number, piece in enumerate(chat.stream('Count to one hundred')):\n"
        "        if number == 2: break\n"
        "    print(len(chat.messages))\n"
        "    print(bool(chat.send('Hello')))\n"
    )
    assert out.split() == ["2", "True"]


def test_two_chats_live_beside_each_other() -> None:
    out = python(
        "from chatdesk import Chat\n"
        f"with Chat({OPTIONS}) as one, Chat({OPTIONS}) as two:\n"
        "    first, second = one.stream('Name the planets'), two.stream('Name the planets')\n"
        "    pairs = list(zip(first, second))\n"
        "    print(len(pairs) > 3, all(a == b for a, b in pairs))\n"
    )
    assert out.split() == ["True", "True"]


@pytest.mark.parametrize(
    ("options", "error"),
    [("model='nosuch'", "NotFound"), ("model='./nosuch.gguf'", "NotFound")],
)
def test_a_model_that_is_not_there_is_told(options: str, error: str) -> None:
    out = python(
        "from chatdesk import Chat\n"
        "from chatdesk.errors import ChatdeskError\n"
        "try:\n"
        f"    Chat({options}).send('Hi')\n"
        "except ChatdeskError as error:\n"
        "    print(type(error).__name__)\n"
    )
    assert out.strip() == error


def test_a_script_that_forgets_its_chat_ends_by_itself() -> None:
    out = python(
        f"from chatdesk import Chat\nchat = Chat({OPTIONS})\nstream = chat.stream('Count')\n"
        "print(bool(next(stream)))\n"
    )
    assert out.strip() == "True"
