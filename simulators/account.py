"""What a campaign found, as one JSON object: written by `explore`, read by `report`, and added up from slices.

Rules
1. A file says by itself which program ran which worlds: commit, options, seeds.
2. Slices of one campaign add up only if commit and options are the same and no seed is in two of them.
3. The worst world is the first that broke a promise, or else the one that took longest to settle.
"""

import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field

from shared.contract import Contract
from simulators.checkers import CHECKERS, Finding
from simulators.explore import NO_ERRORS, ONE_WORLD, PROMISES, Campaign, Found, Verdict, commit
from simulators.faults import PROFILES
from simulators.script import Script
from simulators.world import Options

SCHEMA = "tailboard.explore.v1"
_WORDS = {
    NO_ERRORS: "No program raises what it may not, and every world comes to its end.",
    ONE_WORLD: "A seed that runs twice runs the same steps, sends the same bytes and ends the same way.",
}


class Mismatch(Exception):
    """Slices that are not of one campaign; the message is a sentence that says why."""


class Said(Contract):
    """One judge's finding: of what, and in its words."""

    what: str
    words: str


class Smallest(Contract):
    """A failing world made smaller; see `simulators.shrink`."""

    file: str
    replay: str
    script: Script
    hits_before: int
    tries: int
    seconds: float
    whole: bool


class Failure(Contract):
    """A world in which a promise was broken."""

    seed: int
    broken: dict[str, tuple[Said, ...]]
    replay: str
    shrunk: Smallest | None


class Promise(Contract):
    """One promise over all worlds: in words, and in how many it was broken."""

    promise: str
    words: str
    broken: int


class Settings(Contract):
    """What every world consisted of."""

    profile: str
    devices: int
    commands: int
    armed: dict[str, float]


class World(Contract):
    """One world in a line; `recovery_s` is None if it never settled."""

    seed: int
    commands: int
    faults: int
    crashes: int
    virtual_s: float
    recovery_s: float | None
    broken: int


class Operation(Contract):
    """One command of the worst world; see `simulators.timeline`."""

    id: str
    lane: str
    kind: str
    record: str
    steps: tuple[tuple[float, str], ...]
    outcome: str


class Worst(Contract):
    """The world that the report draws. `same_world`: it was run again for that, and was the same."""

    seed: int
    why: str
    replay: str
    same_world: bool
    lanes: tuple[str, ...]
    length_s: float
    healed_s: float | None
    settled_s: float | None
    spans: tuple[tuple[str, str, float, float, str], ...]
    strikes: tuple[tuple[float, str, str], ...]
    operations_total: int
    operations: tuple[Operation, ...]


class Account(Contract):
    """A campaign, or the sum of its slices."""

    commit: str
    options: Settings
    first: Annotated[int, Field(alias="from")]
    seeds: int
    seeds_asked: int
    interrupted: bool
    wall_s: float
    commands: int
    crashes: int
    virtual_hours: float
    faults: dict[str, int]
    never_happened: tuple[str, ...]
    violations: int
    promises: tuple[Promise, ...]
    failures: tuple[Failure, ...]
    worlds: tuple[World, ...]
    worst: Worst | None

    @property
    def ok(self) -> bool:
        """Whether something ran and nothing was broken."""
        return bool(self.seeds) and not self.violations

    def data(self) -> dict[str, Any]:
        """For JSON."""
        return self.model_dump(mode="json", by_alias=True)


def words_of(promise: str) -> str:
    """What a promise says: the first line of its judge's module."""
    judge = next((checker.judge for checker in CHECKERS if checker.promise == promise), None)
    told = sys.modules[judge.__module__].__doc__ if judge else None
    return told.strip().splitlines()[0] if told else _WORDS.get(promise, promise)


def settings(campaign: Campaign) -> dict[str, Any]:
    """The options of a campaign, expanded."""
    return {"profile": campaign.profile, **expanded(campaign.options)}


def expanded(options: Options) -> dict[str, Any]:
    """The options of a world, expanded."""
    armed = options.profile
    return {
        "devices": options.devices,
        "commands": options.commands,
        "armed": {name: getattr(armed, name) for name in armed.armed()},
    }


def said(findings: Iterable[Finding], promise: str) -> list[dict[str, str]]:
    """What was found against one promise."""
    return [{"what": each.what, "words": each.words} for each in findings if each.checker == promise]


def account(found: Found, shrunken: Mapping[int, Any], worst: Mapping[str, Any] | None) -> Account:
    """What a campaign has found so far.

    Args:
        found: the campaign.
        shrunken: by seed, what `simulators.reproduction.smallest` said.
        worst: of `Worst`, in the form of a mapping.
    """
    campaign, verdicts = found.campaign, sorted(found.verdicts, key=lambda each: each.seed)
    return Account.model_validate(
        {
            "commit": commit(),
            "options": settings(campaign),
            "from": campaign.first,
            "seeds": len(verdicts),
            "seeds_asked": campaign.seeds,
            "interrupted": found.interrupted,
            "wall_s": round(found.wall_s, 1),
            "commands": sum(each.commands for each in verdicts),
            "crashes": sum(each.crashes for each in verdicts),
            "virtual_hours": round(sum(each.virtual_s for each in verdicts) / 3600, 1),
            "faults": dict(sorted(found.hits.items())),
            "never_happened": list(found.hits.missed(PROFILES[campaign.profile])),
            "violations": sum(len(each.findings) for each in verdicts),
            "promises": _promises(verdicts),
            "failures": [_failure(campaign, each, shrunken) for each in found.failures],
            "worlds": [_world(each) for each in verdicts],
            "worst": worst,
        }
    )


def _promises(verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    broken = Counter(promise for each in verdicts for promise in {finding.checker for finding in each.findings})
    return [{"promise": each, "words": words_of(each), "broken": broken[each]} for each in PROMISES]


def _failure(campaign: Campaign, verdict: Verdict, shrunken: Mapping[int, Any]) -> dict[str, Any]:
    broken = {promise: said(verdict.findings, promise) for promise in PROMISES}
    return {
        "seed": verdict.seed,
        "broken": {promise: found for promise, found in broken.items() if found},
        "replay": campaign.replay(verdict.seed),
        "shrunk": shrunken.get(verdict.seed),
    }


def _world(verdict: Verdict) -> dict[str, Any]:
    return {
        "seed": verdict.seed,
        "commands": verdict.commands,
        "faults": sum(verdict.hits.values()),
        "crashes": verdict.crashes,
        "virtual_s": round(verdict.virtual_s, 1),
        "recovery_s": verdict.recovery_s,
        "broken": len(verdict.findings),
    }


# -- adding up


def added(slices: Sequence[tuple[str, Account]]) -> Account:
    """One account of several slices, each with the name of its file.

    Raises:
        Mismatch: they are not of one campaign.
    """
    (name, first), *others = slices
    for other_name, other in others:
        _check(name, first, other_name, other)
    accounts = [each for _, each in slices]
    _check_seeds(slices)
    faults = sum((Counter(each.faults) for each in accounts), Counter[str]())
    return Account(
        commit=first.commit,
        options=first.options,
        **{"from": min(each.first for each in accounts)},
        seeds=sum(each.seeds for each in accounts),
        seeds_asked=sum(each.seeds_asked for each in accounts),
        interrupted=any(each.interrupted for each in accounts),
        wall_s=round(sum(each.wall_s for each in accounts), 1),
        commands=sum(each.commands for each in accounts),
        crashes=sum(each.crashes for each in accounts),
        virtual_hours=round(sum(each.virtual_hours for each in accounts), 1),
        faults=dict(sorted(faults.items())),
        never_happened=tuple(name for name in first.options.armed if not faults[name]),
        violations=sum(each.violations for each in accounts),
        promises=_added_promises(accounts),
        failures=tuple(sorted((one for each in accounts for one in each.failures), key=lambda one: one.seed)),
        worlds=tuple(sorted((one for each in accounts for one in each.worlds), key=lambda one: one.seed)),
        worst=_worst([each for each in accounts if each.worst]),
    )


def _check(name: str, first: Account, other_name: str, other: Account) -> None:
    if other.commit != first.commit:
        raise Mismatch(
            f"{name} is of commit {first.commit or 'unknown'} and {other_name} of {other.commit or 'unknown'}; "
            "only slices of one commit add up"
        )
    if other.options != first.options:
        raise Mismatch(f"{name} and {other_name} ran worlds with different options; only equal ones add up")


def _check_seeds(slices: Sequence[tuple[str, Account]]) -> None:
    seen: dict[int, str] = {}
    for name, each in slices:
        for world in each.worlds:
            if world.seed in seen:
                raise Mismatch(f"seed {world.seed} is in {seen[world.seed]} and in {name}; it would count twice")
            seen[world.seed] = name


def _added_promises(accounts: Sequence[Account]) -> tuple[Promise, ...]:
    broken = Counter[str]()
    for each in accounts:
        broken.update({one.promise: one.broken for one in each.promises})
    return tuple(Promise(promise=p.promise, words=p.words, broken=broken[p.promise]) for p in accounts[0].promises)


def _worst(accounts: Sequence[Account]) -> Worst | None:
    def badness(each: Account) -> tuple[bool, float]:
        worst = each.worst
        assert worst, "only those that have one"
        settled = worst.settled_s is not None and worst.healed_s is not None
        took_s = (worst.settled_s or 0.0) - (worst.healed_s or 0.0) if settled else float("inf")
        return bool(each.failures), took_s

    return max(accounts, key=badness).worst if accounts else None
