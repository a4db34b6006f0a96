"""Has prompts answered by the workers, tells the user meanwhile, and keeps each answer once.

An answer is kept in JetStream before the user is told that it is complete, and only if none is kept
for that prompt yet: so a dataflow that was killed at any moment neither loses an answered turn nor
answers it twice. Belongs to the asyncio loop of the connection.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import nats.errors
from nats.aio.client import Client
from nats.js.errors import APIError, NotFoundError

from chatdesk.chat.events import Delta, Event, Failed, Finished, Started, Waiting
from chatdesk.chat.messages import Usage, new_id
from chatdesk.chat.provider import Request
from chatdesk.cluster.dialogue import Ask, Refuse, Repeat
from chatdesk.cluster.history import USUAL_WINDOW, request_for, summary_request, to_fold
from chatdesk.cluster.prompts import Answer, decode_answer, encode_answer
from chatdesk.cluster.streams import answers_stream
from chatdesk.errors import ChatdeskError, ContextOverflow, ProviderError
from chatdesk.providers.nats.subjects import Subjects
from chatdesk.providers.nats.wire import HEARTBEAT_S, Alive, Told, encode_told

log = logging.getLogger(__name__)

# How the workers are asked: yields the events of one reply, the last one included.
AskWorkers = Callable[[Request], AsyncIterator[Event]]

# Prompts that one process has answered at a time; the workers' own lines come after that.
MOST_AT_ONCE = 256
# How long a prompt waits for a worker to come before it fails, in seconds.
PATIENCE_S = 600.0
_AGAIN_S = 2.0
_PIECE = 50_000  # characters of one message
_EXPECT_NONE = {"Nats-Expected-Last-Subject-Sequence": "0"}
_ANOTHER_IS_THERE = 10071  # the server's error code for an expectation that does not hold


@dataclass(frozen=True, slots=True)
class Job:
    """A step of a user's dialogue that needs the network."""

    user: str
    step: Ask | Refuse | Repeat


class Answerer:
    """Does jobs, many at a time; two of one prompt are one."""

    def __init__(
        self, client: Client, subjects: Subjects, ask: AskWorkers, *, system: str = ""
    ) -> None:
        self._client = client
        self._js = client.jetstream()
        self._subjects = subjects
        self._ask = ask
        self._system = system
        self._window = USUAL_WINDOW
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._room = asyncio.Semaphore(MOST_AT_ONCE)

    def take(self, job: Job) -> None:
        """Begin a job; what goes wrong in it is told to its user."""
        step = job.step
        match step:
            case Ask(prompt):
                self._begin(job.user, prompt.id, lambda: self._answer(job.user, step))
            case Repeat(prompt_id):
                self._begin(job.user, prompt_id, lambda: self._repeat(job.user, prompt_id))
            case Refuse(prompt_id, why):
                self._begin(job.user, prompt_id, lambda: self._refuse(job.user, prompt_id, why))

    async def close(self) -> None:
        """Stop all jobs; they are begun again when the dataflow resumes."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # -- inner ----------------------------------------------------------------------------------

    def _begin(self, user: str, prompt_id: str, work: Callable[[], object]) -> None:
        key = (user, prompt_id)
        if key in self._tasks:
            return
        coroutine = work()
        assert asyncio.iscoroutine(coroutine)
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks[key] = task
        task.add_done_callback(lambda done: self._ended(key, done))

    def _ended(self, key: tuple[str, str], task: asyncio.Task[None]) -> None:
        del self._tasks[key]
        if not task.cancelled() and (bug := task.exception()) is not None:
            log.error("a prompt could not be answered", exc_info=bug)

    async def _answer(self, user: str, ask: Ask) -> None:
        voice = _Voice(self._client, self._subjects.replies(user, ask.prompt.id))
        async with self._room, voice:
            kept = await self._kept(user, ask.prompt.id)
            if kept is None:
                made = await self._made(user, ask, voice)
                answer = await self._keep(user, made)
                if answer != made:  # another dataflow was at it, and quicker
                    voice.begin_again()
                    await voice.say_text(answer.text)
            else:
                # The dataflow resumed from before this answer and may have read past it.
                answer = kept
                await self._store(user, answer, {})
                await voice.say_text(answer.text)
            await voice.say(_last(answer))

    async def _made(self, user: str, ask: Ask, voice: _Voice) -> Answer:
        try:
            folded = to_fold(ask, self._window, self._system)
            summary = await self._summary(user, ask, folded, voice) if folded else ask.summary
            text, model, usage = await self._reply(
                request_for(
                    user, ask, system=self._system, turns=ask.turns[folded:], summary=summary
                ),
                voice,
            )
        except ChatdeskError as error:
            return Answer(ask.prompt.id, "failed", why=error.told)
        except Exception:  # its user must not wait for ever, and may go on with the next prompt
            log.exception("a prompt could not be answered")
            return Answer(ask.prompt.id, "failed", why="Something went wrong at the cluster.")
        return Answer(
            ask.prompt.id,
            "complete",
            text,
            model,
            usage,
            summary=summary if folded else "",
            folded=folded,
        )

    async def _summary(self, user: str, ask: Ask, folded: int, voice: _Voice) -> str:
        """What stands for the oldest turns. Raises ChatdeskError, but not for turns that cannot be
        summarised: a conversation with a turn as long as the window could never go on.
        """
        request = summary_request(user, ask, folded, self._window, self._system)
        try:
            text, _model, _usage = await self._reply(request, voice, aloud=False)
        except ContextOverflow:
            log.info("turns as long as the window are left out without a summary")
            return ask.summary
        return text.strip() or ask.summary

    async def _reply(
        self, request: Request, voice: _Voice, aloud: bool = True
    ) -> tuple[str, str, Usage]:
        """(text, model, usage) of a reply. Raises ChatdeskError.

        Workers that are not there are waited for, as long as nothing was said.
        """
        pieces: list[str] = []
        model = ""
        deadline = asyncio.get_running_loop().time() + PATIENCE_S
        while True:
            problem: ChatdeskError | None = None
            async for event in self._ask(request):
                match event:
                    case Started():
                        model = event.model
                        self._window = event.context_window or self._window
                    case Delta("text", text):
                        pieces.append(text)
                    case Finished(_, usage):
                        return "".join(pieces), model, usage
                    case Failed(error):
                        problem = error
                        continue
                if aloud:
                    await voice.say(event)
            problem = problem or ProviderError("The reply broke off.")
            late = asyncio.get_running_loop().time() > deadline
            if pieces or late or not problem.retryable:
                raise problem
            await voice.say(Waiting("retrying", problem.what, _AGAIN_S))
            await asyncio.sleep(_AGAIN_S)

    async def _kept(self, user: str, prompt_id: str) -> Answer | None:
        subject = self._subjects.answers(user, prompt_id)
        while True:
            try:
                found = await self._js.get_msg(answers_stream(self._subjects), subject=subject)
            except NotFoundError:
                return None
            except (nats.errors.Error, APIError, OSError, TimeoutError):
                await asyncio.sleep(_AGAIN_S)
                continue
            return decode_answer(found.data or b"")

    async def _keep(self, user: str, answer: Answer) -> Answer:
        """Keep an answer, however long it takes; returns the one that is kept."""
        try:
            if await self._store(user, answer, _EXPECT_NONE):
                return answer
        except nats.errors.MaxPayloadError:
            why = "The reply is larger than the NATS server takes."
            return await self._keep(user, Answer(answer.id, "failed", why=why))
        return await self._kept(user, answer.id) or answer

    async def _store(self, user: str, answer: Answer, headers: dict[str, str]) -> bool:
        """Put an answer into the stream; False where what headers expect does not hold.

        Raises nats.errors.MaxPayloadError.
        """
        subject = self._subjects.answers(user, answer.id)
        data = encode_answer(answer)
        while True:
            try:
                await self._js.publish(subject, data, headers=headers)
                return True
            except APIError as error:
                if error.err_code == _ANOTHER_IS_THERE:
                    return False
                log.warning("an answer cannot be kept: %s", error.err_code)
            except nats.errors.MaxPayloadError:
                raise
            except (nats.errors.Error, OSError, TimeoutError) as error:
                log.warning("an answer cannot be kept: %s", type(error).__name__)
            await asyncio.sleep(_AGAIN_S)

    async def _repeat(self, user: str, prompt_id: str) -> None:
        kept = await self._kept(user, prompt_id)
        async with _Voice(self._client, self._subjects.replies(user, prompt_id)) as voice:
            if kept is None:  # older than the stream's memory
                await voice.say(Failed(ProviderError("This prompt was answered long ago.")))
                return
            await voice.say_text(kept.text)
            await voice.say(_last(kept))

    async def _refuse(self, user: str, prompt_id: str, why: str) -> None:
        async with _Voice(self._client, self._subjects.replies(user, prompt_id)) as voice:
            await voice.say(Failed(ProviderError("The prompt was not answered.", why)))


class _Voice:
    """Tells one user what happens to one prompt; Alive every second, so that silence says it died.

    Each attempt has a name of its own in the messages' worker field: a client sees by it that an
    answer was begun again.
    """

    def __init__(self, client: Client, subject: str) -> None:
        self._client = client
        self._subject = subject
        self._attempt = new_id()
        self._run = subject.rpartition(".")[2]
        self._next = 0
        self._beat: asyncio.Task[None] | None = None

    async def __aenter__(self) -> _Voice:
        self._beat = asyncio.get_running_loop().create_task(self._beats())
        return self

    async def __aexit__(self, *_problem: object) -> None:
        assert self._beat is not None
        self._beat.cancel()

    async def say(self, event: Event) -> None:
        number, self._next = self._next, self._next + 1
        await self._tell(Told(self._run, self._attempt, number, event))

    async def say_text(self, text: str) -> None:
        """A text that is there already, in pieces that messages can hold."""
        for start in range(0, len(text), _PIECE):
            await self.say(Delta("text", text[start : start + _PIECE]))

    def begin_again(self) -> None:
        """What was said is void."""
        self._attempt, self._next = new_id(), 0

    async def _tell(self, told: Told) -> None:
        try:
            await self._client.publish(self._subject, encode_told(told))
        except (nats.errors.Error, OSError) as error:
            # The user asks again for what got lost.
            log.info("a user could not be told: %s", type(error).__name__)

    async def _beats(self) -> None:
        while True:
            await self._tell(Told(self._run, self._attempt, -1, Alive(self._next)))
            await asyncio.sleep(HEARTBEAT_S)


def _last(answer: Answer) -> Event:
    if answer.ended == "failed":
        return Failed(ProviderError(answer.why or "The reply could not be written."))
    return Finished("stop", answer.usage)
