"""What goes over the wire comes out as it went in, and nothing that is wrong gets through."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdesk.chat.events import (
    Delta,
    Event,
    Failed,
    Finished,
    Notice,
    PromptProgress,
    Started,
    Waiting,
)
from chatdesk.chat.messages import Role, SamplingParameters, Usage
from chatdesk.chat.provider import PromptMessage, Request
from chatdesk.errors import ContextOverflow, ProviderError, UsageError
from chatdesk.providers.nats.subjects import Subjects, checked_user, own_inbox
from chatdesk.providers.nats.wire import (
    Alive,
    Busy,
    Cancel,
    Control,
    Got,
    Moved,
    Offer,
    Resend,
    Told,
    WireError,
    decode_control,
    decode_kept,
    decode_offer,
    decode_request,
    decode_told,
    encode_control,
    encode_kept,
    encode_offer,
    encode_request,
    encode_told,
)

# Any text but halves of surrogate pairs, which no UTF-8 carries.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
ids = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
counts = st.integers(0, 2**53 - 1)
maybe = st.one_of(st.none(), counts)
seconds = st.floats(0, 1e9)
usages = st.builds(
    Usage,
    maybe,
    maybe,
    maybe,
    st.none() | seconds,
    st.none() | seconds,
    st.booleans(),
)
requests = st.builds(
    Request,
    conversation_id=texts,
    messages=st.lists(
        st.builds(PromptMessage, st.sampled_from(Role), texts, texts), min_size=1, max_size=4
    ).map(tuple),
    parameters=st.builds(
        SamplingParameters,
        temperature=st.floats(0, 2),
        top_p=st.floats(0, 1),
        top_k=counts,
        min_p=st.floats(0, 1),
        repeat_penalty=st.floats(0, 2),
        max_tokens=counts,
        seed=st.none() | st.integers(-(2**31), 2**31),
        stop=st.lists(st.text("ab\n", min_size=1), max_size=3).map(tuple),
    ),
    continuation=texts,
    model=st.none() | texts,
    history=counts,
    run_id=ids,
)
events: st.SearchStrategy[Event] = st.one_of(
    st.builds(
        Waiting,
        st.sampled_from(("loading", "queued", "connecting", "retrying")),
        texts,
        st.none() | seconds,
    ),
    st.builds(Notice, texts),
    st.builds(Started, texts, maybe, maybe, st.lists(texts, max_size=3).map(tuple)),
    st.builds(PromptProgress, counts, counts),
    st.builds(Delta, st.sampled_from(("text", "reasoning")), texts.filter(bool)),
    st.builds(Finished, st.sampled_from(("stop", "length", "cancelled")), usages),
)


@given(requests)
def test_a_request_arrives_as_it_was_sent(request: Request) -> None:
    assert decode_request(encode_request(request)) == request


@given(requests)
def test_a_request_that_is_kept_has_the_inbox_with_it(request: Request) -> None:
    assert decode_kept(encode_kept(request, "_INBOX.anna.x.1")) == (request, "_INBOX.anna.x.1")


@given(ids, ids, counts, events)
def test_an_event_arrives_as_it_was_told(run: str, worker: str, number: int, event: Event) -> None:
    told = Told(run, worker, number, event)
    assert decode_told(encode_told(told)) == told


def test_a_run_that_moves_says_where_to_and_is_counted() -> None:
    told = Told("run", "w1", 3, Moved("w2"))
    assert decode_told(encode_told(told)) == told
    with pytest.raises(WireError):
        decode_told(encode_told(Told("run", "w1", -1, Moved("w2"))))


@pytest.mark.parametrize("what", [Alive(7), Busy()])
def test_signs_of_life_are_not_counted(what: Alive | Busy) -> None:
    told = Told("run", "worker", -1, what)
    assert decode_told(encode_told(told)) == told
    with pytest.raises(WireError):
        decode_told(encode_told(Told("run", "worker", 3, what)))


@pytest.mark.parametrize("control", [Cancel(), Cancel("w2"), Resend(12), Got()])
def test_a_control_arrives_as_it_was_sent(control: Control) -> None:
    assert decode_control(encode_control(control)) == control


def test_an_offer_arrives_as_it_was_sent() -> None:
    offer = Offer("w1", "SmolLM2 135M", 8192, 2, 1)
    assert decode_offer(encode_offer(offer)) == offer


def test_an_error_keeps_its_class_and_words_and_its_detail_stays_behind() -> None:
    error = ContextOverflow("It does not fit.", "Shorten it.", detail="the person's own words")
    data = encode_told(Told("r", "w", 0, Failed(error, Usage())))
    assert b"own words" not in data
    arrived = decode_told(data).what
    assert isinstance(arrived, Failed)
    assert isinstance(arrived.error, ContextOverflow)
    assert (arrived.error.what, arrived.error.advice) == ("It does not fit.", "Shorten it.")


def test_half_a_surrogate_pair_does_not_cost_the_reply() -> None:
    arrived = decode_told(encode_told(Told("r", "w", 0, Delta("text", "a\ud83d"))))
    assert arrived.what == Delta("text", "a?")


@given(st.binary(max_size=60))
def test_no_bytes_are_believed(data: bytes) -> None:
    for decode in (decode_request, decode_kept, decode_told, decode_control, decode_offer):
        with pytest.raises(WireError):
            decode(data)


# What JSON can hold that no field of ours is.
strange = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), -1),
    st.just(float("1e300")),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(texts, st.integers(), max_size=2),
)


@given(requests, st.data())
def test_a_request_with_any_field_wrong_is_refused_or_read_as_one(
    request: Request, data: st.DataObject
) -> None:
    values = json.loads(encode_request(request))
    values[data.draw(st.sampled_from(sorted(values)))] = data.draw(strange)
    try:
        decoded = decode_request(json.dumps(values).encode())
    except WireError:
        return
    assert decode_request(encode_request(decoded)) == decoded


@pytest.mark.parametrize(
    "half", [b"\\ud800", b"\\uDFFF", "\ud800".encode("utf-8", "surrogatepass")]
)
def test_half_a_surrogate_pair_of_others_is_not_taken_over(half: bytes) -> None:
    """No database and no other message could hold it."""
    request = Request("c", (PromptMessage(Role.USER, "a half b"),))
    data = encode_request(request).replace(b"half", half)
    for encoding in ("utf-8", "utf-16", "utf-32"):  # all of which json.loads reads by itself
        try:
            read = decode_request(data.decode("utf-8", "surrogatepass").encode(encoding))
        except (WireError, UnicodeEncodeError):
            continue
        assert read.messages[0].content == "a ? b"
    whole = decode_request(data.replace(half, b"\\ud83d\\ude00"))
    assert whole.messages[0].content == "a \N{GRINNING FACE} b"


def test_deep_json_is_refused() -> None:
    with pytest.raises(WireError):
        decode_told(b'{"v":1,"a":' + b"[" * 100_000)


def test_another_version_is_told_as_such() -> None:
    with pytest.raises(WireError, match="another version"):
        decode_told(b'{"v":2,"type":"alive"}')


def test_what_is_wrong_is_told_without_the_texts() -> None:
    values = json.loads(
        encode_request(Request("c", (PromptMessage(Role.USER, "a secret thought"),)))
    )
    values["history"] = "a secret thought"
    with pytest.raises(ProviderError) as caught:
        decode_request(json.dumps(values).encode())
    told = f"{caught.value} {caught.value.detail}"
    assert "secret" not in told


@pytest.mark.parametrize("name", ["", "a.b", "*", ">", "a b", "ä", "x" * 81, "a\n"])
def test_a_user_name_that_is_no_token_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        checked_user(name)


@pytest.mark.parametrize("prefix", ["", "a..b", "a.*", ">", "a b", ".a", "a.", "a\n"])
def test_a_prefix_that_is_no_subject_is_refused(prefix: str) -> None:
    with pytest.raises(UsageError):
        Subjects(prefix)


@pytest.mark.parametrize(
    ("reply", "own"),
    [
        ("_INBOX.anna.abc.1", True),
        ("_INBOX.anna", False),
        ("_INBOX.anna.", False),
        ("_INBOX.anna.>", False),
        ("_INBOX.anna.a..b", False),
        ("_INBOX.annabel.abc", False),
        ("_INBOX.bob.abc", False),
        ("chatdesk.chat.bob", False),
        ("", False),
    ],
)
def test_a_worker_answers_only_to_inboxes_of_who_asked(reply: str, own: bool) -> None:
    assert own_inbox("anna", reply) is own
