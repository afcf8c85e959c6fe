"""Who may do what at the console, role by role."""

from importlib import resources

import pytest

from policies.acts import POLICIES, SCHEMA, Act, Acts
from shared.commands.base import Role

RULES = resources.files("policies.acts")
TEXT, SHAPE = ((RULES / name).read_text() for name in (POLICIES, SCHEMA))
ACTS = Acts(TEXT, SHAPE)
OFFICE = {Role.DISPATCHER, Role.RESOLVER, Role.APPROVER, Role.ADMIN, Role.AUDITOR}
TABLE = {
    Act.LOOK: OFFICE,
    Act.RESOLVE: {Role.DISPATCHER, Role.RESOLVER, Role.ADMIN},
    Act.REVIEW: {Role.RESOLVER, Role.ADMIN},
    Act.APPROVE: {Role.APPROVER},
    Act.DISPATCH: {Role.DISPATCHER, Role.ADMIN},
    Act.ADMINISTER: {Role.ADMIN},
    Act.AUDIT: {Role.AUDITOR, Role.ADMIN},
}


@pytest.mark.parametrize("act", Act)
@pytest.mark.parametrize("role", Role)
def test_an_act_is_permitted_to_whom_the_table_says(act: Act, role: Role) -> None:
    assert ACTS.may("somebody", {role}, act) is (role in TABLE[act])


def test_nobody_may_anything_without_a_role() -> None:
    assert not any(ACTS.may("somebody", (), act) for act in Act)


def test_roles_add_up() -> None:
    assert ACTS.may("somebody", {Role.TECHNICIAN, Role.AUDITOR}, Act.AUDIT)


def test_a_policy_that_cannot_be_evaluated_permits_nothing() -> None:
    errs = "9223372036854775807 + 1 > 0"
    broken = f"permit (principal, action, resource); forbid (principal, action, resource) when {{ {errs} }};"
    assert not Acts(broken, SHAPE).may("somebody", {Role.ADMIN}, Act.LOOK)


def test_policies_that_do_not_fit_their_schema_are_refused() -> None:
    with pytest.raises(ValueError, match="Nonsense"):
        Acts('permit (principal, action == Office::Action::"look", resource is Office::Nonsense);', SHAPE)
