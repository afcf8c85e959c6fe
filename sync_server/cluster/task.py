"""What is asked of the cluster, in one form, whoever asks: a device, a program of the tenant, queued work.

Pure: from contracts and parsed JSON to a `Task`, and from a task to the body that an engine gets. Nothing of whoever
asks is in that body: no name, no id, no header.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic_core import to_json

from shared.assist import PROMPT_CHARS_MAX, AssistRequest
from shared.problems import Code, Refused
from shared.routing import Boundary, Consented, DataClass, Purpose, Route, Tier, highest
from sync_server.cluster.upstreams import Kind

#: What a program may say; anything else is refused by name, because nobody has judged what an engine does with it.
TAKEN = frozenset({
    "model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens", "temperature", "top_p",
    "stop", "seed", "n", "presence_penalty", "frequency_penalty", "response_format", "tools", "tool_choice",
    "logprobs", "top_logprobs", "parallel_tool_calls", "user", "metadata", "store",
})  # fmt: skip
#: What is taken and goes no further: it names people, or asks somebody else to keep what was said.
_KEPT_BACK = frozenset({"user", "metadata", "store"})
#: The name of a model with which a program leaves the choice to the gateway.
ANY_MODEL = "auto"
_TOKENS_MAX = 8192
_CHOICES_MAX = 8
_WORDS_ELSEWHERE = ("tools", "response_format", "stop", "tool_choice")


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks. Of a program, `device` and `actor` are its id."""

    tenant: str
    device: str
    actor: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Task:
    """One task for a model.

    `text` is every word that would leave, for the classifier; `payload` the engine's body without the model; `raw`
    the body as it came, which goes on as it is to an engine that serves `raw_model`. `data_class` and
    `conversation_class` are as declared and as remembered. `boundaries` are the places that whoever asked permits.
    `laptop_approved` says that it comes from a laptop that the organisation approves of now.
    """

    id: str
    asker: Asker
    purpose: Purpose
    text: str = field(repr=False)
    payload: Mapping[str, Any] = field(repr=False)
    data_class: DataClass | None
    boundaries: frozenset[Boundary]
    raw: bytes | None = field(default=None, repr=False)
    raw_model: str = ""
    conversation: str | None = None
    conversation_class: DataClass = DataClass.PUBLIC
    output_tokens: int = 256
    tier: Tier = Tier.BASIC
    tools: tuple[str, ...] = ()
    within_s: float | None = None
    consents: tuple[Consented, ...] = ()
    approved: bool = False
    laptop_approved: bool = False
    stream: bool = False

    @property
    def prefix(self) -> bytes:
        """What the engine's prefix cache would know it by."""
        return self.text[:1024].encode(errors="replace")

    @property
    def tokens(self) -> int:
        """How many tokens it may take, estimated from its length at four characters each."""
        return len(self.text) // 4 + self.output_tokens

    def body(self, model: str, *, stream: bool) -> bytes:
        """What an engine that serves `model` gets."""
        if self.raw is not None and model == self.raw_model and stream == self.stream:
            return self.raw
        return to_json({"model": model, **self.payload, "stream": stream})

    def classified(self, found: DataClass | None) -> "Task":
        """The same task, at least as sensitive as the classifier `found`; None counts as restricted."""
        declared = DataClass.RESTRICTED if self.data_class is None else self.data_class
        return replace(self, data_class=highest(declared, found or DataClass.RESTRICTED, self.conversation_class))


def question(
    asker: Asker,
    request: AssistRequest,
    consents: tuple[Consented, ...] = (),
    *,
    approved: bool = False,
    laptop_approved: bool = False,
) -> Task:
    """The task behind a device's question, or behind queued work."""
    payload: dict[str, Any] = {
        "messages": [{"role": "user", "content": request.prompt}],
        "max_tokens": request.output_tokens,
    }
    if request.stream:
        payload["stream_options"] = {"include_usage": True}
    return Task(
        id=request.task,
        asker=asker,
        purpose=request.purpose,
        text=request.prompt,
        payload=payload,
        data_class=request.data_class,
        boundaries=frozenset(request.boundaries) - {Route.DEVICE},
        conversation=request.conversation,
        output_tokens=request.output_tokens,
        tier=request.tier,
        tools=request.tools,
        within_s=request.within_s,
        consents=consents,
        approved=approved,
        laptop_approved=laptop_approved,
        stream=request.stream,
    )


def completion(asker: Asker, task: str, raw: bytes, body: Any, floor: DataClass) -> Task:
    """The task behind a program's request for a chat completion, whose words are at least of the class `floor`.

    Raises:
        Refused: `malformed`, `prompt_too_large`.
    """
    _check_body(body)
    text, all_text = _words(body)
    if len(text) > PROMPT_CHARS_MAX:
        raise Refused(Code.PROMPT_TOO_LARGE, f"{len(text)} characters; at most {PROMPT_CHARS_MAX} are taken")
    payload = {name: value for name, value in body.items() if name not in _KEPT_BACK and name != "model"}
    return Task(
        id=task,
        asker=asker,
        purpose="complete",
        text=text,
        payload=payload,
        data_class=floor if all_text else None,
        boundaries=frozenset({Route.PRIVATE_CLUSTER, Route.MANAGED_CLOUD}),
        raw=None if body.keys() & _KEPT_BACK else raw,
        raw_model=body["model"],
        output_tokens=body.get("max_tokens") or body.get("max_completion_tokens") or 256,
        stream=bool(body.get("stream")),
    )


def _check_body(body: Any) -> None:
    if not isinstance(body, dict) or not isinstance(body.get("model"), str):
        raise Refused(Code.MALFORMED, "the body is an object with a model, as a text")
    if not isinstance(body.get("messages"), list) or not body["messages"]:
        raise Refused(Code.MALFORMED, "messages: a list of at least one")
    if unknown := body.keys() - TAKEN:
        raise Refused(Code.MALFORMED, f"{min(unknown)[:40]!r} is not taken here")
    if not isinstance(body.get("stream", False), bool | None):
        raise Refused(Code.MALFORMED, "stream: true or false")
    for name, most in (("max_tokens", _TOKENS_MAX), ("max_completion_tokens", _TOKENS_MAX), ("n", _CHOICES_MAX)):
        told = body.get(name)
        if told is not None and (type(told) is not int or not 1 <= told <= most):
            raise Refused(Code.MALFORMED, f"{name}: a whole number from 1 to {most}")


def _words(body: Mapping[str, Any]) -> tuple[str, bool]:
    """Every word of a request, and whether there is nothing else in it: no picture, sound or file."""
    found: list[str] = []
    all_text = True
    for message in body["messages"]:
        if not isinstance(message, dict):
            raise Refused(Code.MALFORMED, "messages: objects with role and content")
        content = message.get("content")
        if type(content) is str and len(message) == 2:
            found.append(content)
            continue
        all_text &= not isinstance(content, list) or all(_is_text(part) for part in content)
        found.extend(_strings(message))
    for name in _WORDS_ELSEWHERE:
        if name in body:
            found.extend(_strings(body[name]))
    return "\n".join(found), all_text


def _is_text(part: Any) -> bool:
    return isinstance(part, dict) and part.keys() == {"type", "text"} and part["type"] == "text"


def _strings(value: Any) -> list[str]:
    """Every text in a JSON value, keys included: they may carry words, too."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for key, each in value.items() for text in (key, *_strings(each))]
    if isinstance(value, list):
        return [text for each in value for text in _strings(each)]
    return []
