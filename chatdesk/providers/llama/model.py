"""One loaded model: its weights, its context and what it says about itself.

load() reports progress and can be cancelled; whatever fails frees what was made before. All native
memory belongs to the thread that loaded the model, and close() frees it there.
"""

from __future__ import annotations

import logging
import os

import psutil

from chatdesk.errors import LoadCancelled, ModelError, ModelLoadError
from chatdesk.providers.llama.backend import Backend, backend
from chatdesk.providers.llama.choice import ModelChoice, Progress
from chatdesk.providers.llama.template import ChatTemplate
from chatdesk.providers.llama.tokens import Vocabulary

log = logging.getLogger(__name__)

# What context_size 0 means: the model's own context, but no more than this many tokens.
DEFAULT_CONTEXT = 8192
# Tokens evaluated by one pass over the weights; more needs memory and gains nothing.
_LARGEST_PASS = 512


class LlamaModel:
    """Weights and context of one model, ready to evaluate tokens. Made by load().

    window, batch_size: tokens that one sequence may have, and that one decode may have.
    """

    def __init__(self, backend: Backend, choice: ModelChoice, weights: int, context: int) -> None:
        lib = backend.lib
        self.backend = backend
        self.choice = choice
        self.context = context
        self._weights = weights
        self.vocabulary = Vocabulary(backend, lib.llama_model_get_vocab(weights))
        self.window: int = lib.llama_n_ctx_seq(context)
        self.batch_size: int = lib.llama_n_batch(context)
        own = lib.llama_model_chat_template(weights, None)
        self.template = ChatTemplate.choose(
            choice.parameters.chat_format,
            own.decode("utf-8", "replace") if own else "",
            bos=self.vocabulary.bos_text,
            eos=self.vocabulary.eos_text,
            name=choice.name,
        )

    @classmethod
    def load(cls, choice: ModelChoice, progress: Progress, sequences: int = 1) -> LlamaModel:
        """Load a model. progress gets the fraction done and returns whether to go on.

        sequences: how many conversations its context holds side by side, each with the whole
        window of the choice.

        Raises ModelLoadError, ModelError (no chat model) and LoadCancelled.
        """
        native = backend()
        native.forget_problems()
        weights = _load_weights(native, choice, progress)
        context = 0
        try:
            _check_can_chat(native, choice, weights)
            context = _make_context(native, choice, weights, sequences)
            return cls(native, choice, weights, context)
        except BaseException:
            if context:
                native.lib.llama_free(context)
            native.lib.llama_model_free(weights)
            raise

    def close(self) -> None:
        """Free all native memory. The model cannot be used afterwards; twice is harmless."""
        if self.context:
            self.backend.lib.llama_free(self.context)
            self.context = 0
        if self._weights:
            self.backend.lib.llama_model_free(self._weights)
            self._weights = 0


def _load_weights(native: Backend, choice: ModelChoice, progress: Progress) -> int:
    lib, wanted = native.lib, choice.parameters
    raised: list[BaseException] = []
    cancelled = False

    def on_progress(fraction: float, _data: object) -> bool:
        # An exception cannot pass through native code: it is kept and raised behind it.
        nonlocal cancelled
        try:
            cancelled = not progress(fraction)
        except BaseException as problem:
            raised.append(problem)
            cancelled = True
        return not cancelled

    parameters = lib.llama_model_default_params()
    parameters.n_gpu_layers = wanted.gpu_layers
    parameters.load_mode = {
        (False, False): lib.LLAMA_LOAD_MODE_NONE,
        (True, False): lib.LLAMA_LOAD_MODE_MMAP,
        (False, True): lib.LLAMA_LOAD_MODE_MLOCK,
        (True, True): lib.LLAMA_LOAD_MODE_MMAP_MLOCK,
    }[wanted.mmap, wanted.mlock]
    callback = lib.llama_progress_callback(on_progress)
    parameters.progress_callback = callback
    weights = lib.llama_model_load_from_file(os.fsencode(choice.path), parameters)
    if weights and not cancelled:
        return int(weights)
    if weights:
        lib.llama_model_free(weights)
    if raised:
        raise raised[0]
    if cancelled:
        raise LoadCancelled(
            f"Loading {choice.name} was cancelled.", "Choose it again to load it.", retryable=True
        )
    raise ModelLoadError(
        f"The model file {choice.path.name} could not be loaded.",
        "The file may be damaged, too large for this computer's memory, or made for a newer "
        "Chatdesk. Download it again or choose another model.",
        retryable=True,
        detail=native.problems(),
    )


def _check_can_chat(native: Backend, choice: ModelChoice, weights: int) -> None:
    lib = native.lib
    if lib.llama_model_has_encoder(weights) or not lib.llama_model_has_decoder(weights):
        raise ModelError(
            f"{choice.name} is not a chat model.",
            "Choose a model that is made for conversations (often named instruct or chat).",
        )


def _make_context(native: Backend, choice: ModelChoice, weights: int, sequences: int) -> int:
    lib, wanted = native.lib, choice.parameters
    trained = lib.llama_model_n_ctx_train(weights)
    size = wanted.context_size or min(trained or DEFAULT_CONTEXT, DEFAULT_CONTEXT)
    if trained and size > trained:
        # Beyond its own context a model writes nonsense, so a larger wish is not granted.
        log.warning("context size %d is more than the model's own %d", size, trained)
        size = trained
    threads = wanted.threads or psutil.cpu_count(logical=False) or 1
    parameters = lib.llama_context_default_params()
    parameters.n_ctx = size * sequences
    parameters.n_seq_max = sequences
    # Each sequence has a part of the cache to itself. In a shared one every token would look at
    # the cells of all conversations, only to leave those of the others out: with 8 sequences of
    # 700 tokens a step took 1.3 times as long, with 4 of them 1.6 times. And what one conversation
    # may have does not depend on what the others hold.
    parameters.kv_unified = False
    parameters.n_batch = min(wanted.batch_size, size)
    parameters.n_ubatch = min(parameters.n_batch, _LARGEST_PASS)
    if sequences > 1:
        # Beside a full chunk of a prompt each of the others has a token to be decoded.
        parameters.n_batch += sequences
    parameters.n_outputs_max = sequences
    parameters.n_threads = parameters.n_threads_batch = threads
    parameters.flash_attn_type = {
        "auto": lib.LLAMA_FLASH_ATTN_TYPE_AUTO,
        "on": lib.LLAMA_FLASH_ATTN_TYPE_ENABLED,
        "off": lib.LLAMA_FLASH_ATTN_TYPE_DISABLED,
    }[wanted.flash_attention]
    parameters.no_perf = True
    context = lib.llama_init_from_model(weights, parameters)
    if not context:
        several = f" for each of {sequences} conversations at once" if sequences > 1 else ""
        fewer = ", fewer conversations at once" if sequences > 1 else ""
        raise ModelLoadError(
            f"There is not enough memory for {choice.name} with a context of {size:,} tokens"
            f"{several}.",
            f"Choose a smaller context size in the settings{fewer}, or a smaller model.",
            retryable=True,
            detail=native.problems(),
        )
    return int(context)
