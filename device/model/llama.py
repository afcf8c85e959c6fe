"""llama.cpp: tokens in, likelihoods out, and which token a grammar allows. Runs in the model's own process only.

Rules
1. llama.cpp is imported when a model is loaded and not before, and it writes nothing to the terminal.
2. Greedy and deterministic: of the tokens that the grammar allows, the likeliest. The likeliest of all is asked
   first, and the grammar is applied to more of the vocabulary only when it refuses; the result is the same, faster.
3. The prompt is text: nothing in it is read as a control token.
4. What a prompt shares with the one before is not computed again, also if that one was interrupted.
5. An interruption is heard inside a computation, between two operations of the model's graph.

It neither builds prompts nor believes answers, and answers one question at a time (`device.model.child`).
"""

import ctypes
import math
import os
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from device.model.port import FORMS_WORK, ModelError

#: Prompt tokens that llama.cpp works out at a time: small, so that it takes little room and hears a stop soon.
BATCH_TOKENS = 128
#: How many of the likeliest tokens are asked after the first was refused, before the whole vocabulary is.
_SHORTLISTS = (64, 1024, 8192)
_PIECE_BYTES = 256
_ABORTED = 2  # what llama_decode returns then
_TOKEN_DATA = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])


class Interrupted(Exception):
    """`Engine.interrupt` was called. What was worked out before is kept."""


class Engine:
    """One llama.cpp model with one context."""

    def __init__(self, path: Path, threads: int, context_tokens: int) -> None:
        self.api = _llama_cpp()
        self._path = path
        self._held: list[int] = []
        self.context_tokens = context_tokens
        self._model = self._open_model()
        self._context = self._open_context(threads)
        self._flag = _stop_flag(self.api, self._context)
        self.vocab = self.api.llama_model_get_vocab(self._model)
        self.vocab_size: int = self.api.llama_vocab_n_tokens(self.vocab)
        self._piece = ctypes.create_string_buffer(_PIECE_BYTES)

    # -- being interrupted, from another thread

    def interrupt(self) -> None:
        """End what is being worked out with `Interrupted`."""
        self._flag[0] = b"\x01"

    def resume(self) -> None:
        """Forget an interruption."""
        self._flag[0] = b"\x00"

    # -- tokens

    def tokens_of(self, text: str) -> list[int]:
        """The tokens of a text. Raises `ModelError` if the model cannot read it."""
        raw = text.encode("utf-8", "replace")
        room = len(raw) + 8
        tokens = (self.api.llama_token * room)()
        count: int = self.api.llama_tokenize(self.vocab, raw, len(raw), tokens, room, True, False)
        if count < 0:
            raise ModelError(f"The model {self._path.stem} cannot read this text; {FORMS_WORK}.")
        return list(tokens[:count])

    def ends(self, token: int) -> bool:
        """Whether an answer ends with `token`."""
        return bool(self.api.llama_vocab_is_eog(self.vocab, token))

    def piece(self, token: int) -> bytes:
        """What `token` stands for; it may be a part of a sign."""
        count: int = self.api.llama_token_to_piece(self.vocab, token, self._piece, _PIECE_BYTES, 0, False)
        return self._piece.raw[: max(count, 0)]

    def end_token(self) -> int:
        """The token that ends a text."""
        return int(self.api.llama_vocab_eos(self.vocab))

    # -- working out

    def read(self, tokens: Sequence[int], *, room: int) -> Iterator[int]:
        """Hold exactly `tokens`, computing only those that differ from what is held, with `room` for more.

        Yields:
            How many are held: first those that were kept, then after each batch.

        Raises:
            ModelError: there is no room for so many.
            Interrupted: see `interrupt`.
        """
        if len(tokens) + room > self.context_tokens:
            raise ModelError(f"The text is too long for the model {self._path.stem}; {FORMS_WORK}.")
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(self._held, tokens, strict=False)))
        # The last token is always computed: its logits are what the answer starts from.
        keep = min(same, len(tokens) - 1)
        self._forget(keep)
        yield keep
        for start in range(keep, len(tokens), BATCH_TOKENS):
            self.extend(tokens[start : start + BATCH_TOKENS])
            yield len(self._held)

    def extend(self, tokens: Sequence[int]) -> None:
        """Hold `tokens` too. Raises `Interrupted`, `ModelError`."""
        array = (self.api.llama_token * len(tokens))(*tokens)
        failed = self.api.llama_decode(self._context, self.api.llama_batch_get_one(array, len(tokens)))
        if failed == _ABORTED:
            self._forget(len(self._held))  # of the batch, parts may be there
            raise Interrupted
        if failed:
            self._forget(0)
            raise ModelError(f"The model {self._path.stem} failed while answering; {FORMS_WORK}.")
        self._held.extend(tokens)

    def logits(self) -> NDArray[np.float32]:
        """How likely each token of the vocabulary is to come next. Valid until the next `extend`."""
        pointer = self.api.llama_get_logits_ith(self._context, -1)
        return np.ctypeslib.as_array(pointer, shape=(self.vocab_size,))

    def use(self, threads: int) -> None:
        """Work with so many processors from now on."""
        self.api.llama_set_n_threads(self._context, threads, threads)

    # -- inside

    def _forget(self, keep: int) -> None:
        memory = self.api.llama_get_memory(self._context)
        if not self.api.llama_memory_seq_rm(memory, 0, keep, -1):
            # A model whose memory has no positions: it begins anew.
            self.api.llama_memory_clear(memory, True)
            keep = 0
        del self._held[keep:]

    def _open_model(self) -> Any:
        _LOG.clear()
        params = self.api.llama_model_default_params()
        params.n_gpu_layers = 0
        model = self.api.llama_model_load_from_file(os.fsencode(self._path), params)
        if not model:
            raise _unusable(self._path.name)
        return model

    def _open_context(self, threads: int) -> Any:
        params = self.api.llama_context_default_params()
        params.n_ctx = self.context_tokens
        params.n_batch = params.n_ubatch = BATCH_TOKENS
        params.n_threads = params.n_threads_batch = threads
        context = self.api.llama_init_from_model(self._model, params)
        if not context:
            raise _unusable(self._path.name)
        return context


class Free:
    """No grammar: whatever is likeliest."""

    def choose(self, logits: NDArray[np.float32]) -> int:
        """The likeliest token."""
        return int(logits.argmax())

    def accept(self, token: int) -> None:
        """Nothing is held to anything."""

    def complete(self, written: bytes) -> bool:
        """Only the model knows."""
        return False

    def close(self) -> None:
        """Nothing to free."""


class Grammar:
    """What may come next, for one answer. To be closed."""

    def __init__(self, engine: Engine, source: str) -> None:
        self._engine, self._api = engine, engine.api
        #: How often the whole vocabulary had to be asked.
        self.searched = 0
        self._sampler = self._api.llama_sampler_init_grammar(engine.vocab, source.encode(), b"root")
        if not self._sampler:
            raise ModelError(f"The model cannot be held to this form of answer; {FORMS_WORK}.")

        self._one = self._api.llama_token_data()
        self._of_one = self._api.llama_token_data_array()
        self._of_one.data = ctypes.pointer(self._one)
        self._of_one_ref = ctypes.byref(self._of_one)

    def close(self) -> None:
        """Free llama.cpp's part."""
        self._api.llama_sampler_free(self._sampler)

    def choose(self, logits: NDArray[np.float32]) -> int:
        """The likeliest token that is allowed."""
        likeliest = int(logits.argmax())
        if self._takes(likeliest):
            return likeliest
        for count in _SHORTLISTS:
            if count < self._engine.vocab_size:
                chosen = self._allowed(np.argpartition(logits, -count)[-count:], logits)
                if chosen is not None:
                    return chosen
        self.searched += 1
        chosen = self._allowed(np.arange(self._engine.vocab_size), logits)
        return self._engine.end_token() if chosen is None else chosen

    def accept(self, token: int) -> None:
        """Move on past `token`, which `choose` gave."""
        self._api.llama_sampler_accept(self._sampler, token)

    def complete(self, written: bytes) -> bool:
        """Whether the answer may end here, and nothing but blanks could follow."""
        if not written.rstrip().endswith((b"}", b"]", b'"')):
            return False
        return self._takes(self._engine.end_token())

    def _takes(self, token: int) -> bool:
        """Whether one token is allowed: asked for each that is written, so nothing is made anew for it."""
        self._one.id, self._one.logit = token, 0.0
        self._of_one.size, self._of_one.selected = 1, -1
        self._api.llama_sampler_apply(self._sampler, self._of_one_ref)
        return math.isfinite(self._one.logit)

    def _allowed(self, tokens: NDArray[np.int64], logits: NDArray[np.float32]) -> int | None:
        """The likeliest of `tokens` that the grammar allows, if it allows any."""
        data = np.zeros(len(tokens), _TOKEN_DATA)
        data["id"] = tokens
        data["logit"] = logits[tokens]
        array = self._api.llama_token_data_array()
        array.data = data.ctypes.data_as(ctypes.POINTER(self._api.llama_token_data))
        array.size, array.selected, array.sorted = len(tokens), -1, False
        self._api.llama_sampler_apply(self._sampler, ctypes.byref(array))
        best = int(data["logit"].argmax())
        return int(data["id"][best]) if np.isfinite(data["logit"][best]) else None


def write(engine: Engine, rule: Free | Grammar, tokens_max: int) -> Iterator[bytes]:
    """What the model writes after what it holds, token by token, until `rule` is fulfilled. Raises `Interrupted`."""
    written = b""
    for left in range(tokens_max - 1, -1, -1):
        token = rule.choose(engine.logits())
        if engine.ends(token):
            return
        rule.accept(token)
        piece = engine.piece(token)
        yield piece
        written = (written + piece)[-16:]
        if left == 0 or rule.complete(written):
            return
        engine.extend([token])


def _stop_flag(api: ModuleType, context: Any) -> Any:
    """Two bytes; once the first one is not zero, llama.cpp aborts what it is computing in `context`.

    It asks a C function between any two operations, thousands of times a token: one of Python would halve its speed.
    `strlen` over these two bytes is the answer: 0 goes on, 1 aborts.
    """
    flag = (ctypes.c_char * 2)()
    library = ctypes.CDLL("msvcrt" if os.name == "nt" else None)
    ask = ctypes.cast(library.strlen, api.ggml_abort_callback)
    api.llama_set_abort_callback(context, ask, ctypes.cast(flag, ctypes.c_void_p))
    _KEEP.extend((flag, library, ask))
    return flag


#: What llama.cpp said last, kept for the sentence about why a file is unusable; never printed.
_LOG: deque[str] = deque(maxlen=8)
_LEVEL_ERROR = 4  # GGML_LOG_LEVEL_ERROR
#: llama.cpp calls these; they must outlive it.
_KEEP: list[object] = []


def _llama_cpp() -> ModuleType:
    try:
        import llama_cpp  # noqa: PLC0415  # rule 1
    except (ImportError, OSError, RuntimeError) as error:
        raise ModelError(f"llama.cpp is not installed here ({error}); {FORMS_WORK}.") from error
    if not _KEEP:
        callback = llama_cpp.llama_log_callback(_note_log)
        _KEEP.append(callback)
        llama_cpp.llama_log_set(callback, ctypes.c_void_p(0))
        llama_cpp.llama_backend_init()
    module: ModuleType = llama_cpp
    return module


def _note_log(level: int, text: bytes, _: object) -> None:
    if level == _LEVEL_ERROR:
        _LOG.append(text.decode("utf-8", "replace").strip())


def _unusable(name: str) -> ModelError:
    # llama.cpp says the cause first and then what it could not do because of it, each after "function: ".
    cause = _LOG[0].rpartition(": ")[2].strip("' ") if _LOG else ""
    return ModelError(
        f"The model file {name} is damaged or of an unknown kind ({cause[:200] or 'llama.cpp refuses it'}); "
        f"{FORMS_WORK}."
    )
