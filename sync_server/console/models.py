"""Models for laptops: which there are, what each passed, where each is rolled out, and which laptops use it."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from starlette.responses import Response

from policies.acts import Act
from policies.models import ApprovedModel, ModelCatalogue
from policies.rollout import Mode
from shared.problems import Code, Problem, Refused
from sync_server.console.blocks import (
    Button,
    Field,
    Form,
    Mono,
    Note,
    Page,
    Said,
    Section,
    Several,
    Small,
    Table,
    Text,
    Tone,
    said,
)
from sync_server.console.deciding import Deed
from sync_server.console.pages import shown
from sync_server.console.policies import scope_words
from sync_server.console.states import state_of
from sync_server.console.visit import Visit
from sync_server.office import Office

_COLUMNS = (Said("Model"), Said("Passed"), Said("Tier"), Said("Size"), Said("Licence"), Said("Rolled out"))
_EMPTY = Said("Nothing is published: laptops use the model that came with them. Publish a file on the server first.")
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
        _in_use(office, visit),
        *(_acts(catalogue, why) if catalogue.models else ()),
        Text(Said("A model is a large file: it is published on the server, by tailboard-server model publish.")),
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
    told = Text(Said("It is rolled out nowhere and handed out no more; laptops go back to what they used before."))
    yield Section(Said("Roll out"), (out,), folded=True)
    yield Section(Said("Withdraw"), (told, back), folded=True)


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


DEEDS = {"rollout": Deed(Act.ADMINISTER, _rolled_out), "withdraw": Deed(Act.ADMINISTER, _withdrawn)}
