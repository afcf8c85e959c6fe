"""Do traces follow from those that are here? Pure: what is held and what came in, a ruling out.

Rules
1. Every hash is worked out again from what was told; the laptop's signed head has to fit them.
2. What was told before is passed over, if it is the same. What differs is a fork, what leaves something out a gap:
   both are refused by name, and nothing of them is taken.
3. A laptop whose chain does not fit begins a new strand, and says why. That is taken, with what it costs: entries
   that can never come are counted as lost. What was told before stays.
"""

from dataclasses import dataclass

from shared.evidence import EvidenceHead, EvidencePlace, EvidenceUpload, Trace, hashes
from shared.problems import Code


@dataclass(frozen=True, slots=True)
class Taken:
    """Traces that follow, each with its hash, and the place up to which all is here now.

    `begun` says that a new strand begins with them; `lost` how many entries that leaves out for good.
    """

    came: tuple[tuple[str, Trace], ...]
    place: EvidencePlace
    begun: bool = False
    lost: int = 0


@dataclass(frozen=True, slots=True)
class Wrong:
    """Why nothing is taken."""

    code: Code
    why: str


def taken(held: EvidencePlace, upload: EvidenceUpload, head: EvidenceHead, known: frozenset[str]) -> Taken | Wrong:
    """What becomes of an upload.

    Args:
        held: up to where the laptop's evidence is here.
        upload: what came.
        head: what its signed head says.
        known: those hashes of what came that are here.
    """
    if not upload.entries:
        return Taken((), held)
    numbers = [each.number for each in upload.entries]
    if numbers != [*range(upload.after + 1, upload.after + 1 + len(numbers))]:
        return Wrong(Code.EVIDENCE_GAP, f"entries are left out behind {upload.after}")
    came = [*zip(hashes(upload.prev, upload.entries), upload.entries, strict=True)]
    if why := _unsigned(came, head):
        return why
    if upload.strand == held.strand + 1:
        return _begun(held, upload, came)
    if upload.strand != held.strand:
        return Wrong(Code.EVIDENCE_GAP, f"strand {upload.strand}: strand {held.strand} is told here")
    return _followed(held, upload, head, came, known)


def _unsigned(came: list[tuple[str, Trace]], head: EvidenceHead) -> Wrong | None:
    digest, last = came[-1]
    if last.number > head.number or (last.number == head.number and digest != head.hash):
        return Wrong(Code.EVIDENCE_FORK, f"entry {last.number} is not what the laptop signed")
    return None


def _begun(held: EvidencePlace, upload: EvidenceUpload, came: list[tuple[str, Trace]]) -> Taken | Wrong:
    """A new strand. The first of all begins wherever it begins; another one needs a reason that holds."""
    if upload.because == "follows":
        return Wrong(Code.EVIDENCE_GAP, f"nothing of strand {upload.strand} is here")
    if (upload.because == "first") != (held.strand == 0):
        return Wrong(Code.EVIDENCE_FORK, f"strand {upload.strand} needs a reason")
    if upload.because == "lost" and upload.after <= held.number:
        return Wrong(Code.EVIDENCE_FORK, f"nothing is lost behind {held.number}")
    lost = upload.after if held.strand == 0 else max(0, upload.after - held.number)
    place = EvidencePlace(strand=upload.strand, number=came[-1][1].number, hash=came[-1][0])
    return Taken(tuple(came), place, begun=True, lost=lost)


def _followed(
    held: EvidencePlace,
    upload: EvidenceUpload,
    head: EvidenceHead,
    came: list[tuple[str, Trace]],
    known: frozenset[str],
) -> Taken | Wrong:
    if head.number < held.number:
        return Wrong(Code.EVIDENCE_FORK, f"entry {held.number} was told before, and the laptop has {head.number}")
    if upload.after > held.number:
        return Wrong(Code.EVIDENCE_GAP, f"entries behind {held.number} are missing")
    before = [digest for digest, each in came if each.number <= held.number]
    joint = before[-1] if before else upload.prev
    same = joint == held.hash if upload.after + len(before) == held.number else joint in known
    if not same:
        return Wrong(Code.EVIDENCE_FORK, f"entry {upload.after + len(before)} was told otherwise before")
    new = came[len(before) :]
    if not new:
        return Taken((), held)
    return Taken(tuple(new), EvidencePlace(strand=held.strand, number=new[-1][1].number, hash=new[-1][0]))
