"""One user's conversation in the dataflow: which prompt is being answered, and what is remembered.

A plain state machine without clocks or connections: prompts and answers go in, in whatever order a
resumed dataflow brings them, and steps come out. Everything it decides it decides from what it was
given, so replaying the same messages leads to the same state. One prompt is answered at a time,
in the order of their arrival; each is answered once, however often it comes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from chatdesk.cluster.prompts import Answer, Prompt

# Ids of answered prompts that are remembered, to know one that is sent again.
REMEMBERED = 512
# Answers that came before their prompts, which happens when a dataflow resumes: as many as a user
# has prompts in the stream, for one that reads everything anew.
MOST_EARLY = 5_000


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one user may use. 0: no limit. waiting: prompts; tokens: of prompts and replies."""

    waiting: int = 16
    requests_per_minute: int = 30
    tokens_per_day: int = 0


@dataclass(frozen=True, slots=True)
class Turn:
    """A prompt and its reply."""

    prompt: str
    reply: str


@dataclass(frozen=True, slots=True)
class Ask:
    """Step: have this prompt answered, with what was said before it."""

    prompt: Prompt
    turns: tuple[Turn, ...]
    summary: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """Step: tell that this prompt is not answered, and why."""

    prompt_id: str
    why: str


@dataclass(frozen=True, slots=True)
class Repeat:
    """Step: this prompt was answered before; tell its answer again."""

    prompt_id: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """Step: a prompt and its reply, to be kept for good."""

    prompt: Prompt
    answer: Answer
    at: float


Step = Ask | Refuse | Repeat | Exchange


@dataclass(slots=True)
class Dialogue:
    """The state. It can be pickled; times are Unix seconds as the server stamped the
    prompts, whose clock may be set back.
    """

    turns: list[Turn] = field(default_factory=list)
    summary: str = ""
    waiting: list[tuple[Prompt, float]] = field(default_factory=list)
    current: tuple[Prompt, float] | None = None
    done: dict[str, None] = field(default_factory=dict)  # in the order in which they were done
    early: dict[str, Answer] = field(default_factory=dict)
    asked_at: list[float] = field(default_factory=list)
    day: int = 0
    day_tokens: int = 0

    def resumed(self) -> Iterator[Step]:
        """After a restart: whoever was answering is gone, so it is asked again."""
        if self.current is not None:
            yield self._ask(self.current[0])

    def prompted(self, prompt: Prompt, at: float, allowance: Allowance) -> Iterator[Step]:
        """A prompt has come."""
        if prompt.id in self.done:
            yield Repeat(prompt.id)
            return
        known = [self.current, *self.waiting]
        if any(entry is not None and entry[0].id == prompt.id for entry in known):
            return
        if prompt.id not in self.early and (why := self._over(at, allowance)):
            yield Refuse(prompt.id, why)
            return
        self.asked_at = [*(t for t in self.asked_at if at - 60 < t <= at), at]
        self.waiting.append((prompt, at))
        yield from self._go_on()

    def answered(self, answer: Answer) -> Iterator[Step]:
        """An answer has come: to the current prompt, or to one that is still to come again."""
        if answer.id in self.done:
            return
        if self.current is None or self.current[0].id != answer.id:
            self.early[answer.id] = answer
            while len(self.early) > MOST_EARLY:
                del self.early[next(iter(self.early))]
            return
        yield from self._finish(answer)
        yield from self._go_on()

    def _go_on(self) -> Iterator[Step]:
        while self.current is None and self.waiting:
            self.current = self.waiting.pop(0)
            prompt = self.current[0]
            if prompt.forget:
                self.turns, self.summary = [], ""
            early = self.early.pop(prompt.id, None)
            if early is None:
                yield self._ask(prompt)
            else:
                yield from self._finish(early)

    def _ask(self, prompt: Prompt) -> Ask:
        return Ask(prompt, tuple(self.turns), self.summary)

    def _finish(self, answer: Answer) -> Iterator[Step]:
        assert self.current is not None
        prompt, at = self.current
        self.current = None
        self.done[answer.id] = None
        while len(self.done) > REMEMBERED:
            del self.done[next(iter(self.done))]
        self._count(at, answer)
        if answer.ended != "complete":
            return
        if answer.folded:
            del self.turns[: answer.folded]
            self.summary = answer.summary
        self.turns.append(Turn(prompt.text, answer.text))
        yield Exchange(prompt, answer, at)

    def _count(self, at: float, answer: Answer) -> None:
        day = int(at // 86_400)
        if day != self.day:
            self.day, self.day_tokens = day, 0
        usage = answer.usage
        self.day_tokens += (usage.prompt_tokens or 0) + (usage.completion_tokens or 0)

    def _over(self, at: float, allowance: Allowance) -> str:
        """Why a prompt is over a limit; "" where it is not."""
        if allowance.waiting and len(self.waiting) >= allowance.waiting:
            return f"{allowance.waiting} prompts wait already. Wait until one is answered."
        minute = sum(at - 60 < t <= at for t in self.asked_at)
        if allowance.requests_per_minute and minute >= allowance.requests_per_minute:
            return f"These are more than {allowance.requests_per_minute} prompts a minute."
        spent = self.day_tokens if int(at // 86_400) == self.day else 0
        if allowance.tokens_per_day and spent >= allowance.tokens_per_day:
            return f"The {allowance.tokens_per_day:,} tokens of today are used up."
        return ""
