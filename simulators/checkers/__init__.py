"""Judges of a simulated world, one module a promise of `docs/invariants.md`; none of them asks the code it judges."""

from simulators.checkers import (
    acknowledged_is_kept,
    approved_is_what_happens,
    atomic_stays_whole,
    audit_verifies,
    both_sides_agree,
    dependents_wait,
    everything_ends,
    forgotten_is_not_repeated,
    forks_are_seen,
    full_disk_loses_nothing,
    no_silent_overwrite,
    nothing_crosses_unpermitted,
    nothing_expires_quietly,
    one_effect,
    one_external_effect,
    one_outcome,
    only_listed_steps,
    only_the_enrolled,
    poison_stops_itself,
    receipts_are_proof,
    restored_is_known,
    same_id_same_bytes,
    saved_is_saved,
    stock_above_zero,
    the_herd_drains,
    unapproved_never_runs,
    unknown_is_named,
    withdrawn_is_withdrawn,
)
from simulators.checkers.base import Checker, Evidence, Finding

__all__ = ["CHECKERS", "Checker", "Evidence", "Finding", "judged"]

#: Every judge: what must never happen, then what must happen once faults heal.
CHECKERS: tuple[Checker, ...] = (
    one_effect.CHECKER,
    one_external_effect.CHECKER,
    saved_is_saved.CHECKER,
    acknowledged_is_kept.CHECKER,
    one_outcome.CHECKER,
    only_the_enrolled.CHECKER,
    same_id_same_bytes.CHECKER,
    dependents_wait.CHECKER,
    no_silent_overwrite.CHECKER,
    only_listed_steps.CHECKER,
    atomic_stays_whole.CHECKER,
    audit_verifies.CHECKER,
    forks_are_seen.CHECKER,
    unknown_is_named.CHECKER,
    stock_above_zero.CHECKER,
    receipts_are_proof.CHECKER,
    restored_is_known.CHECKER,
    forgotten_is_not_repeated.CHECKER,
    everything_ends.CHECKER,
    both_sides_agree.CHECKER,
    poison_stops_itself.CHECKER,
    the_herd_drains.CHECKER,
    full_disk_loses_nothing.CHECKER,
    withdrawn_is_withdrawn.CHECKER,
    nothing_expires_quietly.CHECKER,
    approved_is_what_happens.CHECKER,
    unapproved_never_runs.CHECKER,
    nothing_crosses_unpermitted.CHECKER,
)


def judged(evidence: Evidence) -> dict[str, list[Finding]]:
    """The findings of every judge, by promise; an empty list where it holds."""
    return {checker.promise: checker.findings(evidence) for checker in CHECKERS}
