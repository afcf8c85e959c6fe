"""What `tailboard route`, `tailboard consent` and `tailboard evidence` do: from parsed arguments to a `Report`."""

import argparse
from datetime import timedelta

from device.assist import about, retrieved
from device.bootstrap import Device
from device.commands import job_ref, with_device
from device.core.evidence import for_upload
from device.core.what_if import suppositions
from device.errors import LocalError
from device.words import plain
from policies.explain import PLACES, explain
from shared.commandline import Report, words_or_input
from shared.consent import ConsentShown
from shared.routing import BOUNDARIES, Boundary, DataClass


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
        data = {
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
        shown = device.workbench.routes.consents.listed()
        lines = [line for each in shown for line in _consent_lines(each)]
        data = {"consents": [each.model_dump(mode="json") for each in shown]}
        return Report("tailboard.consents.v1", data, lines or ["No consent was given on this laptop."])

    return with_device(arguments, work)


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
        consent = bench.routes.consents.give(
            target,
            DataClass(arguments.data_class),
            arguments.purpose,
            "job",
            job.ref.partition("/")[2],
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
        return Report("tailboard.consent-revoked.v1", {"consent": consent.id}, [said])

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
    """What of the evidence the organisation may be told."""

    def work(device: Device) -> Report:
        entries = for_upload(device.store.evidence())
        lines = [f"{each['number']} {each['at']} {each['kind']}" for each in entries]
        return Report("tailboard.evidence-metadata.v1", {"entries": entries}, lines or ["Nothing was decided yet."])

    return with_device(arguments, work)


def _boundary(name: str) -> Boundary:
    found = next((place for place in BOUNDARIES if place == name), None)
    if found is None:
        raise LocalError(f"There is no place {name}.")
    return found


def _consent_lines(shown: ConsentShown) -> list[str]:
    said = shown.consent
    reach = "one task" if said.reach == "once" else said.conversation
    scope = f"up to {said.data_class} data to {PLACES[said.target]}, to {said.purpose}, {reach}"
    until = f"until {said.expires_at:%Y-%m-%d %H:%M} (UTC), used {shown.used} times"
    return [
        f"{said.id}  {shown.standing.replace('_', ' ')}",
        f"    {scope}, {until}",
        f"    {plain(said.told)}",
    ]
