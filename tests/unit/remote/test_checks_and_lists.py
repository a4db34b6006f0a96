"""What servers offer, what a test of the connection says, and names that nobody has."""

from __future__ import annotations

import json
from typing import Any

import pytest
from faults import STALL, Repeat, error, good, status
from faulty_person import MODEL, Open, Person
from hypothesis import given
from hypothesis import strategies as st

from chatdesk.errors import ChatdeskError, ContextOverflow
from chatdesk.providers.remote import Check, RemoteModel
from chatdesk.providers.remote.answers import Refusal, refusal_problem
from chatdesk.providers.remote.model_list import MOST_MODELS, read_models
from chatdesk.providers.remote.problems import (
    KeyProblem,
    NoModelList,
    NoSuchModel,
    NotThisApi,
    near_names,
    server_words,
)


def models(person: Person) -> tuple[RemoteModel, ...]:
    return person.provider.models(person.profile).result(30)


def check(person: Person, model: str = "") -> Check:
    return person.provider.test(person.profile, model=model).result(30)


# -- lists -----------------------------------------------------------------------------------------


def test_a_list_is_sorted_and_without_doubles(person: Person) -> None:
    person.server.models = ("b", "B", "a", "b", {"id": "c", "name": "The C", "context_length": 9})
    assert models(person) == (
        RemoteModel("a", "a"), RemoteModel("B", "B"), RemoteModel("b", "b"),
        RemoteModel("c", "The C", 9),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("entry", "size"),
    [
        ({"context_length": 8192}, 8192),  # OpenRouter, Together
        ({"context_window": 131_072}, 131_072),  # Groq
        ({"max_model_len": 4096}, 4096),  # vLLM
        ({"max_context_length": 32_768}, 32_768),  # Mistral
        ({"meta": {"n_ctx": 1024, "n_ctx_train": 8192}}, 1024),  # llama-server
        ({"meta": {"n_ctx_train": 8192}}, 8192),
        ({"context_length": 99_999, "top_provider": {"context_length": 5000}}, 5000),
        ({"context_length": "8192"}, None),
        ({"context_length": True}, None),
        ({"context_length": -1}, None),
        ({"context_length": 10**40}, None),
        ({"meta": [1]}, None),
        ({}, None),
    ],
)
def test_where_servers_put_the_context_size(entry: dict[str, Any], size: int | None) -> None:
    found = read_models(json.dumps({"data": [{"id": "m"} | entry]}).encode())
    assert found is not None
    assert found[0].context_size == size


@pytest.mark.parametrize(
    "body",
    [
        {"data": [{"id": "m"}]},
        [{"id": "m"}],  # Together
        {"models": [{"name": "m", "model": "m"}]},  # Ollama's own
        {"object": "list", "models": None, "data": [{"id": "m"}, 7, None, {"x": 1}, {"id": 5}]},
    ],
)
def test_lists_of_every_form_are_read(body: Any) -> None:
    assert read_models(json.dumps(body).encode()) == (RemoteModel("m", "m"),)


def test_models_that_cannot_chat_are_left_out() -> None:
    entries = [
        {"id": "t", "type": "image"},
        {"id": "g", "active": False},
        {"id": "e", "capabilities": {"completion_chat": False}},
        {"id": "o", "architecture": {"output_modalities": ["image"]}},
        {"id": "chat", "type": "chat", "active": True, "capabilities": {"completion_chat": True}},
    ]
    assert read_models(json.dumps(entries).encode()) == (RemoteModel("chat", "chat"),)


def test_hostile_names_are_neither_shown_nor_sent() -> None:
    bad = ["", " x", "a\nb", "\x1b[2Jx", "a\u202eb", "x" * 301, "\ud800"]
    entries = [{"id": name} for name in bad] + [{"id": "m", "name": "The\x1b \u202eM\n\n!" * 200}]
    found = read_models(json.dumps(entries).encode())
    assert found is not None
    assert [model.id for model in found] == ["m"]
    assert found[0].name.startswith("The M!The M!")
    assert len(found[0].name) <= 300


def test_a_list_of_a_million_models_is_cut() -> None:
    found = read_models(json.dumps([{"id": f"m{n}"} for n in range(30_000)]).encode())
    assert found is not None
    assert len(found) == MOST_MODELS


@pytest.mark.parametrize("content", [b"", b"x", b"{}", b'"x"', b"7", b"[1,2]", b"[" * 99_999])
def test_what_is_no_list_is_none(content: bytes) -> None:
    assert read_models(content) is None


@given(st.binary(max_size=60))
def test_no_bytes_break_it(content: bytes) -> None:
    read_models(content)
    Refusal.read(400, {}, content)


def test_a_server_without_a_list_says_so(person: Person) -> None:
    person.server.models = None
    with pytest.raises(NoModelList, match="no list of models"):
        models(person)
    assert person.say().text == "Yes."  # a name that was entered by hand works


def test_a_provider_alone_means_its_default_model(open_person: Open) -> None:
    person = open_person(default_model="mine")
    person.say(model="")
    assert person.body["model"] == "mine"
    other = open_person()
    other.server.models = ("b", "a")
    other.say(model="")
    assert other.body["model"] == "a"
    third = open_person(models=("by hand",))
    third.server.models = None
    third.say(model="")
    assert third.body["model"] == "by hand"
    fourth = open_person()
    fourth.server.models = ()
    assert "names no models" in fourth.say(model="").error.what


def test_a_list_that_is_slow_does_not_hold_a_reply(open_person: Open) -> None:
    person = open_person(window_s=0.1)
    person.server.list_answer = (STALL,)
    assert person.say().text == "Yes."
    person.server.list_answer = None
    person.say()
    assert len(person.server.lists) == 1  # not asked again at once


# -- the budget ------------------------------------------------------------------------------------


def test_what_does_not_fit_in_the_servers_window_is_left_out(person: Person) -> None:
    person.server.models = ({"id": MODEL, "context_length": 400},)
    turns = [f"{n} " + "word " * 40 for n in range(9)]
    told = person.say(*turns)
    started = told.started
    assert started.context_window == 400
    assert started.left_out == ("m0", "m1", "m2", "m3")
    assert [m["content"][0] for m in person.body["messages"]] == ["4", "5", "6", "7", "8"]
    assert 0 < (started.prompt_tokens or 0) < 400
    assert person.say(*turns[:8], "8 word", "x", "y").started.left_out == started.left_out


def test_the_windows_size_may_be_set_where_the_server_does_not_say(open_person: Open) -> None:
    person = open_person(context_size=400)
    told = person.say(*[f"{n} " + "word " * 40 for n in range(9)])
    assert told.started.context_window == 400
    assert told.started.left_out


def test_without_a_window_all_is_sent_up_to_the_persons_bound(person: Person) -> None:
    turns = ["word " * 400] * 21
    told = person.say(*turns)
    assert told.started.context_window is None
    assert told.started.left_out == ()
    assert len(person.body["messages"]) == 21
    assert len(person.say(*turns, history=4).started.left_out) == 16


def test_a_message_that_cannot_fit_is_told_before_it_is_sent(person: Person) -> None:
    person.server.models = ({"id": MODEL, "context_length": 400},)
    assert isinstance(person.say("word " * 500).error, ContextOverflow)
    assert person.server.asked == []


@pytest.mark.parametrize(
    "words",
    [
        "This model's maximum context length is 400 tokens. However, you requested 500 tokens.",
        "request (500 tokens) exceeds the available context size (400 tokens), try increasing it",
        "Prompt contains 500 tokens, too large for model with 400 maximum context length",
        "prompt is too long: 500 tokens > 400 maximum",
    ],
)
def test_a_server_that_finds_it_too_long_is_understood(person: Person, words: str) -> None:
    told = person.meets(error(400, words))
    assert isinstance(told.error, ContextOverflow)
    assert "context size" in told.error.advice
    assert words in told.error.detail


# -- tests of a connection -------------------------------------------------------------------------


def test_a_server_that_works_is_said_to(open_person: Open) -> None:
    person = open_person(kind="mistral")
    person.server.models = ("a", "b")
    found = check(person)
    assert (found.ok, found.what) == (True, "Faulty answers and offers 2 models.")
    assert [model.id for model in found.models] == ["a", "b"]
    assert person.server.asked == []  # its list proves the key


def test_a_key_is_proved_with_a_word_where_the_list_is_public(person: Person) -> None:
    assert check(person).ok
    assert person.body["max_tokens"] == 16
    person.server.answers = [error(401, "Invalid API Key")]
    found = check(person)
    assert not found.ok
    assert isinstance(found.error, KeyProblem)
    assert "does not accept the key" in found.what


@pytest.mark.parametrize("code", [402, 403, 404, 429])
def test_a_model_that_nobody_chose_need_not_answer(person: Person, code: int) -> None:
    person.server.answers = [error(code, "model not found" if code == 404 else "No")]
    found = check(person)
    assert found.ok
    assert MODEL in found.advice


def test_a_named_model_is_asked(person: Person) -> None:
    found = check(person, "model")
    assert found.ok
    assert found.what == "model at Faulty answers. It offers 1 model."


def test_a_model_that_is_not_there_is_told_with_those_that_are(person: Person) -> None:
    person.server.models = ("open-mixtral-8x7b", "mistral-small")
    person.server.answers = [error(404, "The model `mixtral` does not exist")]
    found = check(person, "mixtral")
    assert isinstance(found.error, NoSuchModel)
    assert found.what == "Faulty has no model mixtral."
    assert "open-mixtral-8x7b" in found.advice
    told = person.meets(error(404, "The model `mixtral` does not exist"), model="mixtral")
    assert "open-mixtral-8x7b" in told.error.advice


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (error(401, "no"), KeyProblem, "does not accept the key"),
        (error(404, "Not Found"), NoModelList, "no list of models"),
        (status(404, b"<html><title>404</title>", kind="text/html"), NotThisApi, "web page"),
        (status(200, b"<html>", kind="text/html"), NotThisApi, "web page"),
        (status(200, b"OK", kind="text/plain"), NotThisApi, "no OpenAI-compatible API"),
        (status(200, {"hello": 1}), NoModelList, "no list of models"),
        (status(200, {"error": {"message": "broken"}}), ChatdeskError, "broken"),
        (error(500, "Oops"), ChatdeskError, "HTTP 500"),
        (error(429, "Slow down"), ChatdeskError, "no more requests"),
        ([b"HTTP/1.1 200 OK\r\n\r\n", Repeat(b" " * 65536, 2000)], ChatdeskError, "more than"),
    ],
)
def test_what_is_wrong_is_said_exactly(
    person: Person, answer: Any, kind: type[ChatdeskError], words: str
) -> None:
    person.server.list_answer = answer
    found = check(person)
    assert not found.ok
    assert isinstance(found.error, kind)
    assert words in found.what
    assert found.advice
    assert len(person.server.lists) == 1  # a test is one attempt


def test_a_server_without_a_list_works_with_a_model_by_hand(open_person: Open) -> None:
    person = open_person(models=("by hand",))
    person.server.models = None
    found = check(person)
    assert found.ok
    assert found.what == "by hand at Faulty answers."


def test_a_missing_key_is_told(person: Person) -> None:
    person.accounts.delete_key(person.profile)
    assert isinstance(check(person).error, KeyProblem)


def test_a_key_can_be_tried_before_it_is_kept(person: Person) -> None:
    from chatdesk.credentials import Secret

    person.provider.test(person.profile, Secret("sk-not-kept-987654")).result(30)
    assert person.server.lists[-1].headers["authorization"] == "Bearer sk-not-kept-987654"
    models(person)
    assert person.server.lists[-1].headers["authorization"] != "Bearer sk-not-kept-987654"


# -- refusals in words -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "body", "words"),
    [
        (400, {"message": "Invalid model: m", "type": "invalid_model", "code": "1500"}, "no model"),
        (404, {"error": {"message": 'model "m" not found, try pulling it first'}}, "no model"),
        (400, {"error": {"message": "m is not a valid model ID", "code": 400}}, "no model"),
        (400, {"error": {"message": "Model Not Exist", "type": "invalid"}}, "no model"),
        (404, {"object": "error", "message": "The model `m` does not exist."}, "no model"),
        (404, {"detail": "Not Found"}, "nothing like this API"),
        (404, {"error": {"message": "File Not Found", "type": "not_found_error"}}, "nothing like"),
        (429, {"error": {"message": "No more", "code": "insufficient_quota"}}, "quota"),
        (429, {"error": {"message": "You exceeded your current quota"}}, "quota"),
        (402, {"error": {"message": "Insufficient Balance"}}, "no credit"),
        (403, {"error": {"message": "Country not supported"}}, "Country not supported"),
        (422, {"detail": [{"loc": ["body", "messages"], "msg": "missing"}]}, "body.messages"),
        (400, "just text", "just text"),
        (400, None, "did not accept"),
        (400, {"error": {"message": ["a", {"msg": "b"}]}}, "did not accept"),
    ],
)  # fmt: skip
def test_refusals_are_put_into_words(person: Person, code: int, body: Any, words: str) -> None:
    problem = refusal_problem(Refusal.of(code, body), person.profile, model="m")
    assert words in problem.what
    assert problem.advice


def test_a_servers_words_are_made_harmless() -> None:
    shown = server_words("a\x1b[31m\u202e b\r\n\tc sk-abcdefghij0123456789 " + "x " * 1000)
    assert shown.startswith("a[31m b c sk-[removed] x x")
    assert len(shown) <= 503


def test_near_names() -> None:
    known = ["gpt-4o", "gpt-4o-mini", "open-mixtral-8x7b", "llama3:8b"]
    assert near_names("GPT-4", known)[0] == "gpt-4o"
    assert near_names("mixtral", known) == ["open-mixtral-8x7b"]
    assert near_names("zzz", known) == []


def test_a_spent_quota_is_not_tried_again(person: Person) -> None:
    told = person.meets(error(429, "You exceeded your current quota"), good("x"))
    assert len(person.server.asked) == 1
    assert "quota" in told.error.what
