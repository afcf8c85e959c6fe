"""Who may do what at the office's console. Cedar answers; this package asks safely.

Rules
1. Deny by default, and any evaluation error is a deny, as in `policies.boundary`.
2. An act is an action of the schema beside this; one that the schema does not have is refused.
3. Who asks is described by their roles alone, as they stand now.

These are the rules of the product, not of an organisation: an organisation says who has which role.

Source: Cedar policy language, authorization semantics.
"""

import json
from collections.abc import Collection
from enum import StrEnum

import cedarpy

POLICIES, SCHEMA = "acts.cedar", "acts.cedarschema"


class Act(StrEnum):
    """What somebody wants to do."""

    LOOK = "look"
    RESOLVE = "resolve"
    REVIEW = "review"
    APPROVE = "approve"
    DISPATCH = "dispatch"
    ADMINISTER = "administer"
    AUDIT = "audit"


class Acts:
    """The rules, parsed once. Raises `ValueError` if they do not fit their schema."""

    def __init__(self, policies: str, schema: str) -> None:
        checked = cedarpy.validate_policies(policies, schema)
        if not checked.validation_passed:
            raise ValueError("; ".join(str(error) for error in checked.errors))
        self._policies, self._schema = cedarpy.PolicySet.from_str(policies), cedarpy.Schema.from_str(schema)

    def may(self, person: str, roles: Collection[str], act: Act) -> bool:
        """Whether somebody with `roles` may do `act`."""
        principal = {"type": "Office::Person", "id": person}
        entity = {"uid": principal, "attrs": {"roles": sorted(roles)}, "parents": []}
        asked = {
            "principal": principal,
            "action": {"type": "Office::Action", "id": str(act)},
            "resource": {"type": "Office::Organisation", "id": "this"},
            "context": "{}",
        }
        entities = cedarpy.Entities.from_json_str(json.dumps([entity]))
        result = cedarpy.is_authorized(asked, self._policies, entities, self._schema)
        return bool(result.allowed) and not result.diagnostics.errors
