"""Ready for the road: the facts of one laptop, looked up here; and what is missing, fetched.

Rules
1. Looking changes nothing and needs no network.
2. Fetching is the agent's own work, one step at a time: it may be stopped at any moment, and goes on there.
"""

import shutil
from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from device.agent import Step
from device.core.readiness import Check, Facts, ManualFact, ModelFact, is_for_today, ready
from device.listed import ListedJob
from device.model.port import ModelError
from device.standing import Said
from device.workbench import Workbench
from shared.ids import id_of
from shared.outcomes import Standing
from shared.records import Record, WorkOrder

if TYPE_CHECKING:  # the device is given
    from device.bootstrap import Device

#: So many steps at most: a server that always has one more must not hold up a person for ever.
STEPS_MAX = 100_000


def look(device: "Device") -> list[Check]:
    """Every row, as things stand now. Raises `StoreError`."""
    return ready(facts_of(device))


def facts_of(device: "Device") -> Facts:
    """What the rows rest on. Raises `StoreError`."""
    bench, now = device.workbench, device.ports.clock.now()
    status, ruling = bench.status(), device.ruling()
    jobs = todays_jobs(bench, now.date())
    assets = {each.ref: each for each in bench.of_kind("asset")}
    counts = status.counts
    return Facts(
        now=now,
        data_as_of=status.data_as_of,
        jobs=tuple(id_of(job.ref) for job in jobs),
        absent=tuple(sorted({_asset(job) for job in jobs if job.asset not in assets})),
        files=_files(device, jobs),
        manuals=_manuals(device, now.date()),
        unnamed=_unnamed(device, [assets[job.asset] for job in jobs if job.asset in assets]),
        model=_model(device),
        policy=ruling.bundle.version,
        policy_ends=ruling.bundle.manifest.expires_at,
        policy_trouble=ruling.trouble or "",
        approved_until=_approved_until(device),
        disk_free_mib=shutil.disk_usage(device.settings.home).free >> 20,
        saved=counts[Standing.SAVED],
        unsure=counts[Standing.SENT],
        review=counts[Standing.REVIEW],
        needs_you=counts[Standing.REFUSED],
        shut_out=status.shut_out or "",
        clock_off_s=device.client.offset.total_seconds(),
    )


def todays_jobs(bench: Workbench, today: date) -> list[ListedJob]:
    """The open jobs that count as today's; all open ones if none does."""
    still_open = [job for job in bench.listed_jobs().rows if job.is_open]
    mine = [job for job in still_open if is_for_today(_due(job), job.status, today)]
    return mine or still_open


def _due(job: ListedJob) -> date | None:
    return date.fromisoformat(job.due_on) if job.due_on else None


def _asset(job: ListedJob) -> str:
    return f"{id_of(job.asset)} of {id_of(job.ref)}"


def _files(device: "Device", jobs: list[ListedJob]) -> tuple[str, ...]:
    records = map(device.workbench.record, (job.ref for job in jobs))
    with_files = (job for job in records if job.value("attachments"))
    found = [(job.ref, entry) for job in with_files for entry in WorkOrder.model_validate(job.fields).attachments]
    here = device.library.shelf.attachments.whole([entry.sha256 for _, entry in found])
    return tuple(f"{entry.name} of {id_of(job)}" for job, entry in found if entry.sha256 not in here)


def _manuals(device: "Device", today: date) -> tuple[ManualFact, ...]:
    return tuple(
        ManualFact(
            each.document.id,
            here=each.here,
            read=each.here and not each.waits,
            problem=each.problem,
            late=each.document.out_of_date(today),
        )
        for each in device.library.standings()
    )


def _unnamed(device: "Device", assets: list[Record]) -> tuple[str, ...]:
    """Models of equipment that stand in no manual here."""
    index = device.library.index
    models = {str(each.fields["model"]): id_of(each.ref) for each in assets if each.fields["model"]}
    return tuple(f"{model} ({asset})" for model, asset in sorted(models.items()) if not index.count(model, 1))


def _model(device: "Device") -> ModelFact:
    if device.settings.without_model:
        return ModelFact("", here=False, proven=False, refused=True)
    used = next((each for each in device.models.known() if each.standing == "used"), None)
    told = device.workbench.routes.laptop.told()
    model = device.workbench.model
    name = model.name if model else told.model if told else used.name if used else "the model"
    here = model is not None or told is not None or (used is not None and used.here)
    coming = tuple(each.name for each in device.models.missing())
    return ModelFact(name, here=here, proven=model is not None or told is not None, coming=coming)


def _approved_until(device: "Device") -> datetime | None:
    routes = device.workbench.routes
    known = routes.standing()
    if known is None or known.said is not Said.APPROVED:
        return None
    return known.at + timedelta(days=routes.approved_days_max)


# -- fetching


async def fetch(
    device: "Device", tell: Callable[[str], None], step: Callable[[], Awaitable[Step]] | None = None
) -> str | None:
    """Fetch what is missing until nothing is left to do; a sentence if it ended before that.

    Args:
        device: it works online, or only reads what is here.
        tell: hears what was done, step by step.
        step: one step of the agent, if somebody else must have a say in when.

    Raises:
        StoreError: the device's database failed; what came before is kept.
    """
    one, course = step or device.agent.step, Course(device)
    device.agent.session.send_now()
    for _ in range(STEPS_MAX):
        done = await one()
        if done.rested:
            break
        tell(course.words(done) or "nothing new")
        if done.error:
            return done.error
    await _prove(device, tell)
    return None if device.agent.session.online else "Working offline: nothing could be sent or fetched."


async def _prove(device: "Device", tell: Callable[[str], None]) -> None:
    """Have the model answer once, so that it is known that it does."""
    if device.settings.without_model or device.workbench.model is not None:
        return
    tell("Trying the model…")
    try:
        await device.run_blocking(device.load_model)
    except ModelError as error:
        tell(str(error))


def _coming(device: "Device") -> str:
    """How far the model is that is being fetched, if one is."""
    for each in device.models.missing():
        partial = device.models.partial(each.sha256)
        here = partial.stat().st_size if partial.exists() else 0
        return f"model {each.name}: {here >> 20:,} of {each.size_bytes >> 20:,} MiB are here"
    return "policies are looked at"


class Course:
    """How far something long has got, for the person who waits: a whole copy, a model's file, reading a manual."""

    def __init__(self, device: "Device") -> None:
        self._device = device
        self._answered, self._records = 0, 0

    def words(self, step: Step) -> str:
        """What `step` did, and what came of all steps so far; empty if it brought nothing."""
        self._answered += len(step.settled)
        self._records += step.changes
        if step.error:
            return step.error
        if step.library:
            return step.library
        if step.file:
            return "a piece of a file was sent"
        if step.update:
            return _coming(self._device)
        if step.evidence:
            return "evidence was sent"
        if not step.settled and not step.changes:
            return ""
        return f"{self._answered:,} answered, {self._records:,} records came so far"
