"""What is done to a laptop: approved or rejected, its key ended or renewed, revoked, admitted again.

Rules
1. What each button does, and what it does not, stands beside it.
2. To revoke takes the laptop's name, typed: a slip does not cut off somebody in the field.
3. Who approves a laptop compares its code with the one on its screen; what is approved is the key that was shown.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from policies.acts import Act
from shared.problems import Code, Refused
from sync_server.console.blocks import (
    Button,
    Facts,
    Field,
    Form,
    Link,
    Mono,
    Said,
    Section,
    Several,
    Small,
    State,
    Text,
    Tone,
    said,
)
from sync_server.console.deciding import Deed
from sync_server.console.home import age, key_ends_soon
from sync_server.console.visit import Visit
from sync_server.office import Office
from sync_server.office.looking import DeviceLine
from sync_server.store import DeviceState

_REASON = Field("reason", Said("Reason"), hint=Said("it stays in the audit"), required=True)


def key_state(line: DeviceLine, now: datetime) -> Any:
    """Until when a laptop's key is good, and whether somebody should see to it."""
    ends = line.device.key_expires_at
    if ends is None:
        return Said("does not run out")
    if ends <= now:
        return Several((State("!", Said("Ran out"), Tone.NEEDS), Small(ends)))
    words = said("{age} left", age=age(ends - now))
    soon = key_ends_soon(line, now)
    return Several((State("!", words, Tone.NEEDS) if soon else words, Small(ends)))


# -- a laptop that waits


def to_approve(office: Office, visit: Visit, lines: Sequence[DeviceLine]) -> Iterator[Section]:
    """Those that wait, each with the code to compare."""
    for line in lines:
        if line.device.state is DeviceState.WAITING:
            yield _waiting(office, visit, line)


def _waiting(office: Office, visit: Visit, line: DeviceLine) -> Section:
    device, why = line.device, visit.refusals.get(Act.ADMINISTER)
    code = office.device_code(visit.tenant, device.id)
    facts = (
        (Said("Laptop"), Link(device.id, f"/console/devices/{device.id}")),
        (Said("Person"), device.actor),
        (Said("Name given at enrolment"), device.name),
        (Said("Enrolled"), device.enrolled_at),
        (Said("Code on its screen"), Mono(code)),
    )
    told = Said(
        "Have its person read the code to you: enrolment showed it, and so does the page about the laptop. If it is "
        "another one, somebody else used the enrolment code: reject it."
    )
    hidden = (Field("device", "", "hidden", device.id), Field("code", "", "hidden", code))
    buttons = (
        Button("approve", Said("It is the same: approve"), why_not=why),
        Button("reject", Said("It is not: reject"), quiet=True, why_not=why),
    )
    heading = said("{name} waits to be approved", name=device.id)
    return Section(heading, (Facts(facts), Text(told), Form(f"approve.{device.id}", hidden, buttons)))


def _of(visit: Visit) -> str:
    return visit.named.get("device") or visit.text("device")


def approved(office: Office, visit: Visit) -> str:
    """The laptop may sync."""
    office.approve_device(visit.tenant, _of(visit), visit.actor, visit.text("code"))
    return "device_approved"


def rejected(office: Office, visit: Visit) -> str:
    """The laptop may not, and never could."""
    name = _of(visit)
    if office.device(visit.tenant, name).device.state is not DeviceState.WAITING:
        raise Refused(Code.STALE, f"{name} waits for no approval any more")
    office.revoke_device(visit.tenant, name, visit.actor, "rejected: its code was another one")
    return "rejected"


# -- one that is here


def sections(office: Office, visit: Visit, line: DeviceLine, now: datetime) -> Iterator[Section]:
    """What can be done to a laptop as it stands."""
    why, state = visit.refusals.get(Act.ADMINISTER), line.device.state
    if state is DeviceState.WAITING:
        yield _waiting(office, visit, line)
        return
    yield _key(line, now, why)
    if state is not DeviceState.ACTIVE:
        yield _readmit(why)
    if state is not DeviceState.REVOKED:
        yield _revoke(line.device.id, why)


def _key(line: DeviceLine, now: datetime, why: Any) -> Section:
    renew = Form("renew", (_REASON,), (Button("renew", Said("Renew its key for a year"), why_not=why),))
    if line.device.key_ended(now):
        ended = (
            Said("Its key has run out: what it brings is settled as ever, and it gets nothing."),
            Said("Once the key is renewed it goes on where it was, and hears what became of its work."),
        )
        return Section(Said("Its key"), (*map(Text, ended), renew))
    told = (
        Said("Ended, it gets nothing more until somebody renews it here: no records, no manuals, no answers."),
        Said("What it holds can still arrive and is settled as ever. Nothing on it is erased."),
        Said("To keep its work from being applied, revoke the laptop instead."),
    )
    end = Form("expire", (_REASON,), (Button("expire", Said("End its key now"), why_not=why),))
    return Section(Said("Renew or end its key"), (renew, *map(Text, told), end), folded=not key_ends_soon(line, now))


def _readmit(why: Any) -> Section:
    told = Said(
        "It syncs again, in a new epoch of its chain. What is in quarantine stays there until somebody decides."
    )
    button = Button("readmit", Said("Admit it again"), why_not=why)
    return Section(Said("Admit it again"), (Text(told), Form("readmit", (_REASON,), (button,))))


def _revoke(name: str, why: Any) -> Section:
    told = (
        Said("From now on it may only upload: what it still brings goes to quarantine, and none of it is applied."),
        Said("It may hold more than it last said. Revoking erases nothing on the laptop."),
        Said("It comes back only if an administrator admits it again."),
    )
    confirm = Field("name", said("Type {name} to confirm", name=name), "confirm", name)
    form = Form("revoke", (_REASON, confirm), (Button("revoke", Said("Revoke"), why_not=why),))
    return Section(Said("Revoke it"), (*map(Text, told), form), folded=True)


def _revoked(office: Office, visit: Visit) -> str:
    name = visit.named["device"]
    if visit.text("name") != name:
        raise Refused(Code.MALFORMED, f"type {name} to confirm; nothing was done")
    office.revoke_device(visit.tenant, name, visit.actor, visit.text("reason"))
    return "revoked"


def _readmitted(office: Office, visit: Visit) -> str:
    office.readmit_device(visit.tenant, visit.named["device"], visit.actor, visit.text("reason"))
    return "readmitted"


def _expired(office: Office, visit: Visit) -> str:
    office.expire_key(visit.tenant, visit.named["device"], visit.actor, visit.text("reason"))
    return "key_ended"


def _renewed(office: Office, visit: Visit) -> str:
    office.renew_key(visit.tenant, visit.named["device"], visit.actor, visit.text("reason"))
    return "key_renewed"


DEEDS = {
    "approve": Deed(Act.ADMINISTER, approved),
    "reject": Deed(Act.ADMINISTER, rejected),
    "expire": Deed(Act.ADMINISTER, _expired),
    "renew": Deed(Act.ADMINISTER, _renewed),
    "revoke": Deed(Act.ADMINISTER, _revoked),
    "readmit": Deed(Act.ADMINISTER, _readmitted),
}
