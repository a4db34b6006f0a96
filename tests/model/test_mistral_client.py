"""Mistral's own client and the openai package at the servers that Chatdesk is tested with."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from mistralai.client import Mistral
from mistralai.client.errors import SDKError
from real_servers import KEY, RealServer

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
    assert choices[-1].finish_reason == "length"


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
    assert choices[-1].finish_reason == "length"
