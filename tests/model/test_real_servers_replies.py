"""Replies of real servers: streamed, stopped, gone on with, refused, cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import real_servers
from real_servers import CONTEXT, KEY, MISSING, MODEL, RealServer
from remote_desk import RemoteDesk, Reply

from chatdesk.chat.events import Delta

QUESTION = "Name the planets of the solar system."
LONG = "Write a very long story about a lighthouse keeper and the sea."


def test_a_reply_streams_in_pieces_and_says_who_wrote_it(
    remote: RemoteDesk, any_server: RealServer
) -> None:
    remote.add("House", any_server.base_url, KEY, context_size=CONTEXT)
    reply = remote.ask(f"House:{MODEL}", QUESTION, system="Be brief.", max_tokens=12)
    assert reply.reason == "length"
    assert len(reply.of(Delta)) >= 10
    assert reply.text.strip()
    assert (reply.started.model, reply.started.provider) == (MODEL, "House")
    assert reply.started.context_window == CONTEXT
    assert reply.notices == []
    assert reply.usage.prompt_tokens and reply.usage.first_token_ms


def test_tokens_are_the_servers_count_where_it_tells_and_estimates_elsewhere(
    remote: RemoteDesk, llama_server: RealServer, llama_cpp_python: RealServer
) -> None:
    remote.add("Tells", llama_server.base_url, KEY)
    remote.add("Silent", llama_cpp_python.base_url, KEY, context_size=CONTEXT)
    told = remote.ask(f"Tells:{MODEL}", QUESTION, max_tokens=12).usage
    assert (told.completion_tokens, told.estimated) == (12, False)
    guessed = remote.ask(f"Silent:{MODEL}", QUESTION, max_tokens=12).usage
    assert guessed.estimated
    assert guessed.completion_tokens


def test_the_context_size_comes_from_the_servers_list(
    remote: RemoteDesk, llama_server: RealServer
) -> None:
    profile = remote.add("House", llama_server.base_url, KEY, kind="llama-server")
    (model,) = remote.provider.models(profile).result(60)
    assert (model.id, model.context_size) == (MODEL, CONTEXT)
    reply = remote.ask("House:", QUESTION, max_tokens=4)
    assert reply.started.context_window == CONTEXT
    assert reply.started.model == MODEL
    assert reply.started.estimated


def test_messages_that_do_not_fit_are_left_out_and_named(
    remote: RemoteDesk, llama_cpp_python: RealServer
) -> None:
    remote.add("House", llama_cpp_python.base_url, KEY, context_size=256)
    turns = ["The sea was calm that night. " * 4] * 20 + [QUESTION]
    reply = remote.ask(f"House:{MODEL}", *turns, max_tokens=4)
    assert reply.reason == "length"
    assert reply.started.left_out[0] == "m0"
    assert len(reply.started.left_out) < 20
    told = reply.usage.prompt_tokens
    assert told is not None and told <= 256


def test_a_message_longer_than_the_context_is_explained(
    remote: RemoteDesk, any_server: RealServer
) -> None:
    """Where the size is known it is not sent; else the server refuses, and its reason is told."""
    remote.add("House", any_server.base_url, KEY)
    remote.add("Known", any_server.base_url, KEY, context_size=CONTEXT)
    for name in ("Known", "House"):
        reply = remote.ask(f"{name}:{MODEL}", "The sea was calm that night. " * 400)
        assert reply.text == ""
        assert not reply.error.retryable
        assert type(reply.error).__name__ == "ContextOverflow", reply.error


def test_a_seed_gives_the_same_reply_again(remote: RemoteDesk, llama_server: RealServer) -> None:
    remote.add("House", llama_server.base_url, KEY)
    wanted = {"temperature": 0.9, "seed": 11, "max_tokens": 12}
    first, second = (remote.ask(f"House:{MODEL}", QUESTION, **wanted) for _ in range(2))
    assert first.text == second.text != ""


def test_a_reply_ends_before_a_stop_text(remote: RemoteDesk, any_server: RealServer) -> None:
    remote.add("House", any_server.base_url, KEY, context_size=CONTEXT)
    whole = remote.ask(f"House:{MODEL}", QUESTION, max_tokens=24).text
    stop = whole.split()[3]
    cut = remote.ask(f"House:{MODEL}", QUESTION, max_tokens=24, stop=(stop,))
    assert cut.reason == "stop"
    assert cut.text == whole[: whole.index(stop)]


# -- going on --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["llama-server", "vllm", "custom"])
def test_a_stopped_reply_is_gone_on_with(
    remote: RemoteDesk, llama_server: RealServer, kind: str
) -> None:
    remote.add("House", llama_server.base_url, KEY, kind=kind)
    begun = "The planets of the solar system are Mercury, Venus,"
    reply = remote.ask("House:", QUESTION, continuation=begun, max_tokens=12)
    assert reply.text.strip()
    assert not reply.text.strip().startswith(begun[:20])


def test_llama_server_goes_on_in_the_middle_of_a_sentence(
    remote: RemoteDesk, llama_server: RealServer
) -> None:
    """The text that exists is the beginning of the model's turn, token for token."""
    remote.add("House", llama_server.base_url, KEY, kind="llama-server")
    whole = remote.ask("House:", QUESTION, max_tokens=24).text
    begun = whole[: whole.index(" ", len(whole) // 2)]
    rest = remote.ask("House:", QUESTION, continuation=begun, max_tokens=4).text
    assert (begun + rest)[: len(begun) + 4] == whole[: len(begun) + 4]


# -- refused ---------------------------------------------------------------------------------------


def test_a_wrong_key_is_told_at_once_and_not_tried_again(
    remote: RemoteDesk, any_server: RealServer
) -> None:
    profile = remote.add("House", any_server.base_url, "sk-another", context_size=CONTEXT)
    before = len(any_server.log)
    reply = remote.ask(f"House:{MODEL}", QUESTION)
    assert "key" in reply.error.what
    assert not reply.error.retryable
    assert reply.retries == []
    assert "sk-another" not in f"{reply.error.what}{reply.error.advice}{reply.error.detail}"
    assert "sk-another" not in any_server.log[before:]
    check = remote.provider.test(profile).result(60)
    assert not check.ok
    assert "key" in check.what


def test_no_key_where_one_is_needed(remote: RemoteDesk, any_server: RealServer) -> None:
    remote.add("House", any_server.base_url, context_size=CONTEXT)
    reply = remote.ask(f"House:{MODEL}", QUESTION)
    assert "key" in f"{reply.error.what} {reply.error.advice}"


def test_a_model_that_the_server_cannot_load_is_named(
    remote: RemoteDesk, llama_cpp_python: RealServer
) -> None:
    """This server ends the stream without a word; asked for a whole reply it says why."""
    profile = remote.add("House", llama_cpp_python.base_url, KEY, context_size=CONTEXT)
    check = remote.provider.test(profile, model=MISSING).result(60)
    assert not check.ok
    assert MISSING in check.what
    assert check.advice.startswith("The server lists it, but does not answer with it")
    assert remote.ask(f"House:{MODEL}", QUESTION, max_tokens=2).reason == "length"


def test_a_model_that_the_server_does_not_list_is_told_by_the_test(
    remote: RemoteDesk, any_server: RealServer
) -> None:
    """Both servers answer with the model they have, whatever is asked for."""
    profile = remote.add("House", any_server.base_url, KEY, context_size=CONTEXT)
    check = remote.provider.test(profile, model="gpt-9").result(60)
    assert check.ok
    assert "does not list gpt-9" in check.advice
    assert MODEL in [model.id for model in check.models]


def test_a_connection_that_works_is_called_so(remote: RemoteDesk, any_server: RealServer) -> None:
    profile = remote.add("House", any_server.base_url, KEY)
    check = remote.provider.test(profile, model=MODEL).result(60)
    assert check.ok, check
    assert MODEL in [model.id for model in check.models]
    assert any_server.model in [model.id for model in remote.provider.models(profile).result(60)]


# -- stopped ---------------------------------------------------------------------------------------


def test_stopping_closes_the_connection_and_the_server_stops(
    remote: RemoteDesk, any_server: RealServer
) -> None:
    remote.add("House", any_server.base_url, KEY, context_size=CONTEXT)
    before = len(any_server.log)
    reply = remote.start(f"House:{MODEL}", LONG, max_tokens=0).until_text(20).cancel()
    assert reply.reason == "cancelled"
    assert reply.text
    any_server.wait_for_stop(after=before)
    assert remote.ask(f"House:{MODEL}", QUESTION, max_tokens=2).reason == "length"


def test_stopping_before_the_first_word(remote: RemoteDesk, any_server: RealServer) -> None:
    remote.add("House", any_server.base_url, KEY, context_size=CONTEXT)
    reply = remote.start(f"House:{MODEL}", "The sea was calm that night. " * 100, max_tokens=0)
    assert reply.cancel().reason == "cancelled"
    assert remote.ask(f"House:{MODEL}", QUESTION, max_tokens=2).reason == "length"


def test_a_server_killed_in_the_middle_leaves_what_was_said(
    remote: RemoteDesk, tmp_path: Path
) -> None:
    with real_servers.llama_server(tmp_path) as server:
        remote.add("House", server.base_url, KEY)
        reply = remote.start(f"House:{MODEL}", LONG, max_tokens=0).until_text(40)
        server.kill()
        reply.wait()
    assert len(reply.text) >= 40
    assert type(reply.error).__name__ == "ReplyInterrupted"
    assert reply.retries == []
    again = remote.ask(f"House:{MODEL}", QUESTION)
    assert "House" in again.error.what
    assert again.error.retryable


# -- at once ---------------------------------------------------------------------------------------


def writing(*replies: Reply) -> None:
    """Wait until all of them have words and none has ended."""
    for reply in replies:
        reply.until_text(20)
    assert not any(reply.ended for reply in replies)


def test_two_servers_and_the_local_model_write_at_once(
    remote: RemoteDesk, desk: Any, llama_server: RealServer, llama_cpp_python: RealServer
) -> None:
    remote.add("One", llama_server.base_url, KEY)
    remote.add("Two", llama_cpp_python.base_url, KEY, context_size=CONTEXT)
    first = remote.start(f"One:{MODEL}", LONG, max_tokens=0)
    second = remote.start(f"Two:{MODEL}", LONG, max_tokens=0)
    writing(first, second)
    assert desk.ask(QUESTION, max_tokens=8).text
    writing(first, second)
    assert first.cancel().reason == second.cancel().reason == "cancelled"


def test_several_conversations_at_one_server(remote: RemoteDesk, llama_server: RealServer) -> None:
    remote.add("House", llama_server.base_url, KEY)
    replies = [remote.start(f"House:{MODEL}", f"{LONG} Part {n}.", max_tokens=0) for n in range(3)]
    writing(*replies)
    first, *others = replies
    assert first.cancel().reason == "cancelled"
    writing(*others)
    assert [reply.cancel().reason for reply in others] == ["cancelled"] * 2


def test_a_reply_that_the_server_cuts_for_another_is_called_interrupted(
    remote: RemoteDesk, llama_cpp_python: RealServer
) -> None:
    """llama-cpp-python's server ends the reply it writes when another request comes, with [DONE]
    and no reason, which it gives else: half a reply must not look whole.
    """
    remote.add("House", llama_cpp_python.base_url, KEY, context_size=CONTEXT)
    assert remote.ask(f"House:{MODEL}", QUESTION, max_tokens=2).reason == "length"
    first = remote.start(f"House:{MODEL}", LONG, max_tokens=0).until_text(20)
    second = remote.ask(f"House:{MODEL}", QUESTION, max_tokens=4)
    assert second.reason == "length"
    first.wait()
    assert first.text
    assert type(first.error).__name__ == "ReplyInterrupted"
