"""The port behind which a language model stands.

Rules
1. Whoever asks sees text that a machine made up: `Generation.text` is untrusted, whatever constrained it.
2. A model that cannot be loaded or cannot answer raises `ModelError`, whose text is a sentence for the person in
   front of the screen. Nothing else leaves an adapter.
3. Prompts put what never changes first, so that an adapter can keep it worked out between questions.

It does not know what is asked (`device.core.interpret`) nor where a task may run (`policies`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from device.errors import LocalError

#: How every sentence of a `ModelError` ends.
FORMS_WORK = "forms still work"


class ModelError(LocalError):
    """The model on this device cannot be loaded or cannot answer; the text says why and what still works."""


@dataclass(frozen=True, slots=True)
class Generation:
    """What a model wrote.

    Args:
        text: untrusted; complete JSON of the asked schema unless `tokens_max` cut it short.
        tokens: how many the model wrote.
        ttft_s: seconds from the question to the first token.
        total_s: seconds from the question to the last token.
    """

    text: str
    tokens: int
    ttft_s: float
    total_s: float

    @property
    def tokens_per_s(self) -> float:
        """Speed after the first token; 0 where there was no second one."""
        spell_s = self.total_s - self.ttft_s
        return (self.tokens - 1) / spell_s if self.tokens > 1 and spell_s > 0 else 0.0


class LanguageModel(Protocol):
    """A model that writes JSON of a given schema."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def sha256(self) -> str:
        """Of the model's file, 64 lower-case hexadecimal digits."""

    def generate(self, prompt: str, schema: Mapping[str, Any], *, tokens_max: int) -> Generation:
        """The model's most likely continuation of `prompt` that fits the JSON `schema`.

        Args:
            prompt: plain text; words that look like control tokens are only words.
            schema: JSON schema of the answer, closed and of bounded length.
            tokens_max: at least 1; the answer is cut there.

        Raises:
            ModelError: the prompt is too long for the model, or the model failed.
        """
