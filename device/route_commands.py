"""What `tailboard route`, `tailboard consent` and `tailboard evidence` do: from parsed arguments to a `Report`."""

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

from device.assist import Offer, about, retrieved
from device.bootstrap import Device
from device.commands import job_ref, with_device, with_device_async
from device.consents import Scope
from device.core.what_if import suppositions
from device.errors import LocalError
from device.plain import plain
from device.reasons import Reasons, headline, reason_lines
from device.standing import standing_words
from device.words import moment
from policies.explain import PLACES, explain
from shared.commandline import Report, words_or_input
from shared.consent import ConsentShown
from shared.evidence import Decided, read_told
from shared.ids import id_of
from shared.metrics import BY_NAME, Key, tally
from shared.routing import BOUNDARIES, Boundary, DataClass
from shared.spans import otlp


def explained(arguments: argparse.Namespace) -> Report:
    """Where a question would run, and why there; nothing runs, and nothing is recorded."""
    suppose = suppositions(arguments.what_if)

    def work(device: Device) -> Report:
        bench = device.workbench
        words = words_or_input(arguments.question)
        job, declared = job_ref(arguments.job), arguments.data_class
        context = retrieved(bench, device.answering(), words, job=job, purpose=arguments.purpose)
        said = declared and DataClass(declared)
        question = about(bench, words, job=job, purpose=arguments.purpose, declared=said, context=context)
        decision = bench.routes.look(question, bench.model, kept=True, suppose=suppose)
        found = bench.routes.classified(question)
        lines = [*explain(decision), f"  class {found.data_class}: {', '.join(found.reasons()) or 'as declared'}"]
        known, now, days = bench.routes.standing(), device.ports.clock.now(), bench.routes.approved_days_max
        lines.append(f"  this laptop: {standing_words(known, now, days)}")
        data = {
            "standing": known and {**known.model_dump(mode="json"), "age_s": round(known.age(now).total_seconds())},
            "decision": decision.model_dump(mode="json"),
            "found": list(found.reasons()),
            "supposed": suppose,
            "badge": PLACES[decision.route],
        }
        return Report("tailboard.route.v1", data, [plain(line) for line in lines])

    return with_device(arguments, work)


def consents(arguments: argparse.Namespace) -> Report:
    """What was agreed to."""

    def work(device: Device) -> Report:
        consents = device.workbench.routes.consents
        shown, told = consents.listed(), consents.told()
        lines = [line for each in shown for line in _consent_lines(each, told)]
        data = {
            "consents": [{**each.model_dump(mode="json"), "server_told": each.consent.id in told} for each in shown]
        }
        return Report("tailboard.consents.v1", data, lines or ["No consent was given on this laptop."])

    return with_device(arguments, work)


def offered(arguments: argparse.Namespace) -> Report:
    """What a consent would let leave; nothing leaves, and nothing is recorded."""
    words = words_or_input(arguments.question)

    async def work(device: Device) -> Report:
        said = arguments.data_class
        offer = await device.assistant().offer(
            words,
            job=job_ref(arguments.job),
            purpose=arguments.purpose,
            declared=DataClass(said) if said else None,
        )
        if offer is None:
            told = "No consent is asked for: it runs without, none would help, or you said never."
            return Report("tailboard.consent-offer.v1", {"offer": None}, [told], ok=False)
        return Report("tailboard.consent-offer.v1", {"offer": asdict(offer)}, _offer_lines(offer))

    return with_device_async(arguments, work)


def _offer_lines(offer: Offer) -> list[str]:
    because = f" ({', '.join(offer.found)})" if offer.found else ""
    holds = ", ".join(f"{reach}: {life.total_seconds() / 3600:g} h" for reach, life in offer.lives.items())
    return [
        f"To {PLACES[offer.target]}: {offer.data_class} data{because}, {len(offer.leaves)} characters",
        plain(offer.disclosure),
        f"Holds: {holds}. To agree: tailboard ask ... --consent once",
        *(plain(f"Page: {each}") for each in offer.pages),
        "Would leave, all of it:",
        *(f"  {plain(line)}" for line in offer.leaves.splitlines()),
    ]


def given(arguments: argparse.Namespace) -> Report:
    """Agree for a job."""

    def work(device: Device) -> Report:
        bench = device.workbench
        job = bench.record(str(job_ref(arguments.job)))
        target = _boundary(arguments.to)
        told = (
            f"Up to {arguments.data_class} data of {arguments.job} may go to {PLACES[target]} "
            f"to {arguments.purpose}, for {arguments.hours} hours."
        )
        scope = Scope(target, DataClass(arguments.data_class), arguments.purpose, "job", id_of(job.ref))
        consent = bench.routes.consents.give(
            scope,
            told=told,
            bundle_version=bench.policy_version,
            life=timedelta(hours=arguments.hours),
        )
        lines = [f"{told} Take it back with: tailboard consent revoke {consent.id}"]
        return Report("tailboard.consent.v1", {"consent": consent.model_dump(mode="json")}, lines)

    return with_device(arguments, work)


def revoked(arguments: argparse.Namespace) -> Report:
    """Take it back."""

    def work(device: Device) -> Report:
        consent = device.workbench.routes.consents.revoke(arguments.id)
        said = f"Taken back, from now on: {consent.data_class} data does not go to {PLACES[consent.target]}."
        then = "What waits there is held back as soon as the server hears of it: tailboard sync"
        return Report("tailboard.consent-revoked.v1", {"consent": consent.id}, [said, then])

    return with_device(arguments, work)


def never(arguments: argparse.Namespace) -> Report:
    """Never ask for a place, or ask again."""
    target = _boundary(arguments.to)

    def work(device: Device) -> Report:
        consents = device.workbench.routes.consents
        (consents.ask_again if arguments.undo else consents.never)(target)
        nevers = sorted(consents.nevers())
        said = (
            f"You are asked again for {PLACES[target]}." if arguments.undo else f"Never asked for {PLACES[target]}."
        )
        return Report("tailboard.consent-never.v1", {"never": nevers}, [said])

    return with_device(arguments, work)


def decided(arguments: argparse.Namespace) -> Report:
    """The newest decisions."""

    def work(device: Device) -> Report:
        found = device.store.latest_decisions(max(arguments.most, 1))
        now = device.ports.clock.now()
        lines = [f"{each.hash[:12]}  {moment(each.decided_at, now):<12} {headline(each)}" for each in found]
        data = {"decisions": [each.model_dump(mode="json") for each in found]}
        return Report("tailboard.decisions.v1", data, lines or ["Nothing was decided yet."])

    return with_device(arguments, work)


def reasons(arguments: argparse.Namespace) -> Report:
    """Why one ran where it ran."""

    def work(device: Device) -> Report:
        decision = device.store.decision(arguments.decision)
        if decision is None:
            raise LocalError(f"There is no one decision {arguments.decision} here. See: tailboard evidence list")
        tried = tuple(device.workbench.routes.evidence.tried(decision.hash))
        data = {"decision": decision.model_dump(mode="json"), "tried": [asdict(each) for each in tried]}
        lines = reason_lines(Reasons(decision, tried), device.ports.clock.now())
        return Report("tailboard.decision.v1", data, lines)

    return with_device(arguments, work)


def verified(arguments: argparse.Namespace) -> Report:
    """Whether the evidence holds."""

    def work(device: Device) -> Report:
        evidence = device.workbench.routes.evidence
        broken, count = evidence.broken(), evidence.count()
        data = {"entries": count, "broken": {"number": broken.number, "why": broken.why} if broken else None}
        said = f"Entry {broken.number} does not hold: {broken.why}." if broken else f"{count} entries, all hold."
        return Report("tailboard.evidence.v1", data, [said], ok=broken is None)

    return with_device(arguments, work)


def metadata(arguments: argparse.Namespace) -> Report:
    """What of the evidence the organisation is told."""

    def work(device: Device) -> Report:
        traces = device.workbench.routes.evidence.traces(0, -1)
        entries = [each.model_dump(mode="json") | {"told": json.loads(each.told)} for each in traces]
        lines = [f"{each.number} {each.at} {each.kind} {each.told}" for each in traces]
        data = {"entries": entries, "waiting": device.telling.waiting()}
        return Report("tailboard.evidence-metadata.v2", data, lines or ["Nothing was decided yet."])

    return with_device(arguments, work)


def summary(arguments: argparse.Namespace) -> Report:
    """What the evidence comes to."""

    def work(device: Device) -> Report:
        traces = device.workbench.routes.evidence.traces(0, -1)
        told = [(each.kind, read_told(each.kind, each.told)) for each in traces]
        policies = {name for _, each in told if isinstance(each, Decided) for name in each.policies}
        counts = tally(told, policies)
        data = {
            "counts": [
                {"name": name, "labels": dict(zip(BY_NAME[name].labels, labels, strict=True)), "value": value}
                for (name, labels), value in sorted(counts.items())
            ],
            "waiting": device.telling.waiting(),
        }
        lines = [
            f"{name.removeprefix('tailboard_')} {' '.join(labels)}: {n}" for (name, labels), n in _ordered(counts)
        ]
        lines.append(f"{data['waiting']} entries are not told yet.")
        return Report("tailboard.evidence-summary.v1", data, lines)

    return with_device(arguments, work)


def spans(arguments: argparse.Namespace) -> Report:
    """Write the evidence as spans."""

    def work(device: Device) -> Report:
        path = Path(arguments.file)
        if path.exists():
            raise LocalError(f"{path} is there already. Give another name.")
        found = device.workbench.routes.evidence.spans()
        try:
            path.write_text(json.dumps(otlp(found, {"service.name": "tailboard-device"})), encoding="utf-8")
        except OSError as error:
            raise LocalError(f"{path} cannot be written: {error.strerror}. Give another folder.") from error
        data = {"file": str(path), "spans": len(found)}
        return Report("tailboard.evidence-spans.v1", data, [f"{len(found)} spans in {path} (OTLP/JSON)."])

    return with_device(arguments, work)


def _ordered(counts: Mapping[Key, int]) -> list[tuple[Key, int]]:
    """In the order of the table, and the most of each first."""
    rows = list(BY_NAME)
    return sorted(counts.items(), key=lambda each: (rows.index(each[0][0]), -each[1], each[0][1]))


def _boundary(name: str) -> Boundary:
    found = next((place for place in BOUNDARIES if place == name), None)
    if found is None:
        raise LocalError(f"There is no place {name}.")
    return found


def _consent_lines(shown: ConsentShown, told: frozenset[str]) -> list[str]:
    said = shown.consent
    reach = "one task" if said.reach == "once" else said.conversation
    scope = f"up to {said.data_class} data to {PLACES[said.target]}, to {said.purpose}, {reach}"
    until = f"until {said.expires_at:%Y-%m-%d %H:%M} (UTC), used {shown.used} times"
    heard = "" if shown.standing != "revoked" or said.id in told else ", the server has not heard of it yet"
    return [
        f"{said.id}  {shown.standing.replace('_', ' ')}{heard}",
        f"    {scope}, {until}",
        f"    {plain(said.told)}",
    ]
