"""What the gateway's paths look like from outside, in the application's OpenAPI document.

The gateway stands in front of the framework (`sync_server.cluster.api`), so that the framework knows nothing of it.
What is said here is made of the contracts themselves, of the table of problems, and of the list of members that a
program may send; a test compares it with what the gateway really answers.

Source: OpenAPI Specification 3.1; RFC 9457.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from shared.assist import Answer, AssistRequest
from shared.contract import Contract
from shared.envelope import WireEnvelope
from shared.problems import MEDIA_TYPE, TABLE, Code, Problem
from shared.routing import Capabilities
from sync_server.cluster.task import TAKEN

Json = dict[str, Any]
_CONTRACTS: tuple[tuple[type[Contract], Literal["validation", "serialization"]], ...] = (
    (AssistRequest, "validation"),
    (Answer, "serialization"),
    (WireEnvelope, "serialization"),
    (Capabilities, "serialization"),
    (Problem, "serialization"),
)

_DEVICE = (
    Code.NOT_AUTHENTIC,
    Code.CLOCK_SKEW,
    Code.DEVICE_REVOKED,
    Code.DEVICE_FORKED,
    Code.DEVICE_WAITING,
    Code.KEY_EXPIRED,
    Code.BUSY,
    Code.INTERNAL,
)
_PROGRAM = (Code.NOT_AUTHENTIC, Code.BUSY, Code.INTERNAL)
_TASK = (
    Code.MALFORMED,
    Code.PROMPT_TOO_LARGE,
    Code.ROUTE_REFUSED,
    Code.CONSENT_NEEDED,
    Code.APPROVAL_NEEDED,
    Code.QUOTA_SPENT,
    Code.OVERLOADED,
    Code.NO_CAPACITY,
    Code.DEADLINE_PASSED,
    Code.UPSTREAM_FAILED,
    Code.UPSTREAM_SILENT,
    Code.STORE_FULL,
)
#: The codes that each path may answer with.
CODES: Mapping[tuple[str, str], tuple[Code, ...]] = {
    ("POST", "/v1/assist"): (*_DEVICE, *_TASK, Code.CONSENT_INVALID, Code.ID_REUSED, Code.TASK_RUNNING),
    ("GET", "/v1/capabilities"): (*_DEVICE, Code.PROMPT_TOO_LARGE),
    ("POST", "/v1/chat/completions"): (*_PROGRAM, *_TASK, Code.NOT_FOUND),
    ("GET", "/v1/models"): _PROGRAM,
}
_WAITS = frozenset({Code.QUOTA_SPENT, Code.OVERLOADED, Code.NO_CAPACITY, Code.BUSY, Code.DEADLINE_PASSED})
_HEADERS = ("tailboard-task", "tailboard-route", "tailboard-decision")


def describe(app: FastAPI) -> None:
    """Add the gateway's paths to what `app` tells of itself."""
    plain = app.openapi

    def openapi() -> Json:
        document = plain()
        document["paths"] |= _paths()
        components = document.setdefault("components", {})
        components["schemas"] = components.get("schemas", {}) | _schemas()
        components["securitySchemes"] = _KEYS
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # as the framework's documentation has it


def _paths() -> Json:
    program: list[Json] = [{"program_key": []}]
    device: list[Json] = [{"device_signature": []}]
    return {
        "/v1/assist": {
            "post": {
                "summary": "A question from a device: one answer, or its pieces as they come.",
                "security": device,
                "requestBody": _body(_ref("AssistRequest")),
                "responses": {"200": _answered(_ref("Answer"), _EVENTS)} | _problems("POST", "/v1/assist", "Problem"),
            }
        },
        "/v1/capabilities": {
            "get": {
                "summary": "What the places can do now: a `Capabilities` under the organisation's receipt key.",
                "security": device,
                "responses": {"200": _answered(_ref("WireEnvelope"))}
                | _problems("GET", "/v1/capabilities", "Problem"),
            }
        },
        "/v1/chat/completions": {
            "post": {
                "summary": "A chat completion for a program of the organisation, under the same policy and quotas.",
                "security": program,
                "requestBody": _body(_ref("ChatCompletionRequest")),
                "responses": {"200": _answered(_ref("EngineAnswer"), _CHUNKS, _HEADERS)}
                | _problems("POST", "/v1/chat/completions", "ProgramProblem"),
            }
        },
        "/v1/models": {
            "get": {
                "summary": "The models that a program may name; `auto` leaves the choice to the gateway.",
                "security": program,
                "responses": {"200": _answered(_ref("Models"))} | _problems("GET", "/v1/models", "ProgramProblem"),
            }
        },
    }


def _body(schema: Json) -> Json:
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _answered(schema: Json, events: str | None = None, headers: Iterable[str] = ()) -> Json:
    content: Json = {"application/json": {"schema": schema}}
    if events:
        content["text/event-stream"] = {"schema": {"type": "string", "description": events}}
    named = {name: {"schema": {"type": "string"}} for name in headers}
    return {"description": "Answered.", "content": content} | ({"headers": named} if named else {})


def _problems(method: str, path: str, schema: str) -> Json:
    """A response for each status, with the codes that come under it."""
    by_status: dict[int, list[Code]] = {}
    for code in CODES[method, path]:
        by_status.setdefault(TABLE[code].status, []).append(code)
    return {str(status): _problem(codes, schema) for status, codes in sorted(by_status.items())}


def _problem(codes: list[Code], schema: str) -> Json:
    said: Json = {
        "description": "; ".join(f"`{code}`: {TABLE[code].title}" for code in codes),
        "content": {MEDIA_TYPE: {"schema": _ref(schema)}},
    }
    if _WAITS & set(codes):
        said["headers"] = {"retry-after": {"schema": {"type": "integer", "minimum": 1}, "description": "seconds"}}
    return said


def _schemas() -> Json:
    _, defined = models_json_schema(_CONTRACTS, ref_template="#/components/schemas/{model}")
    return {**defined["$defs"], **_PLAIN}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


_EVENTS = "Server-sent events: any number of `delta` with {text}; then `done` with an `Answer`, or `problem`."
_CHUNKS = "The engine's own server-sent events, unchanged; last `[DONE]`, or one event with a problem."
_KEYS: Json = {
    "device_signature": {
        "type": "apiKey",
        "in": "header",
        "name": "signature",
        "description": "HTTP message signature (RFC 9421) by the device's key over method, path and content digest.",
    },
    "program_key": {"type": "http", "scheme": "bearer", "description": "tailboard-server client add"},
}
_TYPES: Json = {
    "model": {"type": "string"},
    "messages": {
        "type": "array",
        "minItems": 1,
        "items": {"type": "object", "properties": {"role": {"type": "string"}, "content": {}}},
    },
    "stream": {"type": ["boolean", "null"]},
    "max_tokens": {"type": "integer", "minimum": 1, "maximum": 8192},
    "max_completion_tokens": {"type": "integer", "minimum": 1, "maximum": 8192},
    "n": {"type": "integer", "minimum": 1, "maximum": 8},
}
#: What no contract of ours describes: it is OpenAI's.
_PLAIN: Json = {
    "ChatCompletionRequest": {
        "type": "object",
        "required": ["messages", "model"],
        "properties": {name: _TYPES.get(name, {}) for name in sorted(TAKEN)},
        "additionalProperties": False,
    },
    "EngineAnswer": {
        "type": "object",
        "description": "The engine's own chat completion, unchanged.",
        "additionalProperties": True,
    },
    "Models": {
        "type": "object",
        "required": ["data", "object"],
        "properties": {
            "object": {"const": "list"},
            "data": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["id", "object", "created", "owned_by"],
                    "properties": {
                        "id": {"type": "string"},
                        "object": {"const": "model"},
                        "created": {"type": "integer"},
                        "owned_by": {"type": "string"},
                    },
                },
            },
        },
    },
    "ProgramProblem": {
        "description": "A problem with the members that OpenAI's clients read.",
        "allOf": [_ref("Problem")],
        "type": "object",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["message", "type", "param", "code"],
                "properties": {
                    "message": {"type": "string"},
                    "type": {"const": "tailboard_problem"},
                    "param": {"type": "null"},
                    "code": {"type": "string"},
                },
            }
        },
    },
}
