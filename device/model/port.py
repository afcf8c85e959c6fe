"""The port behind which a language model stands.

Rules
1. Whoever asks sees text that a machine made up: `Generation.text` is untrusted, whatever constrained it.
2. A model that cannot be loaded or cannot answer raises `ModelError`, whose text is a sentence for the person in
   front of the screen. Nothing else leaves an adapter.
3. Prompts put what never changes first, so that an adapter can keep it worked out between questions.
4. Whoever asks may follow the answer and stop it (`Watch`); a stopped answer is a `ModelStopped`, at once.

It does not know what is asked (`device.core.interpret`) nor where a task may run (`policies`).
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from device.errors import LocalError

#: How every sentence of a `ModelError` ends.
FORMS_WORK = "forms still work"


class ModelError(LocalError):
    """The model on this device cannot be loaded or cannot answer; the text says why and what still works."""


class ModelStopped(ModelError):
    """Whoever asked does not want the answer any more."""


@dataclass(frozen=True, slots=True)
class Generation:
    """What a model wrote.

    Args:
        text: untrusted; complete JSON of the asked schema unless `tokens_max` cut it short.
        tokens: how many the model wrote.
        ttft_s: seconds from the question to the first token.
        total_s: seconds from the question to the last token.
        computed: tokens of the prompt that were worked out for this question.
        kept: tokens of the prompt that were worked out before, and kept.
    """

    text: str
    tokens: int
    ttft_s: float
    total_s: float
    computed: int = 0
    kept: int = 0

    @property
    def tokens_per_s(self) -> float:
        """Speed after the first token; 0 where there was no second one."""
        spell_s = self.total_s - self.ttft_s
        return (self.tokens - 1) / spell_s if self.tokens > 1 and spell_s > 0 else 0.0


class Watch:
    """One question, followed: `piece` hears the answer as it is written, `stop` ends it. Safe from any thread."""

    def __init__(self, piece: Callable[[str], None] = lambda _: None) -> None:
        self.piece = piece
        self._lock = threading.Lock()
        self._stopped = False
        self._hook: Callable[[], None] | None = None

    @property
    def stopped(self) -> bool:
        """Whether the answer is not wanted any more."""
        return self._stopped

    def stop(self) -> None:
        """The answer is not wanted any more."""
        with self._lock:
            self._stopped, hook = True, self._hook
        if hook:
            hook()

    @contextmanager
    def stopping(self, hook: Callable[[], None]) -> Iterator[None]:
        """Have `hook` called if the answer is stopped meanwhile, or was already. For adapters."""
        with self._lock:
            self._hook, late = hook, self._stopped
        try:
            if late:
                hook()
            yield
        finally:
            with self._lock:
                self._hook = None


class LanguageModel(Protocol):
    """A model that writes text, or JSON of a given schema."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def sha256(self) -> str:
        """Of the model's file, 64 lower-case hexadecimal digits."""

    @property
    def context_tokens(self) -> int:
        """Tokens that prompt and answer may have together."""

    def generate(
        self, prompt: str, schema: Mapping[str, Any] | None, *, tokens_max: int, watch: Watch | None = None
    ) -> Generation:
        """The model's most likely continuation of `prompt`.

        Args:
            prompt: plain text; words that look like control tokens are only words.
            schema: JSON schema of the answer, closed and of bounded length; None for free text.
            tokens_max: at least 1; the answer is cut there.
            watch: hears the answer as it comes, and may stop it.

        Raises:
            ModelStopped: `watch` was stopped.
            ModelError: the prompt is too long for the model, or the model failed.
        """
