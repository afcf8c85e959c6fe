"""Models for laptops: which there are, what each passed, where each is rolled out, and which laptops use it.

Rules
1. A model is published from a folder of the server; a browser uploads none. What its evaluation said comes along.
2. It is in force nowhere until it is rolled out, to some laptops or to all, in the shadow first if somebody wants.
3. To go back is to publish the older file under a new number, in force at once.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from starlette.responses import Response

from policies.acts import Act
from policies.models import ApprovedModel, ModelCatalogue
from policies.rollout import Mode
from shared.problems import Code, Problem, Refused
from shared.routing import Tier
from sync_server.console.blocks import (
    Button,
    Field,
    Form,
    Mono,
    Note,
    Page,
    Quoted,
    Said,
    Section,
    Several,
    Small,
    State,
    Table,
    Text,
    Tone,
    said,
)
from sync_server.console.deciding import Deed
from sync_server.console.pages import label, shown
from sync_server.console.policies import scope_words
from sync_server.console.states import state_of
from sync_server.console.visit import Visit
from sync_server.office import Office
from sync_server.office.models import LICENCE_CHARS_MAX, Incoming

_COLUMNS = (Said("Model"), Said("Passed"), Said("Tier"), Said("Size"), Said("Licence"), Said("Rolled out"))
_EMPTY = Said("Nothing is published: laptops use the model that came with them. Publish a file below first.")
_REASON = Field("reason", Said("Reason"), hint=Said("it stays in the audit"), required=True)


def listed(office: Office, visit: Visit, problem: Problem | None) -> Response:
    """Every model by stage, with what it passed."""
    catalogue, why = office.model_catalogue(visit.tenant), visit.refusals.get(Act.ADMINISTER)
    models = office.models(visit.tenant) if catalogue.models else []
    rows = tuple(tuple(_row(model, catalogue)) for model, _ in models)
    lost = [model.name for model, here in models if not here]
    blocks = (
        *(
            (Note(said("Not on this server: {names}. Publish again.", names=", ".join(lost)), Tone.NEEDS),)
            if lost
            else ()
        ),
        Table(Said("Models"), _COLUMNS, rows, _EMPTY),
        *_evaluations(office, visit, catalogue),
        _in_use(office, visit),
        *(_acts(catalogue, why) if catalogue.models else ()),
        _publish(office, why, open_=visit.form.get("which") == "publish"),
    )
    return shown(visit, Page(Said("Models"), blocks), problem)


def _row(model: ApprovedModel, catalogue: ModelCatalogue) -> Iterator[Any]:
    yield Several((f"{model.number}: {model.name}", Small(Mono(model.sha256[:16]))))
    yield ", ".join(model.evals) or Said("nothing yet: evaluated nowhere")
    yield model.tier.value
    yield f"{model.size_bytes >> 20:,} MiB"
    yield model.licence
    stages = [each for each in catalogue.rollout.stages if each.version == model.number]
    shown_ = [Several((state_of("stage", each.mode), scope_words(each))) for each in stages]
    if catalogue.rollout.in_force == model.number:
        shown_.append(Several((state_of("stage", "in_force"), Said("every laptop"))))
    yield Several(tuple(shown_) or (state_of("stage", "none"),))


def _evaluations(office: Office, visit: Visit, catalogue: ModelCatalogue) -> Iterator[Section]:
    """What each evaluation showed, figure by figure."""
    reports = office.model_reports(visit.tenant)
    for model in catalogue.models:
        if model.sha256 not in reports:
            continue
        at, told = reports[model.sha256]
        rows = tuple(
            (suite, state_of("check", "ok" if suite in told.passed else "trouble"), _figures(figures))
            for suite, figures in sorted(told.figures.items())
        )
        columns = (Said("Suite"), Said("State"), Said("Figures"))
        caption = said("Evaluation of {n}: {name}", n=model.number, name=model.name)
        table = Table(caption, columns, rows, Said("It has no figures."))
        outside = tuple(Note(Quoted(line), Tone.NEEDS) for line in told.failed)
        dated = Text(Several((said("With version {n} of the prompts.", n=told.prompts), Small(at))))
        heading = said("What the evaluation of {n}: {name} showed", n=model.number, name=model.name)
        yield Section(heading, (dated, table, *outside), folded=True)


def _figures(figures: Mapping[str, float]) -> Several:
    return Several(tuple(f"{label(name)}: {value:g}" for name, value in sorted(figures.items())) or ("–",))


def _publish(office: Office, why: Any, *, open_: bool) -> Section:
    found = office.incoming_models()
    told = Text(
        Several(
            (
                Said("A model is a large file, so no browser uploads it: put it into this folder of the server."),
                Mono(str(office.models_folder), copy=True),
                Said("With NAME.gguf may lie NAME.json, as tailboard model eval --json writes it."),
            )
        )
    )
    rows = tuple((each.name, f"{each.size_bytes >> 20:,} MiB", _told_beside(each)) for each in found)
    table = Table(
        Said("Files to publish"),
        (Said("File"), Said("Size"), Said("Its evaluation passed")),
        rows,
        Said("No file lies there. Put one there, then open this page again."),
    )
    fields = (
        Field("file", Said("File"), "select", options=tuple((each.name, each.name) for each in found)),
        Field("name", Said("Name"), hint=Said("letters, digits and dashes"), required=True, most=64),
        Field("licence", Said("Licence"), hint=Said("for example Apache-2.0"), required=True, most=LICENCE_CHARS_MAX),
        Field("tier", Said("Tier"), "select", options=tuple((each.value, each.value) for each in Tier)),
    )
    form = (Form("publish", fields, (Button("publish", Said("Publish"), why_not=why),)),) if found else ()
    return Section(Said("Publish a model"), (told, table, *form), folded=True, open=open_)


def _told_beside(each: Incoming) -> Any:
    if each.why_not:
        return State("!", Said("The report beside it cannot be read"), Tone.NEEDS)
    return ", ".join(each.evaluation.passed) if each.evaluation else Said("nothing yet: evaluated nowhere")


def _in_use(office: Office, visit: Visit) -> Table:
    said_ = Counter(
        line.report.model for line in office.device_lines(visit.tenant) if line.report and line.report.model
    )
    rows = tuple((name, number) for name, number in said_.most_common())
    return Table(
        Said("What laptops said they use"), (Said("Model"), Said("Laptops")), rows, Said("No laptop said so yet.")
    )


def _acts(catalogue: ModelCatalogue, why: Any) -> Iterator[Section]:
    models = tuple((str(each.number), f"{each.number}: {each.name}") for each in reversed(catalogue.models))
    which = Field("number", Said("Model"), "select", options=models)
    modes = (
        ("shadow", Said("in shadow: fetched and evaluated, never used")),
        ("in_force", Said("in force where it passes")),
    )
    fields = (
        which,
        Field("mode", Said("How"), "select", options=modes),
        Field("groups", Said("Only for laptops or teams"), hint=Said("names, with commas; empty: all")),
        _REASON,
    )
    out = Form("rollout", fields, (Button("rollout", Said("Roll out"), why_not=why),))
    back = Form("withdraw", (which, _REASON), (Button("withdraw", Said("Withdraw"), why_not=why),))
    ends = Text(Said("It is rolled out nowhere and handed out no more; laptops go back to what they used before."))
    yield Section(Said("Roll out"), (out,), folded=True)
    again = Form("rollback", (which, _REASON), (Button("rollback", Said("Go back to it"), why_not=why),))
    told_back = Text(Said("Its file is published under a new number and is in force for every laptop at once."))
    yield Section(Said("Go back"), (told_back, again), folded=True)
    yield Section(Said("Withdraw"), (ends, back), folded=True)


def _number(visit: Visit) -> int:
    told = visit.form.get("number", "")
    if not told.isdecimal() or len(told) > 15:
        raise Refused(Code.MALFORMED, "choose a model")
    return int(told)


def _rolled_out(office: Office, visit: Visit) -> str:
    mode: Mode = "in_force" if visit.form.get("mode") == "in_force" else "shadow"
    groups = frozenset(each.strip() for each in visit.form.get("groups", "").split(",") if each.strip())
    office.roll_out_model(visit.tenant, visit.actor, _number(visit), mode, groups, visit.text("reason"))
    return "rolled_out"


def _withdrawn(office: Office, visit: Visit) -> str:
    office.withdraw_model(visit.tenant, visit.actor, _number(visit), visit.text("reason"))
    return "withdrawn"


def _published(office: Office, visit: Visit) -> str:
    tier = next((each for each in Tier if each == visit.form.get("tier")), None)
    if tier is None:
        raise Refused(Code.MALFORMED, "choose a tier")
    office.publish_incoming(
        visit.tenant, visit.actor, visit.text("file"), visit.text("name"), visit.text("licence"), tier
    )
    return "published"


def _rolled_back(office: Office, visit: Visit) -> str:
    office.roll_back_model(visit.tenant, visit.actor, _number(visit), visit.text("reason"))
    return "rolled_back"


DEEDS = {
    "publish": Deed(Act.ADMINISTER, _published),
    "rollout": Deed(Act.ADMINISTER, _rolled_out),
    "rollback": Deed(Act.ADMINISTER, _rolled_back),
    "withdraw": Deed(Act.ADMINISTER, _withdrawn),
}
