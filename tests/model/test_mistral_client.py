"""Mistral's own client and the openai package at the servers that Chatdesk is tested with."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from mistralai.client import Mistral
from mistralai.client.errors import SDKError
from real_servers import KEY, RealServer
from recording_server import Recorded, Recorder, chunks, recording
from remote_desk import RemoteDesk, Reply

QUESTION = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Name three colours."},
]


def mistral(server: RealServer, key: str = KEY) -> Mistral:
    return Mistral(api_key=key, server_url=server.root)


def test_mistrals_client_is_answered_by_the_servers(any_server: RealServer) -> None:
    messages: Any = QUESTION
    with mistral(any_server) as client:
        stream = client.chat.stream(
            model=any_server.model, messages=messages, max_tokens=6, random_seed=3, temperature=0.5
        )
        with stream as events:
            choices = [choice for event in events for choice in event.data.choices]
    assert "".join(str(choice.delta.content or "") for choice in choices).strip()
    assert choices[-1].finish_reason in ("length", "stop")


def test_mistrals_client_is_refused_with_another_key(any_server: RealServer) -> None:
    messages: Any = QUESTION
    with mistral(any_server, "sk-another") as client, pytest.raises(SDKError) as refused:
        client.chat.stream(model=any_server.model, messages=messages)
    assert refused.value.status_code == 401


def test_the_openai_package_is_answered_by_the_servers(any_server: RealServer) -> None:
    messages: Any = QUESTION
    with openai.OpenAI(api_key=KEY, base_url=any_server.base_url) as client:
        stream = client.chat.completions.create(
            model=any_server.model, messages=messages, max_tokens=6, seed=3, stream=True
        )
        with stream:
            choices = [choice for chunk in stream for choice in chunk.choices]
    assert "".join(choice.delta.content or "" for choice in choices).strip()
    assert choices[-1].finish_reason in ("length", "stop")


# -- what is sent ----------------------------------------------------------------------------------

SAMPLING: dict[str, Any] = {"temperature": 0.5, "top_p": 0.9, "max_tokens": 12, "stop": ("END",)}
TURNS = ("Name three colours.", "Red, green.", "That were two.")
MESSAGES: Any = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": TURNS[0]},
    {"role": "assistant", "content": TURNS[1]},
    {"role": "user", "content": TURNS[2]},
]


def ours(
    remote: RemoteDesk, kind: str, model: str, server: Recorder, **named: Any
) -> tuple[Recorded, Reply]:
    """What Chatdesk sends for the conversation, and the reply."""
    remote.add("Ours", server.base_url, KEY, kind=kind, context_size=8192)
    wanted = SAMPLING | {"seed": 7} | named
    reply = remote.ask(f"Ours:{model}", *TURNS, system="Be brief.", **wanted)
    return server.chat, reply


def by_mistral(server: Recorder, messages: Any, model: str) -> tuple[Recorded, str]:
    """What Mistral's client sends for the same, and the text that it reads."""
    wanted = SAMPLING | {"stop": list(SAMPLING["stop"])}
    with Mistral(api_key=KEY, server_url=server.root) as client:
        stream = client.chat.stream(model=model, messages=messages, random_seed=7, **wanted)
        with stream as events:
            deltas = [choice.delta for event in events for choice in event.data.choices]
    return server.chat, "".join(str(delta.content or "") for delta in deltas)


@pytest.mark.parametrize("continuation", ["", "Red, green and"])
def test_mistral_is_sent_what_its_own_client_sends(remote: RemoteDesk, continuation: str) -> None:
    model = "mistral-small-latest"
    begun = {"role": "assistant", "content": continuation, "prefix": True}
    messages = [*MESSAGES, begun] if continuation else MESSAGES
    with recording() as server:
        sent, reply = ours(remote, "mistral", model, server, continuation=continuation)
        theirs, text = by_mistral(server, messages, model)
    assert (sent.method, sent.path) == (theirs.method, theirs.path)
    assert sent.headers["authorization"] == theirs.headers["authorization"] == f"Bearer {KEY}"
    assert sent.headers["content-type"] == theirs.headers["content-type"]
    for message in theirs.body["messages"]:
        if message.get("prefix") is False:  # its client writes out what is usual
            del message["prefix"]
    assert sent.body == theirs.body
    assert reply.text == text == "Yes."


def test_mistrals_thinking_in_parts_is_reasoning(remote: RemoteDesk) -> None:
    """Its reasoning models send content as a list of parts, which its own client reads."""
    thought = [{"type": "thinking", "thinking": [{"type": "text", "text": "Colours."}]}]
    with recording(chunks(thought, "Blue", [{"type": "text", "text": "."}])) as server:
        _, reply = ours(remote, "mistral", "magistral-small-latest", server)
        _, read = by_mistral(server, MESSAGES, "magistral-small-latest")
    assert "Colours." in read and "Blue" in read  # its client keeps the parts as they came
    assert (reply.reasoning, reply.text) == ("Colours.", "Blue.")


def test_openai_is_sent_what_the_openai_package_sends(remote: RemoteDesk) -> None:
    wanted = SAMPLING | {"stop": list(SAMPLING["stop"])}
    with recording() as server:
        sent, reply = ours(remote, "openai", "gpt-4o", server)
        with (
            openai.OpenAI(api_key=KEY, base_url=server.base_url) as client,
            client.chat.completions.create(
                model="gpt-4o",
                messages=MESSAGES,
                seed=7,
                stream=True,
                stream_options={"include_usage": True},
                **wanted,
            ) as stream,
        ):
            text = "".join(c.delta.content or "" for chunk in stream for c in chunk.choices)
        theirs = server.chat
    assert (sent.method, sent.path) == (theirs.method, theirs.path)
    assert sent.headers["authorization"] == theirs.headers["authorization"]
    assert reply.text == text == "Yes."
    # The package's newer word for the same is what OpenAI's newer models want.
    renamed = theirs.body | {"max_completion_tokens": theirs.body["max_tokens"]}
    assert sent.body in (theirs.body, {k: v for k, v in renamed.items() if k != "max_tokens"})


def test_no_server_is_told_what_computer_this_is(remote: RemoteDesk) -> None:
    """The openai package would tell the system, its kind of processor and the Python version."""
    with recording() as server:
        sent, _ = ours(remote, "openai", "gpt-4o", server)
    assert [name for name in sent.headers if name.startswith("x-stainless")] == []
    assert "Chatdesk" in sent.headers["user-agent"]
