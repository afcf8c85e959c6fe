"""llama.cpp behind the `LanguageModel` port.

Rules
1. llama.cpp is imported when a model is loaded and not before, and it writes nothing to the terminal.
2. A file that is not `pinned` is first loaded in a process of its own (`device.model.probe`): llama.cpp trusts what
   stands in a file and may take the process down with it.
3. Greedy and deterministic: of the tokens that the grammar allows, the likeliest. The likeliest of all is asked
   first, and the grammar is applied to more of the vocabulary only when it refuses; the result is the same, faster.
4. The prompt is text: nothing in it is read as a control token.
5. What a prompt shares with the one before is not computed again.

One question at a time; a second caller waits. It neither builds prompts nor believes answers.
"""

import ctypes
import os
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from device.model import probe
from device.model.grammar import grammar_of
from device.model.port import FORMS_WORK, Generation, ModelError
from device.model.registry import ModelFile
from shared.ports import Clock

CONTEXT_TOKENS = 2048
#: Prompt tokens that llama.cpp works out at a time.
_BATCH_TOKENS = 512
#: Tokens that are asked after the likeliest one was refused, before the whole vocabulary is.
_SHORTLIST = 64
_PIECE_BYTES = 256
_TOKEN_DATA = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])


class LlamaModel:
    """A loaded model. Made by `load`."""

    def __init__(self, file: ModelFile, clock: Clock, engine: "_Engine") -> None:
        self._file = file
        self._clock = clock
        self._engine = engine
        self._one_at_a_time = threading.Lock()

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self._file.name

    @property
    def sha256(self) -> str:
        """Of the file that was loaded."""
        return self._file.sha256

    def generate(self, prompt: str, schema: Mapping[str, Any], *, tokens_max: int) -> Generation:
        """See `LanguageModel.generate`."""
        with self._one_at_a_time:
            return self._generate(prompt, schema, tokens_max)

    def close(self) -> None:
        """Give the memory back. The model must not be used afterwards."""
        with self._one_at_a_time:
            self._engine.close()

    def _generate(self, prompt: str, schema: Mapping[str, Any], tokens_max: int) -> Generation:
        asked_s = self._clock.monotonic_s()
        self._engine.read(self._engine.tokens_of(prompt), room=tokens_max)
        written, count, first_s = b"", 0, asked_s
        for piece in self._pieces(schema, tokens_max):
            if count == 0:
                first_s = self._clock.monotonic_s()
            written += piece
            count += 1
        done_s = self._clock.monotonic_s()
        return Generation(written.decode("utf-8", "replace"), count, first_s - asked_s, done_s - asked_s)

    def _pieces(self, schema: Mapping[str, Any], tokens_max: int) -> Iterator[bytes]:
        """What the model writes after what it holds, piece by piece, until the schema is fulfilled."""
        engine = self._engine
        written = b""
        with _Grammar(engine, schema) as grammar:
            for left in range(tokens_max - 1, -1, -1):
                token = grammar.choose(engine.logits())
                if engine.ends(token):
                    return
                grammar.accept(token)
                piece = engine.piece(token)
                yield piece
                written += piece
                if left == 0 or grammar.complete(written):
                    return
                engine.extend([token])


def load(
    file: ModelFile, clock: Clock, *, threads: int | None = None, context_tokens: int = CONTEXT_TOKENS
) -> LlamaModel:
    """The model in `file`, ready to answer.

    Args:
        file: from `device.model.registry`.
        clock: measures how long answers take.
        threads: processors to use; all but one if None.
        context_tokens: longest prompt and answer together.

    Raises:
        ModelError: llama.cpp is not installed, or the file is damaged or of a kind that it does not know.
    """
    if not file.pinned:
        probe.run(file.path)
    return LlamaModel(file, clock, _Engine(file, threads or _spare_processors(), context_tokens))


def _spare_processors() -> int:
    """All but one.

    llama.cpp's threads wait for each other spinning, so one that must share its processor with the screen or a sync
    round holds up all the others.
    """
    return max(1, (os.cpu_count() or 1) - 1)


class _Engine:
    """One llama.cpp model with one context: tokens in, logits out."""

    def __init__(self, file: ModelFile, threads: int, context_tokens: int) -> None:
        self.api = _llama_cpp()
        self._file = file
        self._held: list[int] = []
        self._context_tokens = context_tokens
        self._model = self._open_model()
        self._context = self._open_context(threads)
        self.vocab = self.api.llama_model_get_vocab(self._model)
        self.vocab_size: int = self.api.llama_vocab_n_tokens(self.vocab)
        self._piece = ctypes.create_string_buffer(_PIECE_BYTES)

    def close(self) -> None:
        if self._context is not None:
            self.api.llama_free(self._context)
            self.api.llama_model_free(self._model)
        self._context = self._model = None

    def tokens_of(self, text: str) -> list[int]:
        self._open()  # the vocabulary is the model's, and goes with it
        raw = text.encode("utf-8", "replace")
        room = len(raw) + 8
        tokens = (self.api.llama_token * room)()
        count: int = self.api.llama_tokenize(self.vocab, raw, len(raw), tokens, room, True, False)
        if count < 0:
            raise ModelError(f"The model {self._file.name} cannot read this text; {FORMS_WORK}.")
        return list(tokens[:count])

    def read(self, tokens: Sequence[int], *, room: int) -> None:
        """Hold exactly `tokens`, computing only those that differ from what is held, with `room` for more."""
        if len(tokens) + room > self._context_tokens:
            raise ModelError(f"The text is too long for the model {self._file.name}; {FORMS_WORK}.")
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(self._held, tokens, strict=False)))
        # The last token is always computed: its logits are what the answer starts from.
        keep = min(same, len(tokens) - 1)
        self._forget(keep)
        for start in range(keep, len(tokens), _BATCH_TOKENS):
            self.extend(tokens[start : start + _BATCH_TOKENS])

    def extend(self, tokens: Sequence[int]) -> None:
        """Hold `tokens` too."""
        array = (self.api.llama_token * len(tokens))(*tokens)
        if self.api.llama_decode(self._open(), self.api.llama_batch_get_one(array, len(tokens))) != 0:
            self._forget(0)
            raise ModelError(f"The model {self._file.name} failed while answering; {FORMS_WORK}.")
        self._held.extend(tokens)

    def logits(self) -> NDArray[np.float32]:
        """How likely each token of the vocabulary is to come next. Valid until the next `extend`."""
        pointer = self.api.llama_get_logits_ith(self._open(), -1)
        return np.ctypeslib.as_array(pointer, shape=(self.vocab_size,))

    def ends(self, token: int) -> bool:
        return bool(self.api.llama_vocab_is_eog(self.vocab, token))

    def piece(self, token: int) -> bytes:
        count: int = self.api.llama_token_to_piece(self.vocab, token, self._piece, _PIECE_BYTES, 0, False)
        return self._piece.raw[: max(count, 0)]

    def end_token(self) -> int:
        return int(self.api.llama_vocab_eos(self.vocab))

    def _open(self) -> Any:
        if self._context is None:
            raise ModelError(f"The model {self._file.name} is not loaded any more; {FORMS_WORK}.")
        return self._context

    def _forget(self, keep: int) -> None:
        memory = self.api.llama_get_memory(self._open())
        if not self.api.llama_memory_seq_rm(memory, 0, keep, -1):
            raise ModelError(f"The model {self._file.name} failed while answering; {FORMS_WORK}.")
        del self._held[keep:]

    def _open_model(self) -> Any:
        _LOG.clear()
        params = self.api.llama_model_default_params()
        params.n_gpu_layers = 0
        model = self.api.llama_model_load_from_file(os.fsencode(self._file.path), params)
        if not model:
            raise _unusable(self._file.path.name)
        return model

    def _open_context(self, threads: int) -> Any:
        params = self.api.llama_context_default_params()
        params.n_ctx = self._context_tokens
        params.n_batch = params.n_ubatch = _BATCH_TOKENS
        params.n_threads = params.n_threads_batch = threads
        context = self.api.llama_init_from_model(self._model, params)
        if not context:
            self.api.llama_model_free(self._model)
            raise _unusable(self._file.path.name)
        return context


class _Grammar:
    """What may come next, for one answer. A context manager: llama.cpp's part is freed on leaving."""

    def __init__(self, engine: _Engine, schema: Mapping[str, Any]) -> None:
        self._engine = engine
        self._api = engine.api
        try:
            source = grammar_of(schema)
        except ValueError as error:
            raise ModelError(f"The model cannot be held to this form of answer ({error}); {FORMS_WORK}.") from error
        self._sampler = self._api.llama_sampler_init_grammar(engine.vocab, source.encode(), b"root")
        assert self._sampler, "llama.cpp reads the grammars that we write"

    def __enter__(self) -> "_Grammar":
        return self

    def __exit__(self, *_: object) -> None:
        self._api.llama_sampler_free(self._sampler)

    def choose(self, logits: NDArray[np.float32]) -> int:
        """The likeliest token that is allowed."""
        likeliest = int(logits.argmax())
        if self._allowed(np.array([likeliest]), logits) is not None:
            return likeliest
        shortlist = np.argpartition(logits, -_SHORTLIST)[-_SHORTLIST:]
        chosen = self._allowed(shortlist, logits)
        if chosen is None:
            chosen = self._allowed(np.arange(self._engine.vocab_size), logits)
        return self._engine.end_token() if chosen is None else chosen

    def accept(self, token: int) -> None:
        """Move on past `token`, which `choose` gave."""
        self._api.llama_sampler_accept(self._sampler, token)

    def complete(self, written: bytes) -> bool:
        """Whether the answer may end here, and nothing but blanks could follow."""
        if not written.rstrip().endswith((b"}", b"]", b'"')):
            return False
        return self._allowed(np.array([self._engine.end_token()]), None) is not None

    def _allowed(self, tokens: NDArray[np.int64], logits: NDArray[np.float32] | None) -> int | None:
        """The likeliest of `tokens` that the grammar allows, if it allows any."""
        data = np.zeros(len(tokens), _TOKEN_DATA)
        data["id"] = tokens
        data["logit"] = 0.0 if logits is None else logits[tokens]
        array = self._api.llama_token_data_array()
        array.data = data.ctypes.data_as(ctypes.POINTER(self._api.llama_token_data))
        array.size, array.selected, array.sorted = len(tokens), -1, False
        self._api.llama_sampler_apply(self._sampler, ctypes.byref(array))
        best = int(data["logit"].argmax())
        return int(data["id"][best]) if np.isfinite(data["logit"][best]) else None


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
        f"The model file {name} is damaged or of an unknown kind ({cause or 'llama.cpp refuses it'}); {FORMS_WORK}."
    )
