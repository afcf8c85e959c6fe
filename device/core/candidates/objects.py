"""Which words of a note name things: parts, assemblies, substances; not their state, their place or the work on them.

Rules
1. A word names a thing unless it is known to be something else: maintenance notes are rows of nouns, and there are
   far more things than other words.
2. What is known: work, states, places on a machine, small words, measures and times, remarks of the office. Of the
   endings, ``-ing`` and ``-ed`` say that it is no thing, except for things that end so ("bearing").
3. Ids, numbers and signs are no words of things.
"""

import re

from device.core.candidates import words
from device.core.candidates.spans import Span, span_of

_WORD = re.compile(r"<[a-z]+>|[A-Za-z][A-Za-z’'/-]*[A-Za-z]|[A-Za-z]")
_ID_LIKE = re.compile(r"<.*|.*\d.*")

_SMALL = """
    a all also an and another any are around as at away back be been being both but by can cannot could did do
    does done down due each etc every few for four from get gets go goes going got had has have having he her
    here him his how i if in inside into is it its itself just keep keeps let like made make makes many may more
    most much must near no non not now of off on once one only onside onto or other our out outs over own per
    please see seen self set she should so some still such text than that the their them then there these they
    this those three through till to together too two under until up upon use used using very via was way we
    well went were what when where which while who why will with within without won’t won't wont would x you
    your
"""
_PLACES = """
    across aft back behind below beneath between bottom centre center corner drivers end external front hand
    inboard inner inside intermediate internal left lh lhs lower main middle near nearside offside operators
    outboard outer outside passengers position positions pos primary rear rh rhs right secondary side sides top
    underneath upper area
"""
_STATES = """
    bad bent blown broke broken cold corroded crack cracks damage defect defective dirty dead drift drop dry
    dull error errors fail fails failure failures fault faults faulty flat frozen good high hot intermittent
    issue issues jammed leak leakage leaks leaky loose lost low minor major missing mechanical noise noisy new
    ok old overheat overload poor possible problem problems reported rough rusty seized severe short slack slow
    smelly snapped soft spare split stiff stuck suspect temporary thin tight torn trip trips unserviceable u/s
    unstable vibration warm weak wear weep worn wrong excessive slight sticky full empty half same various
    several second third first temperature electrical boost overcharge underspeed overspeed shutdown does do
    doesn’t doesn't play overtemperature bald burnt burst shot gone clogged plugged open closed safe unsafe
    incorrect general standard long
"""
_OFFICE = """
    assign audit awaiting backlog bv component cancelled contractor core cost costs cw daily fortnight
    fortnightly freight hour hours hr hrs job labour logic mins minutes mob mobile month monthly monthly ndt
    needs need number order package parts planned po quarter quarterly quote reading readings require required
    requires request service scheduled shift statutory supply task tasks tbc ut warranty wa week weekly weeks
    workshop year yearly metre metres litre litres mm kg volt volts degrees assembly assemblies
"""
_WORK = """
    add adjust align analyse analysis assess boost block build bolt-up calibrate change changed check checks
    clean cleaning commission conduct connect cover diagnose disconnect drain drill fabricate fill find fit
    fitted flush found grease-up grind inspect inspection inspections install investigate isolate lash lube
    maintain maintenance make measure modification modifications modify monitor move ndt overhaul paint perform
    program rebuild recharge rectify refit refurbish relocate remove renew repair repairs replace replacement
    reroute resample reseal reset return reverse reweld rotate run sample secure send service services set-up
    setup straighten strip swap test tests tighten top trace transfer transport troubleshoot tune turn update
    upgrade wash weld work
"""
NO_THINGS = frozenset(f"{_SMALL} {_PLACES} {_STATES} {_OFFICE} {_WORK}".split()) - {"back", "cover"}
#: Things whose names end like what is done or how something is.
_ENDING_SO = """
    bearing bearings bed bushing bushings casing casings coating coupling couplings fitting fittings flooring
    housing housings lagging lighting lining linings mounting mountings o-ring o-rings opening piping plating
    railing railings reed ring rings seed shed sling slings speed spring springs steering string swing swings
    tubing wing wings wiring winding windings feed cooling cutting warning boarding
"""
_THINGS_ALL_THE_SAME = frozenset(_ENDING_SO.split())
_DONE_OR_DOING = re.compile(r"\w{2,}(?:ing|ed)|re\w{2,}ing")

_WORK_OF_TWO = words.words(r"change[ -]outs?", r"set[ -]up", r"top(?:ped)?[ -]up", r"clean(?:ed)?[ -](?:out|up)")


def object_words(text: str) -> tuple[Span, ...]:
    """The words of `text` that name things, one span a word.

    Args:
        text: plain, see `plain`; best with its shorthand resolved.
    """
    taken = [match.span() for match in _WORK_OF_TWO.finditer(text)]
    return tuple(
        span_of(text, *match.span())
        for match in _WORD.finditer(text)
        if _names_a_thing(match[0].casefold()) and not any(start <= match.start() < end for start, end in taken)
    )


def _names_a_thing(word: str) -> bool:
    if len(word) < 2 or _ID_LIKE.fullmatch(word) or word in NO_THINGS:
        return False
    return word in _THINGS_ALL_THE_SAME or _DONE_OR_DOING.fullmatch(word) is None
