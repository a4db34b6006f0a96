"""A pool of workers as a provider: what a person with the window or a terminal gets of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import nkeys
import pytest
from nats_server import NatsServer
from remote_desk import RemoteDesk, Reply, open_remote
from scripted_worker import MODEL, STARTED, ScriptedWorker, WorkerThread

from chatdesk import diagnostics
from chatdesk.chat.events import Delta, Failed, Notice, PromptProgress, Started, Waiting
from chatdesk.credentials import Secret
from chatdesk.errors import NotFound, ProviderError, ReplyInterrupted, UsageError
from chatdesk.providers.nats.wire import Cancel, Offer
from chatdesk.providers.profiles import Profile
from chatdesk.providers.remote.limits import Limits
from chatdesk.providers.remote.problems import KeyProblem, NoSuchModel
from chatdesk.providers.remote.provider import RemoteProvider

Hire = Callable[..., WorkerThread]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[RemoteDesk]:
    with open_remote(tmp_path / "data") as made:
        yield made


@pytest.fixture
def hire(nats: NatsServer) -> Iterator[Hire]:
    """Starts a worker, which goes with the test."""
    with ExitStack() as stack:

        def start(name: str = "gpu-1", **named: Any) -> WorkerThread:
            worker = WorkerThread(lambda: ScriptedWorker(nats.url, name, **named))
            stack.callback(worker.close)
            return worker

        yield start


@pytest.fixture
def lab(desk: RemoteDesk, nats: NatsServer) -> Profile:
    return desk.add("Lab", nats.url, kind="nats")


def test_a_reply_bears_the_workers_model_and_counts_and_the_providers_name(
    desk: RemoteDesk, lab: Profile, hire: Hire
) -> None:
    worker = hire()
    reply = desk.start("Lab:", "Hello", "Hi", "How are you?", system="Be brief.", history=2)
    work = worker.work()
    # All of the conversation, because the worker counts and leaves out.
    assert len(work.request.messages) == 4
    assert (work.request.model, work.request.history) == (None, 2)
    worker.do(work.say(Started(MODEL, 4096, 21, ("m0",)), PromptProgress(10, 21)))
    worker.do(work.write("I am ", "fine."))
    worker.do(work.finish(tokens=5))
    reply.wait()
    assert reply.started == Started(MODEL, 4096, 21, ("m0",), provider="Lab")
    assert reply.text == "I am fine."
    assert reply.of(PromptProgress) == [PromptProgress(10, 21)]
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (7, 5)
    assert not reply.usage.estimated


def test_two_conversations_are_answered_at_once(desk: RemoteDesk, lab: Profile, hire: Hire) -> None:
    worker = hire()
    replies = [desk.start(f"Lab:{MODEL}", text) for text in ("one", "two")]
    works = {w.request.messages[0].content: w for w in (worker.work(), worker.work())}
    for work in works.values():
        assert work.request.model == MODEL
        worker.do(work.say(STARTED))
    for _ in range(3):
        for text, work in works.items():
            worker.do(work.write(f"{text} "))
    for work in works.values():
        worker.do(work.finish())
    assert [reply.wait().text for reply in replies] == ["one " * 3, "two " * 3]


def test_the_place_in_a_workers_line_is_shown(desk: RemoteDesk, lab: Profile, hire: Hire) -> None:
    worker = hire(roles=("line", "models"))
    reply = desk.start("Lab:", "Hello")
    work = worker.work()
    worker.do(work.say(Waiting("queued", "Third in line at gpu-1"), STARTED))
    worker.do(work.finish())
    reply.wait()
    assert Waiting("queued", "Third in line at gpu-1") in reply.events


def test_without_a_worker_it_is_waited_for_and_the_wait_can_be_ended(
    desk: RemoteDesk, lab: Profile
) -> None:
    reply = desk.start("Lab:", "Hello")
    reply.until(lambda reply: bool(reply.retries))
    assert reply.retries[0].why == "No worker is listening at Lab"
    assert reply.retries[0].seconds is not None
    reply.cancel()
    assert reply.reason == "cancelled"


def test_a_worker_that_comes_later_answers(desk: RemoteDesk, lab: Profile, hire: Hire) -> None:
    reply = desk.start("Lab:", "Hello")
    reply.until(lambda reply: bool(reply.retries))
    worker = hire()
    work = worker.work()
    worker.do(work.say(STARTED))
    worker.do(work.write("Here I am."))
    worker.do(work.finish())
    assert reply.wait().text == "Here I am."


def test_a_lost_worker_is_replaced_and_that_is_said(
    desk: RemoteDesk, lab: Profile, hire: Hire
) -> None:
    first = hire("gpu-1")
    reply = desk.start("Lab:", "Hello")
    work = first.work()
    first.do(work.say(STARTED))
    first.do(work.write("One, "))
    reply.until_text()
    second = hire("gpu-2")
    first.close()
    work = second.work()
    assert work.request.continuation == "One, "
    second.do(work.say(STARTED))
    second.do(work.write("two."))
    second.do(work.finish())
    assert reply.wait().text == "One, two."
    assert reply.notices == ["gpu-1 stopped answering. Another worker goes on."]
    assert reply.usage.estimated


def test_a_lost_worker_without_another_leaves_what_it_wrote(
    desk: RemoteDesk, lab: Profile, hire: Hire
) -> None:
    worker = hire()
    reply = desk.start("Lab:", "Hello")
    work = worker.work()
    worker.do(work.say(STARTED))
    worker.do(work.write("One, "))
    reply.until_text()
    worker.close()
    reply.wait()
    assert reply.text == "One, "
    assert isinstance(reply.error, ReplyInterrupted)


def test_a_cancelled_reply_is_stopped_at_the_worker(
    desk: RemoteDesk, lab: Profile, hire: Hire
) -> None:
    worker = hire()
    reply = desk.start("Lab:", "Hello")
    work = worker.work()
    worker.do(work.say(STARTED))
    worker.do(work.write("On and on"))
    reply.until_text().cancel()
    assert worker.do(work.wait_for(Cancel)) == Cancel()


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (UsageError("Too many tokens.", "Ask for fewer."), UsageError),
        (ProviderError("The model broke.", "Tell its owner."), ProviderError),
    ],
)
def test_what_a_worker_refuses_is_told_in_its_words(
    desk: RemoteDesk, lab: Profile, hire: Hire, error: ProviderError, kind: type[ProviderError]
) -> None:
    worker = hire()
    reply = desk.start("Lab:", "Hello")
    worker.do(worker.work().say(Failed(error)))
    reply.wait()
    assert isinstance(reply.error, kind)
    assert reply.error.told == error.told


def test_what_a_worker_says_is_made_fit_to_be_shown(
    desk: RemoteDesk, lab: Profile, hire: Hire
) -> None:
    worker = hire()
    reply = desk.start("Lab:", "Hello")
    work = worker.work()
    worker.do(
        work.say(Waiting("queued", "Next\x1b[2J\u202e"), Started("Mo\ndel\x00", 1, 1, ("?",)))
    )
    worker.do(work.say(Notice("Look\x07 here"), Failed(UsageError("No\x1b!", "Go\u2066."))))
    reply.wait()
    assert any(wait.why == "Next[2J" for wait in reply.of(Waiting))
    assert (reply.started.model, reply.started.left_out) == ("Mo del", ())
    assert reply.notices == ["Look here"]
    assert reply.error.told == "No! Go."


def test_a_refusal_for_now_is_tried_again(desk: RemoteDesk, lab: Profile, hire: Hire) -> None:
    worker = hire()
    reply = desk.start("Lab:", "Hello")
    worker.do(worker.work().say(Failed(ProviderError("Too fast.", "Wait.", retryable=True))))
    reply.until(lambda reply: bool(reply.retries))
    assert reply.retries[0].why == "Too fast"
    work = worker.work()
    worker.do(work.say(STARTED, Delta("text", "Now.")))
    worker.do(work.finish())
    assert reply.wait().text == "Now."


def test_a_request_is_kept_at_the_server_where_the_person_chose_that(
    desk: RemoteDesk, nats: NatsServer, hire: Hire
) -> None:
    desk.add("Lab", nats.url, kind="nats", keep_requests=True)
    worker = hire(roles=())

    async def stream() -> None:
        client = worker.worker.client
        await client.jetstream().add_stream(name="KEPT", subjects=["chatdesk.kept.*"])

    worker.do(stream())
    reply = desk.start("Lab:", "Hello")
    words = "No worker is listening at Lab. The request is kept until a worker comes"
    reply.until(lambda reply: any(w.why == words for w in reply.of(Waiting)))
    reply.cancel()
    assert reply.reason == "cancelled"


# -- models and the test of a connection --------------------------------------------------------


def test_the_models_are_those_of_the_workers_each_once(
    desk: RemoteDesk, lab: Profile, hire: Hire
) -> None:
    hire("a", offer=Offer("a", "Small", 8192))
    hire("b", offer=Offer("b", "Small", 4096))
    hire("c", offer=Offer("c", "Big", None))
    hire("d", offer=Offer("d", "Evil\x1b[2J", 1))
    found = desk.provider.models(lab).result(60)
    assert [(m.id, m.context_size) for m in found] == [("Big", None), ("Small", 4096)]


def test_a_connection_with_a_worker_is_found_well(
    desk: RemoteDesk, lab: Profile, hire: Hire
) -> None:
    hire()
    check = desk.provider.test(lab).result(60)
    assert (check.ok, check.what) == (True, "Lab answers and offers 1 model.")


def test_a_worker_is_asked_for_a_word_where_a_model_was_chosen(
    desk: RemoteDesk, lab: Profile, hire: Hire
) -> None:
    async def answer(work: Any) -> None:
        await work.say(STARTED)
        await work.write("OK")

    hire(answer=answer)
    check = desk.provider.test(lab, model=MODEL).result(60)
    assert (check.ok, check.what) == (True, f"{MODEL} at Lab answers. It offers 1 model.")


def test_a_server_without_a_worker_is_found_to_be_one(desk: RemoteDesk, lab: Profile) -> None:
    check = desk.provider.test(lab).result(60)
    assert not check.ok
    assert check.what == ("The NATS server of Lab answers, but no worker is listening at chatdesk.")
    assert "chatdesk worker" in check.advice


def test_workers_elsewhere_are_not_asked(desk: RemoteDesk, nats: NatsServer, hire: Hire) -> None:
    hire()
    other = desk.add("Other", f"{nats.url}/other", kind="nats")
    check = desk.provider.test(other).result(60)
    assert check.what.endswith("no worker is listening at other.")


def test_no_server_at_all_is_told_with_the_way_to_mend_it(desk: RemoteDesk) -> None:
    profile = desk.add("Lab", "nats://127.0.0.1:1", kind="nats")
    check = desk.provider.test(profile).result(60)
    assert check.what == "Nothing listens at 127.0.0.1:1."
    assert "chatdesk providers change" in check.in_terminal


def test_a_model_that_no_worker_has_is_told_as_such(
    desk: RemoteDesk, lab: Profile, hire: Hire
) -> None:
    async def refuse(work: Any) -> None:
        await work.say(Failed(NotFound("The workers have no model Huge.")))

    hire(answer=refuse)
    reply = desk.ask("Lab:Huge", "Hello")
    assert isinstance(reply.error, NoSuchModel)


# -- keys --------------------------------------------------------------------------------------


@pytest.fixture
def seed() -> str:
    return str(
        nkeys.encode_seed(b"0123456789abcdef0123456789abcdef", nkeys.PREFIX_BYTE_USER), "ascii"
    )


def test_every_form_of_key_gets_in_and_the_wrong_one_does_not(
    desk: RemoteDesk, tmp_path: Path, seed: str
) -> None:
    public = bytes(nkeys.from_seed(bytearray(seed, "ascii")).public_key).decode()
    configs = {
        "anna:secret-word": 'authorization { users = [ {user: anna, password: "secret-word"} ] }',
        "a-secret-token": 'authorization { token: "a-secret-token" }',
        seed: f"authorization {{ users = [ {{ nkey: {public} }} ] }}",
    }
    for number, (key, config) in enumerate(configs.items()):
        server = NatsServer(tmp_path / str(number), config).start()
        try:
            profile = desk.add(f"Lab {number}", server.url, key, kind="nats")
            assert "no worker is listening" in desk.provider.test(profile).result(60).what
            wrong = desk.provider.test(profile, Secret("bob:wrong")).result(60)
            assert isinstance(wrong.error, KeyProblem), wrong
            assert wrong.what == f"The NATS server of {profile.name} does not accept the key."
            assert "chatdesk keys set" in wrong.in_terminal
            keyless = desk.add(f"Keyless {number}", server.url, kind="nats")
            none = desk.provider.test(keyless).result(60)
            assert none.what == f"The NATS server of {keyless.name} wants a key, and there is none."
        finally:
            server.kill()


def test_a_key_that_cannot_be_one_is_told_without_repeating_it(
    desk: RemoteDesk, nats: NatsServer
) -> None:
    profile = desk.add("Lab", nats.url, "not a name:but-a-secret", kind="nats")
    check = desk.provider.test(profile).result(60)
    assert isinstance(check.error, KeyProblem)
    assert "but-a-secret" not in f"{check.told} {check.error.detail}"


def test_the_parts_of_a_key_are_kept_out_of_the_log(desk: RemoteDesk, nats: NatsServer) -> None:
    profile = desk.add("Lab", nats.url, "anna:a-very-long-password", kind="nats")
    desk.provider.test(profile).result(60)
    assert "a-very-long" not in diagnostics.redact("It said: a-very-long-password!")


def test_an_unencrypted_address_elsewhere_is_not_asked_without_consent(desk: RemoteDesk) -> None:
    profile = Profile("x", "Lab", "nats", "nats://lab.example:4222", needs_key=False)
    check = desk.provider.test(profile).result(60)
    assert not check.ok
    assert check.what == "Lab is not asked, because nats:// to lab.example is not encrypted."


def test_a_server_that_goes_away_before_the_first_word_is_waited_for(
    desk: RemoteDesk, lab: Profile, nats: NatsServer, hire: Hire
) -> None:
    worker = hire()
    desk.provider.close()
    provider = RemoteProvider(desk.accounts, limits=Limits(idle_s=0.5))
    try:
        short = RemoteDesk(desk.accounts, provider)
        reply: Reply = short.start("Lab:", "Hello")
        worker.work()
        nats.kill()
        reply.until(lambda reply: bool(reply.retries))
        assert reply.retries[0].why == "The connection to Lab was lost"
        reply.cancel()
    finally:
        assert provider.close()
