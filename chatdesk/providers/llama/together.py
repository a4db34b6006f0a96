"""Several replies written together: every step is one decode for all of them.

A decode reads all weights of the model once, whatever it decodes, so the tokens of several replies
cost little more than that of one. Each reply has a sequence of its own in the context, with its own
positions and its own part of the KV cache: nothing of one can be seen by another.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from chatdesk.chat.events import Event, Failed
from chatdesk.errors import ChatdeskError
from chatdesk.providers.llama.batch import Batch
from chatdesk.providers.llama.batching import Pace, shares
from chatdesk.providers.llama.cache import common_prefix
from chatdesk.providers.llama.evaluation import cannot_go_on
from chatdesk.providers.llama.holder import unexpected
from chatdesk.providers.llama.model import LlamaModel
from chatdesk.providers.llama.prompt import Prompt
from chatdesk.providers.llama.reply import Reply
from chatdesk.providers.llama.run import LlamaRun
from chatdesk.providers.llama.sampler import Sampler
from chatdesk.providers.llama.slots import Slot, Writing, choose

log = logging.getLogger(__name__)

Part = tuple[Slot, int]  # and how many of its tokens are decoded now


class Together:
    """The sequences of one loaded model. Belongs to the thread that owns the model.

    ended: called for each run that joined, just before it is told its last event. Must be closed
    before the model is.
    """

    def __init__(
        self, model: LlamaModel, sequences: int, ended: Callable[[LlamaRun], None]
    ) -> None:
        self._model = model
        self._lib = lib = model.backend.lib
        self._memory = lib.llama_get_memory(model.context)
        self._slots = [Slot(number) for number in range(sequences)]
        self._batch = Batch(lib, model.batch_size)
        self._pace = Pace(model.batch_size - sequences)
        self._ended = ended
        self._count = 0

    @property
    def busy(self) -> int:
        """How many replies are being written."""
        return sum(slot.writing is not None for slot in self._slots)

    def join(self, run: LlamaRun, prompt: Prompt, reply: Reply) -> None:
        """Let a run take part from the next step on. One of the slots must be idle."""
        request = run.request
        idle = [slot for slot in self._slots if slot.writing is None]
        slot = choose(idle, prompt.tokens, request.conversation_id)
        # The last token of the prompt is always evaluated anew, for the model's answer to it.
        kept = min(common_prefix(slot.tokens, prompt.tokens), len(prompt.tokens) - 1)
        self._keep(slot, kept)
        model = self._model
        sampler = Sampler(model.backend, model.vocabulary.size, request.parameters)
        sampler.accept(prompt.continued)
        slot.writing = Writing(run, prompt.tokens, reply, sampler, self._tick(slot))
        slot.conversation = request.conversation_id
        try:
            run.tell(reply.evaluated(len(slot.tokens)))
        except Exception as bug:
            self._fail_bug(slot, bug)

    def step(self) -> None:
        """Move every reply on by one token or a part of its prompt, and tell what is new."""
        began = time.perf_counter()
        for slot in self._slots:
            if slot.writing is not None and slot.writing.run.flag.is_set():
                self._finish(slot)
        parts = self._plan()
        if parts:
            of_prompts = sum(count for slot, count in parts if slot.rest > 1)
            self._decode(parts)
            self._pace.took(of_prompts, time.perf_counter() - began)

    def fail(self, problem: ChatdeskError) -> None:
        """End every reply with an error, and forget everything that the sequences hold."""
        for slot in self._slots:
            self._keep(slot, 0)
            self._fail(slot, problem)

    def close(self) -> None:
        """Free the native memory; twice is harmless."""
        for slot in self._slots:
            if slot.writing is not None:
                slot.writing.sampler.close()
                slot.writing = None
        self._batch.close()

    # -- a step -------------------------------------------------------------------------------

    def _plan(self) -> list[Part]:
        """Who takes part in the next decode, with how many tokens; the oldest first."""
        writing = [(slot.writing.order, slot) for slot in self._slots if slot.writing is not None]
        slots = [slot for _, slot in sorted(writing, key=lambda pair: pair[0])]
        prompts = [slot for slot in slots if slot.rest > 1]
        given = shares([slot.rest for slot in prompts], self._pace.room)
        counts = dict(zip(prompts, given, strict=True))
        return [(slot, count) for slot in slots if (count := counts.get(slot, 1)) > 0]

    def _decode(self, parts: list[Part]) -> None:
        """Decode these together. Where that fails, find whose fault it was by halves."""
        batch = self._batch
        batch.clear()
        rows: list[int | None] = []
        for slot, count in parts:
            assert slot.writing is not None
            start = len(slot.tokens)
            last = start + count == slot.writing.length
            tokens = slot.writing.part(start, count)
            end = batch.add(tokens, start, slot.number, answered=last)
            rows.append(end if last else None)
        result = self._lib.llama_decode(self._model.context, batch.native)
        if result == 0:
            for slot, count in parts:
                assert slot.writing is not None
                slot.tokens += slot.writing.part(len(slot.tokens), count)
            for (slot, _), row in zip(parts, rows, strict=True):
                self._follow(slot, row)
            return
        # Some of it may be in the cache all the same. A sequence that cannot forget a part of
        # itself is evaluated from its beginning again, in this step and the next ones.
        for slot, _ in parts:
            self._keep(slot, len(slot.tokens))
        if len(parts) == 1:
            slot = parts[0][0]
            self._keep(slot, 0)
            self._fail(slot, cannot_go_on(self._model, result))
            return
        half = len(parts) // 2
        self._decode(parts[:half])
        self._decode(parts[half:])

    def _follow(self, slot: Slot, row: int | None) -> None:
        """What comes of a slot's part: its place in the prompt, or the token that is next."""
        writing = slot.writing
        assert writing is not None
        reply = writing.reply
        try:
            if not reply.written:
                writing.run.tell(reply.evaluated(len(slot.tokens)))
            if row is None or writing.run.flag.is_set():
                return
            if reply.reason is None:
                token = self._lib.llama_sampler_sample(
                    writing.sampler.chain, self._model.context, row
                )
                for delta in reply.take(token):
                    writing.run.tell(delta)
            if reply.reason is not None:
                self._finish(slot)
        except Exception as bug:
            self._fail_bug(slot, bug)

    # -- the end of a reply -------------------------------------------------------------------

    def _finish(self, slot: Slot) -> None:
        if (writing := self._leave(slot)) is not None:
            self._tell_end(writing.run, writing.reply.end())

    def _fail(self, slot: Slot, problem: ChatdeskError) -> None:
        if (writing := self._leave(slot)) is not None:
            self._tell_end(writing.run, [Failed(problem, writing.reply.usage)])

    def _fail_bug(self, slot: Slot, bug: Exception) -> None:
        # One reply's bug must not end those beside it; it is in the log.
        log.error("a reply failed", exc_info=bug)
        self._fail(slot, unexpected(bug))

    def _leave(self, slot: Slot) -> Writing | None:
        """Make a slot idle; its tokens stay for a follow-up."""
        writing, slot.writing = slot.writing, None
        if writing is not None:
            writing.sampler.close()
            self._tick(slot)
        return writing

    def _tell_end(self, run: LlamaRun, events: list[Event]) -> None:
        self._ended(run)
        try:
            for event in events:
                run.tell(event)
        except Exception as bug:
            log.exception("the end of a reply could not be told")
            run.tell(Failed(unexpected(bug)))

    def _tick(self, slot: Slot) -> int:
        self._count += 1
        slot.used = self._count
        return self._count

    def _keep(self, slot: Slot, count: int) -> None:
        """Forget all tokens behind the first count. Some models can only forget everything."""
        remove = self._lib.llama_memory_seq_rm
        if not remove(self._memory, slot.number, count, -1):
            remove(self._memory, slot.number, -1, -1)
            count = 0
        del slot.tokens[count:]
