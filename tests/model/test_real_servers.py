"""The servers themselves: what the tests of remote providers rest on."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import pytest
from real_servers import CONTEXT, KEY, MODEL, RealServer


def models(server: RealServer, key: str = KEY) -> list[dict[str, Any]]:
    request = urllib.request.Request(
        f"{server.base_url}/models", headers={"Authorization": f"Bearer {key}"}
    )
    with urllib.request.urlopen(request) as answer:
        return list(json.load(answer)["data"])


def test_they_list_their_model_and_refuse_another_key(any_server: RealServer) -> None:
    assert models(any_server)[0]["id"] == MODEL
    with pytest.raises(urllib.error.HTTPError) as refused:
        models(any_server, "sk-another")
    assert refused.value.code == 401
    refused.value.close()


def test_llama_server_tells_the_context_of_one_conversation(llama_server: RealServer) -> None:
    assert models(llama_server)[0]["meta"]["n_ctx"] == CONTEXT
