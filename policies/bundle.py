"""The set of policies in force: parsed once, used for every decision.

A bundle that does not parse, or whose policies do not fit their schema, is refused whole: half a rule book is none.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import cedarpy


class BadBundle(Exception):
    """The bundle cannot be used; the message says which part and why."""


@dataclass(frozen=True)
class Policy:
    """What a person may know of one Cedar policy: its `@id` and its `@reason`."""

    id: str
    reason: str


@dataclass(frozen=True)
class Bundle:
    """Parsed policies with their schema. `policies` maps the engine's own names (``policy0``) to ids and reasons."""

    version: str
    policy_set: cedarpy.PolicySet
    schema: cedarpy.Schema
    policies: Mapping[str, Policy]


def parse_bundle(version: str, policies: str, schema: str) -> Bundle:
    """The bundle made of Cedar `policies` and a Cedar `schema`, both as text.

    Raises:
        BadBundle: a syntax error, a policy without `@id` or `@reason`, or one that does not fit the schema.
    """
    try:
        checked = cedarpy.validate_policies(policies, schema)
        parsed = json.loads(cedarpy.policies_to_json_str(policies))["staticPolicies"]
        bundle = Bundle(
            version, cedarpy.PolicySet.from_str(policies), cedarpy.Schema.from_str(schema), _names(parsed)
        )
    except (ValueError, TypeError) as error:
        raise BadBundle(f"bundle {version} does not parse: {error}") from error
    if not checked.validation_passed:
        raise BadBundle(f"bundle {version} does not fit its schema: {checked.errors[0].error}")
    return bundle


def _names(parsed: Mapping[str, Mapping[str, Mapping[str, str]]]) -> dict[str, Policy]:
    names: dict[str, Policy] = {}
    for engine_name, policy in parsed.items():
        annotations = policy.get("annotations", {})
        if not annotations.get("id") or not annotations.get("reason"):
            raise ValueError(f"{engine_name} needs an @id and a @reason")
        names[engine_name] = Policy(annotations["id"], annotations["reason"])
    return names
