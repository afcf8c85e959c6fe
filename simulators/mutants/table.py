"""Every planted bug: what it is called, who has to find it, and in which worlds."""

from collections.abc import Callable
from dataclasses import replace

from simulators.faults import CALM, LOSSY, FaultProfile
from simulators.mutants import laptop, people, routes, rules, server, tasks
from simulators.mutants.base import CURIOUS, Mutant, Trial
from simulators.world.options import Habits

SEEDS = 20
#: Laptops and servers that often die, without and with power; disks that are often full.
_CRASHES = replace(LOSSY, crash_at_step=0.004, crash_before_commit=0.02, crash_after_commit=0.02)
_POWER_CUTS = replace(CALM, crash_at_step=0.004, crash_after_commit=0.01, power_cut=1.0)
_FULL_DISKS = replace(CALM, disk_full=0.02, disk_full_s_max=120.0)


#: Three people who hear nothing of each other for half an hour, and ask nothing: their changes meet when all is said.
_APART = Habits(asks=0.0, wonders=0.0, absent_s=dict.fromkeys(("TB-01", "TB-02", "TB-03"), 1800.0))

#: Two people who say everything over four months, out of coverage. What one of them says first is too old in the end.
_TOO_LONG_AWAY = Habits(
    absent_s=dict.fromkeys(("TB-01", "TB-02"), 10_400_000.0),
    rounds_s=(3_600.0, 86_400.0),
    look_every_s=864_000.0,
    seldom_s=21_600.0,
)

#: The office looks every few days, and a question is good for three. People go on saying things for as long.
_SLOW_OFFICE = Habits(
    away_s_max=200_000.0,
    asks=0.6,
    wonders=0.0,
    rounds_s=(200_000.0, 500_000.0),
    look_every_s=86_400.0,
    seldom_s=21_600.0,
)


def _trial(faults: FaultProfile = CALM, *, devices: int = 2, commands: int = 12, habits: Habits = CURIOUS) -> Trial:
    return Trial(1, SEEDS, "calm", devices, commands, faults, habits)


_CALM, _LOSSY, _CRASHY = _trial(), _trial(LOSSY), _trial(_CRASHES)
_POWER, _FULL = _trial(_POWER_CUTS), _trial(_FULL_DISKS)
_BUSY = _trial(devices=3, commands=40)
_MEETING = _trial(devices=3, commands=40, habits=_APART)
_SUPPLIED = _trial(replace(CALM, system_silent=0.5), commands=20)
_ASKING = _trial(replace(CALM, engine_late=0.6), commands=24)
_LONG_AWAY = _trial(habits=_TOO_LONG_AWAY)
_SLOW = _trial(devices=1, habits=_SLOW_OFFICE)
_WONDERING = _trial(devices=3, commands=24)
_SET_BACK = _trial(replace(CALM, wrong_restore=0.1))
_REVOKED = _trial(replace(CALM, revoked=0.05))
_PURGED = _trial(replace(CALM, purge=0.5, revoked=0.02))


def _mutant(name: str, checker: str, trial: Trial, *plant: Callable[[], None]) -> Mutant:
    return Mutant(name, checker, plant, trial)


MUTANTS: tuple[Mutant, ...] = (
    _mutant("dedupe off", "one-effect", _LOSSY, server.dedupe_off, laptop.doubt_is_not_asked_about),
    _mutant("replay without lookup", "one-effect", _CRASHY, server.dedupe_in_memory, laptop.doubt_is_not_asked_about),
    _mutant("half a unit committed", "one-effect", _CRASHY, server.half_units),
    _mutant("last entry overwritten", "one-effect", _CALM, rules.last_entry_overwritten),
    _mutant("status stays", "one-effect", _CALM, rules.status_stays),
    _mutant("decision changes nothing", "one-effect", _MEETING, rules.decisions_change_nothing),
    _mutant("expiry discards", "saved-is-saved", _CALM, laptop.waiting_is_discarded),
    _mutant("saved before the commit", "saved-is-saved", _FULL, laptop.saved_before_the_commit),
    _mutant("laptop: synchronous=NORMAL", "saved-is-saved", _POWER, laptop.disk_not_waited_for),
    _mutant(
        "turned away is deleted",
        "saved-is-saved",
        _CALM,
        laptop.turned_away_is_deleted,
        server.turns_away_at_first,
    ),
    _mutant("server: synchronous=NORMAL", "acknowledged-is-kept", _POWER, server.disk_not_waited_for),
    _mutant("answer before the commit", "acknowledged-is-kept", _CRASHY, server.answers_before_commit),
    _mutant("asked is decided again", "one-outcome", _LOSSY, server.asked_is_decided_again),
    _mutant("signature unchecked", "only-the-enrolled", _CALM, server.signature_unchecked, laptop.forged_signatures),
    _mutant("names unchecked", "only-the-enrolled", _CALM, server.names_unchecked, laptop.others_names),
    _mutant("shut out and taken", "only-the-enrolled", _REVOKED, server.shut_out_and_taken),
    _mutant("same id, other bytes", "same-id-same-bytes", _CALM, server.id_reuse_accepted, laptop.ids_repeat),
    _mutant(
        "released after a refusal",
        "dependents-wait",
        _CALM,
        rules.released_after_a_refusal,
        laptop.signs_nonsense,
        people.all_on_one_job,
    ),
    _mutant(
        "released too early",
        "dependents-wait",
        _CALM,
        rules.released_too_early,
        laptop.from_the_future,
        people.all_on_one_job,
    ),
    _mutant("base version ignored", "no-silent-overwrite", _MEETING, rules.base_ignored),
    _mutant("one version more was seen", "no-silent-overwrite", _MEETING, rules.seen_one_more),
    _mutant("conflict without theirs", "no-silent-overwrite", _MEETING, rules.winner_forgotten),
    _mutant("any step goes", "only-listed-steps", _MEETING, rules.any_step_goes),
    _mutant("atomic group torn", "atomic-stays-whole", _MEETING, rules.groups_torn),
    _mutant("refused edit skipped", "atomic-stays-whole", _MEETING, rules.refused_edits_skipped),
    _mutant("audit link dropped", "audit-verifies", _CALM, server.audit_drops_links),
    _mutant("audit link edited", "audit-verifies", _CALM, server.audit_is_edited),
    _mutant("audit written anew", "audit-verifies", _CALM, server.audit_is_written_anew),
    _mutant("fork accepted", "forks-are-seen", _CALM, server.fork_accepted, laptop.one_place_twice),
    _mutant("order of chain ignored", "forks-are-seen", _CALM, server.order_ignored, laptop.newest_first),
    _mutant(
        "unknown version applied",
        "unknown-is-named",
        _CALM,
        server.reads_what_it_does_not_know,
        laptop.from_the_future,
    ),
    _mutant(
        "refused without a word", "unknown-is-named", _CALM, server.refuses_without_a_word, laptop.signs_nonsense
    ),
    _mutant("stock floor ignored", "stock-above-zero", _MEETING, rules.stock_floor_ignored),
    _mutant(
        "receipt not bound to bytes",
        "receipts-are-proof",
        _CALM,
        server.receipts_for_anything,
        laptop.any_receipt_will_do,
    ),
    _mutant("sent counts as settled", "receipts-are-proof", _CALM, laptop.sent_is_settled),
    _mutant("lifetime ignored", "everything-ends", _CALM, rules.lives_are_short),
    _mutant("expiry never happens", "nothing-expires-quietly", _LONG_AWAY, rules.lives_never_end),
    _mutant("time judged only once", "nothing-expires-quietly", _SLOW, rules.time_is_judged_once),
    _mutant(
        "decisions release nobody",
        "everything-ends",
        _CALM,
        server.decided_conflicts_release_nobody,
        people.all_on_one_job,
    ),
    _mutant("order falls through", "everything-ends", _SUPPLIED, server.orders_fall_through),
    _mutant("cursor skips", "both-sides-agree", _CALM, server.cursor_skips),
    _mutant("change not written down", "both-sides-agree", _CALM, laptop.a_change_is_skipped),
    _mutant(
        "poison stops the batch", "poison-stops-itself", _CALM, server.poison_stops_the_batch, laptop.signs_nonsense
    ),
    _mutant("retry without back-off", "the-herd-drains", _LOSSY, laptop.never_waits_after_a_failure),
    _mutant("asks all the time", "the-herd-drains", _CALM, laptop.asks_all_the_time),
    _mutant("withdrawal ignored", "withdrawn-is-withdrawn", _BUSY, server.withdrawals_ignored),
    _mutant("order sent again unseen", "one-external-effect", _SUPPLIED, server.sends_again_unseen),
    _mutant("order for one more", "one-external-effect", _SUPPLIED, server.orders_one_more),
    _mutant("histories unread", "restored-is-known", _SET_BACK, server.histories_unread),
    _mutant("age alone decides", "forgotten-is-not-repeated", _PURGED, server.forgets_what_waits),
    _mutant("full disk drops the oldest", "full-disk-loses-nothing", _FULL, laptop.full_disk_drops_the_oldest),
    _mutant("closed without asking", "approved-is-what-happens", _BUSY, rules.nobody_is_asked),
    _mutant("a no is a yes", "approved-is-what-happens", _BUSY, rules.an_answer_is_a_yes),
    _mutant("queued task not decided again", "unapproved-never-runs", _ASKING, tasks.not_decided_again),
    _mutant("task's time ignored", "unapproved-never-runs", _ASKING, tasks.expiry_ignored),
    _mutant("task's fence ignored", "unapproved-never-runs", _ASKING, tasks.fence_ignored),
    _mutant("task's lease ignored", "unapproved-never-runs", _ASKING, tasks.lease_ignored),
    _mutant("approval not asked", "unapproved-never-runs", _ASKING, tasks.approval_not_asked),
    _mutant("consent ignored", "nothing-crosses-unpermitted", _WONDERING, routes.consent_ignored),
    _mutant("revocation ignored", "nothing-crosses-unpermitted", _WONDERING, routes.revocation_ignored),
    _mutant(
        "policy errors permit",
        "nothing-crosses-unpermitted",
        _WONDERING,
        routes.errors_permit,
        routes.a_fact_is_missing,
    ),
    _mutant("stale capability believed", "nothing-crosses-unpermitted", _WONDERING, routes.stale_is_believed),
    _mutant("hold outlives a denial", "nothing-crosses-unpermitted", _WONDERING, routes.holds_outlive_denials),
    _mutant("conversation's class forgotten", "nothing-crosses-unpermitted", _WONDERING, routes.conversations_forget),
    _mutant("declared class believed", "nothing-crosses-unpermitted", _WONDERING, routes.declared_is_believed),
    _mutant("refused by the disk and kept", "full-disk-loses-nothing", _FULL, laptop.refused_by_the_disk_and_kept),
)
BY_NAME = {mutant.name: mutant for mutant in MUTANTS}
