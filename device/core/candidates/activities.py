"""Which kind of maintenance a note names first, done or asked for: the code of a note that nobody coded.

Rules
1. Unlike `works`, it does not matter here whether the work was done: a request and a report have the same code.
2. A word that is mostly the name of a thing ("grease line", "broken weld", "hose fitting") counts only where it
   cannot be one, and only if nothing else in the note is work.
3. A change of oil is coded by its verb.

Source: MaintIE's annotation guideline (LREC-COLING 2024) for what is an activity.
"""

import re

from device.core.candidates import words
from device.core.candidates.spans import Span, first_come, overlaps, span_of
from device.core.candidates.works import Work
from shared.records import Activity

_THING = (
    r"(?:alarm|block|bowl|cap|cartridge|coupling|cover|drum|error|fault|fitting|gauge|guard|gun|hose|injector|leak|level"
    r"|line|module|motor|nipple|panel|pipe|point|port|pressure|pump|reel|sample|sensor|switch|tank|tray|truck|unit|valve)"
)
_BEGIN = r"(?:^|(?<=> )|(?<=- )|(?<=[/&] )|(?<=\band ))"
_END = r"(?= *(?:$|[/&,;]| - | and |and$| electrical| mechanical| inspect| service| check))"

#: What is work only where it is no thing.
_SELDOM: dict[Activity, re.Pattern[str]] = {
    Activity.SERVICE: re.compile(
        rf"{_BEGIN}(?:lube|grease|drain|sample|fill)\b(?!(?: \w+)? {_THING}s?\b)"
        rf"|\b(?:lube|grease|lubrication){_END}|\b(?:preventat?ive|scheduled|routine|hour|week|month) maintenance\b"
        r"|\b(?:drain|flush) and (?:re-?fill|sample)\b|\bpm(?= (?:service|check)|$)",
        re.IGNORECASE,
    ),
    Activity.REPAIR: re.compile(
        rf"{_BEGIN}weld\b(?! (?:is |has )?(?:broken|cracked|cracks?|failed|gone))", re.IGNORECASE
    ),
    Activity.REPLACE: re.compile(r"\bfitting (?=(?:a|an|both|new|of|the|two|up|<num>|\d)\b)", re.IGNORECASE),
    Activity.DIAGNOSE: re.compile(
        r"\b(?:crack|load|pressure|vibration|oil|leak) (?:test|analysis)(?:ing|ed)?\b|\bthermograph(?:y|ic)\b"
        r"|\btemperature readings\b|\btest(?:s|ed|ing)?\b",
        re.IGNORECASE,
    ),
    Activity.INSPECT: re.compile(r"\b(?:audit|visual)\b", re.IGNORECASE),
    Activity.ADJUST: re.compile(
        rf"{_BEGIN}(?:tension|torque|set|level)\b(?= (?:all|the|up|to|\w+ bolts?)\b)", re.IGNORECASE
    ),
}
#: Words of the table of work that are as often things; the patterns above say where they are work.
_MOSTLY_THINGS = re.compile(r"(?:re)?(?:lube|grease|weld|fitting|test|visual)(?:s|ed)?", re.IGNORECASE)
_MORE_THINGS = words.words(
    r"(?:gear|shift|speed|direction|phase|shape|level)[ -]chang(?:e|es|ing)",
    r"check engine (?:lamp|light)",
    r"service (?:call|exchange|interval|life|manual|meter|report|tank|timer)s?",
    r"no (?:change|repair)s? (?:needed|required)",
    r"(?:cracked|broken|failed) welds?",
    r"(?:fault|error)s? trac(?:e|ing)",
    r"repair(?:er|man)s?",
    r"install(?:er)s?",
)
#: "Service water" is a kind of water, unless it was an hour's or a mechanical service of a water truck.
_SERVICE_OF_A_THING = re.compile(
    r"(?<=hour )service(?= )|(?<=week )service(?= )|(?<=month )service(?= )|(?<=weekly )service(?= )"
    r"|(?<=monthly )service(?= )|(?<=annual )service(?= )|(?<=mechanical )service(?= )|(?<=electrical )service(?= )",
    re.IGNORECASE,
)
_OIL_CHANGE = re.compile(r"chang(?:e|ed|es|ing)\b", re.IGNORECASE)


def first_activity(text: str) -> Work | None:
    """The first kind of work that `text` names, and its words; None if it names none.

    Args:
        text: plain, see `plain`; best with its shorthand resolved.
    """
    named = {match.start() for match in _SERVICE_OF_A_THING.finditer(text)}
    things = [
        span_of(text, *match.span()) for table in (words.THINGS, _MORE_THINGS) for match in table.finditer(text)
    ]
    seldom = list(first_come(text, _SELDOM))
    for span, activity in first_come(text, words.ACTIVITY):
        if span.start not in named and overlaps(span, things):
            continue
        if _MOSTLY_THINGS.fullmatch(span.text):
            if _goes_on(text, span) and any(overlaps(span, [each]) for each, _ in seldom):
                return Work(span, activity)
            continue
        return Work(span, _coded(span, activity))
    return next((Work(span, activity) for span, activity in seldom if not overlaps(span, things)), None)


def _goes_on(text: str, span: Span) -> bool:
    """Whether another kind of work follows at once: "grease and inspect", "test / repair"."""
    return re.match(r" *(?:and|[/&,])(?= )", text[span.end :]) is not None


def _coded(span: Span, activity: Activity) -> Activity:
    return Activity.REPLACE if _OIL_CHANGE.match(span.text) else activity
