"""What may go wrong in a world, as one frozen value, and how often each of it did.

Rules
1. A fault is a field of `FaultProfile`, documented there; 0 switches it off, and moves no other fault's dice.
2. Whoever commits a fault counts it under the field's name. A campaign in which an armed fault was never committed
   has not tested it: `Hits.missed` names it.
3. Every fault has dice of its own at every place, and they are thrown once for a whole run of occasions: what is
   rare costs a subtraction.
4. Probabilities are per occasion, which the field's comment names. Lengths are seconds of virtual time.
5. A hit is (fault, place, number of the occasion there), and how long or how much it is depends on that and the seed
   alone. So a world can be run again with some of its hits left out, and the others stay what they were.

Source: docs/adr/0022-a-schedule-is-a-set-of-hits.md (rule 5).
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import NamedTuple

from simulators.streams import Stream, Streams


@dataclass(frozen=True, slots=True)
class FaultProfile:
    """How likely each fault is. All zero: a world in which nothing goes wrong."""

    # -- the link, per request
    lose_request: float = 0.0  # never reaches the server; the caller waits in vain
    lose_reply: float = 0.0  # lost after the server has committed; the caller waits in vain
    duplicate: float = 0.0  # something on the way sends it twice; the second answer goes nowhere
    reorder: float = 0.0  # arrives after the caller gave up, and after what was sent later
    delay: float = 0.0  # up to `delay_s_max` more on the way, there or back
    slow_drip: float = 0.0  # the answer comes a few bytes at a time
    truncate: float = 0.0  # the answer ends too early, with or without an error
    reset: float = 0.0  # the connection breaks while the request or the answer is on its way
    half_open: float = 0.0  # the server gets half the request, waits for the rest, and hears nothing ever again
    captive_portal: float = 0.0  # a login page with status 200, from something that is not the server
    proxy_429: float = 0.0  # a proxy finds the caller too eager; nothing reached the server
    proxy_503: float = 0.0  # a proxy gives up, before or after the server did the work
    # -- the link, spells that begin at a request and last up to `spell_s_max`
    one_way_up: float = 0.0  # requests arrive, answers do not
    one_way_down: float = 0.0  # requests do not arrive
    partition: float = 0.0  # every connection is refused
    flap: float = 0.0  # up and down every few seconds
    # -- hosts
    crash_at_step: float = 0.0  # at an await, per step of one of the host's tasks: what is in memory is gone
    crash_before_commit: float = 0.0  # per commit of a database transaction
    crash_after_commit: float = 0.0  # per commit, before anybody hears of it
    crash_in_write: float = 0.0  # per write to a database file
    pause: float = 0.0  # per step: the process stands still for up to `pause_s_max`, and goes on as if nothing was
    cancel: float = 0.0  # per step: the step's task is cancelled
    power_cut: float = 0.0  # how many of the crashes lose what was not synced
    torn_page: float = 0.0  # how many of the lost files keep part of a write
    # -- disks
    disk_full: float = 0.0  # per write that needs room, for up to `disk_full_s_max`
    fsync_error: float = 0.0  # per sync
    locked_database: float = 0.0  # per transaction: another program holds the file
    # -- clocks, per minute
    clock_jump: float = 0.0  # forward, up to `clock_jump_s_max`
    clock_back: float = 0.0  # backward, up to `clock_jump_s_max`
    suspend: float = 0.0  # the laptop is closed for up to `suspend_s_max`
    clock_drift: float = 0.0  # per host, once: runs fast or slow by up to `drift_ppm_max`
    # -- the system of record, per order that reaches it
    system_silent: float = 0.0  # does it, and never says so
    system_busy: float = 0.0  # does not do it, and answers 503
    system_again: float = (
        0.0  # meets a key that it knows by another answer, or by a second order, as it is configured
    )
    system_stale: float = 0.0  # keeps what it did from lookups for a while, where it may
    # -- the cluster, per question that reaches it
    engine_busy: float = 0.0  # has no room, and does not take it
    engine_breaks: float = 0.0  # begins, and the connection ends before the answer
    engine_wrong: float = 0.0  # answers for another task
    engine_silent: float = 0.0  # takes it, and is never heard of again
    engine_late: float = (
        0.0  # does not hear that nobody listens any more, and answers after up to `engine_late_s_max`
    )
    # -- the engines behind the gateway, per question that somebody waits for
    upstream_down: float = 0.0  # answers 503
    upstream_closes: float = 0.0  # hangs up after the first word
    upstream_hangs: float = 0.0  # takes it, and never says a word
    upstream_redirects: float = 0.0  # says that another host would do it
    # -- people who ask, per question with a consent for its job
    consent_taken_back: float = 0.0  # they take it back while the question is on its way
    # -- people at the office, per act
    double_approval: float = 0.0  # a second approver answers the same question, having seen the same
    revoked_in_approval: float = 0.0  # while somebody approves, somebody else revokes the laptop that asks
    # -- whole machines, per minute
    revoked: float = 0.0  # an administrator shuts a laptop out, which may be away; others let it in again
    restored_image: float = 0.0  # a laptop's disk is set back to an image of up to half an hour ago
    cloned: float = 0.0  # a copy of a laptop's disk begins to work in another machine
    restored_server: float = 0.0  # the server's database is restored from a backup, by the book
    wrong_restore: float = 0.0  # older files are put in the place of the server's, and nobody says so
    purge: float = 0.0  # the server forgets what was settled long ago
    # -- releases, once per host
    old_server: float = 0.0  # it does not know some kinds of commands until it is upgraded
    old_laptop: float = 0.0  # it writes an older schema version until it is upgraded
    # -- how long and how much
    latency_s_min: float = 0.02
    latency_s_max: float = 0.2
    delay_s_max: float = 15.0
    spell_s_max: float = 600.0
    pause_s_max: float = 90.0
    down_s_max: float = 120.0
    disk_full_s_max: float = 300.0
    clock_jump_s_max: float = 4 * 3600.0
    suspend_s_max: float = 1200.0
    drift_ppm_max: float = 200.0
    engine_late_s_max: float = 900.0

    def __post_init__(self) -> None:
        for name in FAULTS:
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} is a probability, from 0 to 1")

    def armed(self) -> tuple[str, ...]:
        """The faults that can happen, by name."""
        return tuple(name for name in FAULTS if getattr(self, name) > 0)

    def healed(self) -> "FaultProfile":
        """The same world with every fault switched off."""
        return replace(self, **dict.fromkeys(FAULTS, 0.0))


#: The names of the faults, in the order of the fields; the rest says how long and how much.
FAULTS: tuple[str, ...] = tuple(
    field.name for field in fields(FaultProfile) if not field.name.endswith(("_s_min", "_s_max", "_ppm_max"))
)


class Hits(Counter[str]):
    """How often each fault was committed."""

    def missed(self, profile: FaultProfile) -> tuple[str, ...]:
        """What was armed and never happened."""
        return tuple(name for name in profile.armed() if not self[name])


CALM = FaultProfile()
LOSSY = FaultProfile(
    lose_request=0.05,
    lose_reply=0.08,
    duplicate=0.05,
    reorder=0.03,
    delay=0.1,
    slow_drip=0.03,
    truncate=0.03,
    reset=0.03,
    captive_portal=0.03,
    proxy_429=0.02,
    proxy_503=0.03,
    half_open=0.01,
    one_way_up=0.01,
    one_way_down=0.01,
    partition=0.02,
    flap=0.02,
)
ROUGH = replace(
    LOSSY,
    crash_at_step=0.001,
    crash_before_commit=0.004,
    crash_after_commit=0.004,
    crash_in_write=0.0005,
    pause=0.0005,
    cancel=0.002,
    power_cut=0.5,
    torn_page=0.3,
    disk_full=0.002,
    fsync_error=0.002,
    locked_database=0.002,
    clock_jump=0.01,
    clock_back=0.01,
    suspend=0.01,
    clock_drift=0.3,
    system_silent=0.1,
    system_busy=0.1,
    system_again=0.3,
    system_stale=0.2,
    engine_busy=0.1,
    engine_breaks=0.1,
    engine_wrong=0.05,
    engine_silent=0.05,
    engine_late=0.1,
    upstream_down=0.2,
    upstream_closes=0.2,
    upstream_hangs=0.1,
    upstream_redirects=0.1,
    consent_taken_back=0.3,
    double_approval=0.3,
    revoked_in_approval=0.05,
    revoked=0.0005,
    restored_image=0.0005,
    cloned=0.0003,
    restored_server=0.0005,
    wrong_restore=0.0003,
    purge=0.01,
    old_server=0.15,
    old_laptop=0.15,
)
PROFILES: Mapping[str, FaultProfile] = {"calm": CALM, "lossy": LOSSY, "rough": ROUGH}


_NEVER = 1 << 62


class Hit(NamedTuple):
    """One committed fault: which, at which place, and on which of its occasions there, counted from 1."""

    fault: str
    place: str
    occasion: int

    def __str__(self) -> str:
        return f"{self.fault} {self.place} {self.occasion}"


class Chaos:
    """Commits faults: asks the dice, or keeps to a script; counts what was done and writes it down."""

    def __init__(
        self,
        profile: FaultProfile,
        streams: Streams,
        *,
        script: frozenset[Hit] | None = None,
        committed: list[Hit] | None = None,
    ) -> None:
        """Faults of `profile`, by dice of `streams`.

        Args:
            profile: what may happen, and how long or how much of it.
            streams: the dice.
            script: if given, exactly these hits happen wherever their occasion arises, and no other.
            committed: where hits are written down, for whoever wants them from a world that falls apart.
        """
        self.profile, self.hits = profile, Hits()
        self.committed: list[Hit] = [] if committed is None else committed
        #: Told of every hit.
        self.listeners: list[Callable[[Hit], None]] = []
        self._streams = streams
        self._scripted = None if script is None else _by_place(script)
        self._left: dict[tuple[str, str], int] = {}
        self._next: dict[tuple[str, str], int] = {}
        self._latest: dict[tuple[str, str], Hit] = {}

    def strikes(self, fault: str, place: str) -> bool:
        """Whether the fault happens on this occasion at this place; if so it is counted."""
        probability: float = getattr(self.profile, fault)
        if probability <= 0.0:
            return False
        key = fault, place
        left = self._left.get(key)
        if left is None:
            left = self._wait(key, probability)
        if left > 0:
            self._left[key] = left - 1
            return False
        self._commit(Hit(fault, place, self._next[key]))
        self._left[key] = self._wait(key, probability)
        return True

    def _commit(self, hit: Hit) -> None:
        self.hits[hit.fault] += 1
        self._latest[hit.fault, hit.place] = hit
        self.committed.append(hit)
        for listener in self.listeners:
            listener(hit)

    def _wait(self, key: tuple[str, str], probability: float) -> int:
        """How many occasions pass before the next hit there."""
        before = self._next.get(key, 0)
        passing = self._gap(*key, probability) if self._scripted is None else self._scripted_gap(key, before)
        self._next[key] = before + passing + 1
        return passing

    def _gap(self, fault: str, place: str, probability: float) -> int:
        """By the dice: geometrically distributed."""
        if probability >= 1.0:
            return 0
        return int(math.log(1.0 - self.dice(f"{fault}@{place}").unit()) / math.log(1.0 - probability))

    def _scripted_gap(self, key: tuple[str, str], before: int) -> int:
        assert self._scripted is not None, "only where there is one"
        return next((at - before - 1 for at in self._scripted.get(key, ()) if at > before), _NEVER)

    def dice(self, domain: str) -> Stream:
        """The stream of a domain that goes on from occasion to occasion."""
        return self._streams.of(domain)

    def about(self, fault: str, place: str) -> Stream:
        """The dice for how long and how much, of the latest hit of a fault at a place.

        They are that hit's own: what else happened or did not moves them nowhere.
        """
        return self._streams.apart(f"{self._latest[fault, place]}")

    def latest(self) -> str:
        """A place for what follows from the latest hit of all, and goes with it when that is left out."""
        hit = self.committed[-1] if self.committed else None
        return f"{hit.place}/{hit.fault}/{hit.occasion}" if hit else ""

    def apart(self, domain: str) -> Stream:
        """A stream from its beginning, for what is thrown once."""
        return self._streams.apart(domain)

    def heal(self) -> None:
        """From now on nothing goes wrong any more."""
        self.profile = self.profile.healed()


def _by_place(script: Iterable[Hit]) -> dict[tuple[str, str], tuple[int, ...]]:
    found: dict[tuple[str, str], list[int]] = {}
    for hit in sorted(script):
        found.setdefault((hit.fault, hit.place), []).append(hit.occasion)
    return {key: tuple(occasions) for key, occasions in found.items()}
