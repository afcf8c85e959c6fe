"""The words of maintenance notes, as tables: what people write for kinds of work, units, quantities and states.

Owns data and the patterns made from it, nothing else. Every pattern takes time linear in the length of the note.
`device.core.candidates` applies them; an organisation's own vocabulary will one day stand beside them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from shared.records import Activity, Quantity, WorkStatus


def words(*alternatives: str) -> re.Pattern[str]:
    """A pattern for any of `alternatives` (regular expressions) that neither begins nor ends inside a word."""
    return re.compile(rf"(?<![A-Za-z])(?:{'|'.join(alternatives)})(?![A-Za-z])", re.IGNORECASE)


# -- kinds of work

#: What people write for a kind of work, in full and in shorthand.
ACTIVITY: Mapping[Activity, re.Pattern[str]] = {
    Activity.REPLACE: words(
        r"replac(?:e|es|ed|ing|ements?)",
        r"repl(?:[’']?d|aced)?",
        r"rplc?d?",
        r"chan?g(?:e|ed|ing)?[- ]?outs?",
        r"chang(?:e|es|ed|ing)",
        r"c(?:hg)?/o(?:ut)?",
        r"swap(?:s|ped|ping|t)?(?: out| over)?",
        r"renew(?:ed|ing|al)?",
        r"exchang(?:e|ed|ing)",
        r"(?:re)?install(?:s|ed|ing|ation)?",
        r"fit(?:ted|ting)?",
        r"put (?:in )?(?:a )?new",
    ),
    Activity.REPAIR: words(
        r"repair(?:s|ed|ing)?",
        r"rep(?:[’']?d)?",
        r"fix(?:ed|ing)?",
        r"mend(?:ed|ing)?",
        r"(?:re-?)?weld(?:ed|ing)",
        r"re-?weld",
        r"weld(?= [a-z])",
        r"patch(?:ed|ing)?",
        r"re-?seal(?:ed|ing)?",
        r"rectif(?:y|ied|ying)",
        r"re-?buil[dt](?:ing)?",
        r"re-?wir(?:ed|ing)",
        r"re-?pack(?:ed|ing)",
        r"straighten(?:ed|ing)?",
        r"re-?terminat(?:e|ed|ing)",
        r"unblock(?:ed|ing)?",
        r"freed(?: up| off)?",
        r"jump[- ]?start(?:ed)?",
    ),
    Activity.INSPECT: words(
        r"inspect(?:s|ed|ing|ions?)?",
        r"insp",
        r"check(?:s|ed|ing)?",
        r"chkd?",
        r"looked (?:at|over)",
        r"examin(?:e|ed|ation)",
        r"walked (?:round|around|down)",
        r"visual",
        r"survey(?:ed)?",
    ),
    Activity.SERVICE: words(
        r"servic(?:e|es|ed|ing)",
        r"serv",
        r"svc(?:e|d)?",
        r"lub(?:e|ed|ing|ricate|ricated)",
        r"greas(?:e|ed|ing)",
        r"clean(?:s|ed|ing)?(?: out)?",
        r"flush(?:ed|ing)?",
        r"top(?:ped|ping)?[- ]up",
        r"re-?charg(?:e|ed|ing)",
        r"re-?gas(?:sed)?",
        r"bl(?:ow|ew|own) ?out",
        r"de-?sludg(?:e|ed|ing)",
        r"tun(?:e|ed|ing)(?: ?up)?",
        r"oil chang(?:e|ed)",
        r"chang(?:e|ed) (?:the )?(?:\w+ )?oil(?! ?(?:filter|seal|pump|cooler|line|hose))",
    ),
    Activity.DIAGNOSE: words(
        r"diagnos(?:e|ed|is|ing|tics)",
        r"diag",
        r"investigat(?:e|ed|ing|ion)?",
        r"inv(?:est)?",
        r"trouble-?sh(?:oot|ot)(?:ing|ed)?",
        r"fault[- ]?find(?:ing)?",
        r"trac(?:e|ed|ing)(?= )",
        r"test(?:s|ed|ing)?",
        r"analys(?:e|ed|is)",
        r"ndt",
        r"re-?sampled?",
    ),
    Activity.ADJUST: words(
        r"(?:re-?)?adjust(?:s|ed|ing|ments?)?",
        r"adj(?:[’']?d)?",
        r"(?:re-?)?align(?:ed|ing|ment)?",
        r"(?:re-?)?tension(?:ed|ing)",
        r"re-?tension",
        r"(?:re-?)?tighten(?:ed|ing)?",
        r"re-?torqu(?:e|ed|ing)",
        r"torqu(?:ed|ing)",
        r"nipped up",
        r"re-?balanc(?:e|ed|ing)",
        r"trimmed",
    ),
    Activity.CALIBRATE: words(
        r"(?:re-?)?calibrat(?:e|ed|ing|ions?)",
        r"(?:re)?cal(?:[’']?d)?",
        r"zeroed",
        r"spanned",
    ),
}

#: Kinds of work by how much they change, the most first: a job is coded by that.
WEIGHT = (
    Activity.REPLACE,
    Activity.REPAIR,
    Activity.CALIBRATE,
    Activity.ADJUST,
    Activity.SERVICE,
    Activity.DIAGNOSE,
    Activity.INSPECT,
)
#: A service by name is the whole job, whatever was changed in its course.
NAMED_SERVICE = words(r"servic(?:e|es|ed|ing)", r"serv", r"svc(?:e|d)?")

#: Things that are called after work: in "grease plug" or "check valve" nobody greased or checked.
THINGS = words(
    r"(?:auto[- ]?)?(?:lube|grease|greasing)[ -](?:circuit|error|fault|fitting|gauge|gun|hose|leak|line|module|nipple|"
    r"plug|point|pump|system|tank|truck|unit)s?",
    r"auto[- ]?(?:lube|grease)",
    r"check[ -]?(?:list|sheet|valve)s?",
    r"service[ -](?:bay|brake|door|hatch|light|module|point|truck|van|water)s?",
    r"(?:out of|in|into|to) service",
    r"(?:inspection|visual)[ -](?:cover|display|door|hatch|light|pit|plate|port|window)(?:e?s)?",
    r"load[ -]?test(?:s|ed|ing)?",
    r"test[ -](?:button|certificate|cock|kit|lead|point|port|rig|strip|valve)s?",
    r"repair[ -](?:bay|kit|shop)s?",
    r"clean[ -](?:air|room|side|water)",
    r"change[ -]?(?:over|room)s?(?: (?:switch|valve|panel))?",
    r"(?:fit|tune) for",
    r"drain[ -](?:cock|hole|hose|line|pipe|plug|pump|valve|block(?:ed)?)s?",
    r"cal(?:ibration)?[ -](?:cert(?:ificate)?|date|due|gas|sticker)s?",
    r"flush(?:ing)?[ -](?:seal|line|pipe|valve|water)s?",
    r"welds? (?:is |are )?(?:broken|cracked|failed|gone)",
)

#: What before a word says that the work was not done, or is still to come.
NOT_DONE = re.compile(
    r"\b(?:not|never|no|cannot|can[’']?t|couldn[’']?t|could not|didn[’']?t|won[’']?t|unable to|without|"
    r"needs?|needing|required?|requires|requiring|to be|must be|should be|will|going to|due(?: for)?|overdue|"
    r"(?:re-?)?start(?:ed|ing)(?! up)|awaiting|waiting (?:for|on)|recommend(?:ed|s)?|next|ready for|before|until|pending|order(?:ed)? (?:a )?)"
    r"(?: [\w/’'-]+){0,2} ?$",
    re.IGNORECASE,
)
#: What after a word says that it is about another day.
OTHER_DAY = re.compile(
    r"^(?: [\w/’'-]+){0,3} (?:tomorrow|yesterday|next|last (?:week|month|year|time|shift)|again (?:on|in|next)|due|"
    r"not (?:possible|done|needed|required|yet)|"
    r"on (?:mon|tues|wednes|thurs|fri|satur|sun)day)\b",
    re.IGNORECASE,
)

# -- units and quantities


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of measurement as people write it: its proper sign, what it measures, and how it is spelled."""

    sign: str
    quantity: Quantity
    spelled: str
    #: Only believed when a word of the quantity stands in the same clause: "3 h", "40 mm".
    named_only: bool = False


_Q = Quantity
#: Longer spellings before shorter ones that begin alike. Letters that are also words or plain letters keep their case.
UNITS: tuple[Unit, ...] = (
    Unit("mbar", _Q.PRESSURE, r"(?i:mbar)"),
    Unit("bar", _Q.PRESSURE, r"(?i:bars?(?:\(?g\)?)?)"),
    Unit("kPa", _Q.PRESSURE, r"(?i:kpa)"),
    Unit("MPa", _Q.PRESSURE, r"MPa|mpa"),
    Unit("psi", _Q.PRESSURE, r"(?i:psig?)"),
    Unit("°C", _Q.TEMPERATURE, r"[°º˚] ?[Cc]|(?i:deg(?:rees|s)?\.? ?c(?:elsius|entigrade)?|celsius)|C"),
    Unit("°F", _Q.TEMPERATURE, r"[°º˚] ?[Ff]|(?i:deg(?:rees|s)?\.? ?f(?:ahrenheit)?)|F"),
    Unit("°", _Q.TEMPERATURE, r"[°º˚]|(?i:deg(?:rees|s)?)"),
    Unit("mm/s", _Q.VIBRATION, r"(?i:mm ?/ ?s(?:ec)?|mmps)"),
    Unit("m3/h", _Q.FLOW, r"(?i:m ?[3³] ?/ ?hr?|cu(?:bic)? ?m ?/ ?hr?|cubes? an hour)"),
    Unit("m3/d", _Q.FLOW, r"(?i:m ?[3³] ?/ ?d(?:ay)?)"),
    Unit("L/s", _Q.FLOW, r"(?i:l(?:it(?:re|er)s?)? ?/ ?s(?:ec)?|lps)"),
    Unit("L/min", _Q.FLOW, r"(?i:l(?:it(?:re|er)s?)? ?/ ?m(?:in)?|lpm)"),
    Unit("L/h", _Q.FLOW, r"(?i:l(?:it(?:re|er)s?)? ?/ ?hr?|lph)"),
    Unit("ML/d", _Q.FLOW, r"(?i:ml ?/ ?d(?:ay)?|mld)"),
    Unit("mA", _Q.CURRENT, r"mA"),
    Unit("A", _Q.CURRENT, r"(?i:amps?|amperes?)|A"),
    Unit("kV", _Q.VOLTAGE, r"(?i:kv)"),
    Unit("mV", _Q.VOLTAGE, r"mV"),
    Unit("V", _Q.VOLTAGE, r"(?i:volts?|v ?[ad]c)|V"),
    Unit("mg/L", _Q.RESIDUAL_CHLORINE, r"(?i:mg ?/ ?l|ppm)"),
    Unit("NTU", _Q.TURBIDITY, r"(?i:f?ntu|fnu)"),
    Unit("Nm", _Q.TORQUE, r"N[ .·-]?m|nm|NM"),
    Unit("rpm", _Q.SPEED, r"(?i:rpm|r/min)"),
    Unit("Hz", _Q.SPEED, r"(?i:hz)"),
    Unit("h", _Q.RUN_HOURS, r"(?i:hours|hour|hrs|hr|h)", named_only=True),
    Unit("%", _Q.LEVEL, r"%|(?i:percent|pct|per cent)"),
    Unit("mm", _Q.LEVEL, r"mm", named_only=True),
    Unit("cm", _Q.LEVEL, r"cm", named_only=True),
    Unit("m", _Q.LEVEL, r"(?i:met(?:re|er)s?)|m", named_only=True),
)

#: What people call a quantity.
QUANTITY: Mapping[Quantity, re.Pattern[str]] = {
    _Q.PRESSURE: words(r"press(?:ure)?s?", r"psi", r"discharge", r"suction", r"delivery", r"head"),
    _Q.TEMPERATURE: words(r"temp(?:erature)?s?", r"degrees"),
    _Q.VIBRATION: words(r"vibs?", r"vibrations?"),
    _Q.FLOW: words(r"flow(?:s|ing|rate)?"),
    _Q.CURRENT: words(r"current", r"amps?", r"drawing", r"draws?", r"pulling"),
    _Q.VOLTAGE: words(r"volt(?:s|age)?"),
    _Q.LEVEL: words(r"levels?", r"lvl", r"dip(?:ped)?"),
    _Q.SPEED: words(r"speed", r"rpm", r"revs"),
    _Q.RUN_HOURS: words(
        r"run(?:ning)?[- ]?(?:hours|hrs|h|time)", r"hours? ?(?:meter|run|counter|clock)", r"hrs run", r"clock",
        r"hour reading", r"hours now", r"smu", r"counter", r"hours (?:at|on)",
    ),
    _Q.TORQUE: words(r"torqued?"),
    _Q.RESIDUAL_CHLORINE: words(r"(?:free |total |residual )?(?:chlorine|cl2)", r"residual", r"free cl"),
    _Q.TURBIDITY: words(r"turb(?:idity)?"),
}  # fmt: skip

#: What before a number says that it is not what was just measured.
NOT_MEASURED = re.compile(
    r"\b(?:was|were|had been|previously|initially|started|from|limit|max(?:imum)?|min(?:imum)?|spec|rated|nominal|should be|design|"
    r"set ?point|alarms?|trips?(?: level)?|threshold|target|allowed|permitted|above|below|over|under|within|than|"
    r"up to|every|after|for|in|about to|last)"
    r"(?: (?:is|was|of|at|to|about|approx|only|around|the|limit|down|up))* ?[(:=~@]? ?$",
    re.IGNORECASE,
)
#: What after a measure says the same: it was then, it is a bound, or it describes a part.
NOT_MEASURED_AFTER = re.compile(
    r"^ ?(?:before|beforehand|earlier|on arrival|when (?:i |we )?arrived|found|as found|at (?:the )?start|at first|initially|yesterday|previously|last (?:week|month|time)|limit|max|min|rated|rating|"
    r"set ?point|alarm|nominal|test|standard|"
    r"(?:(?:[a-z]+ )?(?:relay|batter|fuse|breaker|cable|hose|valve|bolt|pipe|gauge|motor|lamp|contactor|solenoid|"
    r"plug|bulb|coil|supply unit|transformer|servic|inspection|insp\b|svce?\b|lube|check|pm\b|oil change|gasket|"
    r"seal|bearing|nut|stud|flange|spanner|socket|regulator|rail|transmitter|sensor|range|card|mcb\b|rcd\b)))",
    re.IGNORECASE,
)

# -- states of a job

#: What people write when a job moves on.
STATUS: Mapping[WorkStatus, re.Pattern[str]] = {
    WorkStatus.IN_PROGRESS: words(
        r"(?:half|part(?:ly|ially)?|nearly|almost) ?(?:way )?(?:done|complete[d]?|finished|there)",
        r"not (?:yet )?(?:done|complete[d]?|finished)(?: yet)?",
        r"in progress",
        r"under ?way",
        r"on-?going",
        r"half ?way",
        r"(?:to be )?continu(?:e|ed|ing)",
        r"carry(?:ing)? on",
        r"still (?:to (?!come)|working on|going|more to)",
        r"(?:will )?finish(?:ing)?(?: it| off| up| the rest)*(?: on)? "
        r"(?:tomorrow|next|later|in the morning|mon|tues|wednes|thurs|fri)(?:day)?",
        r"(?:back|more|rest|return(?:ing)?) (?:on |it )?(?:tomorrow|in the morning|after (?:lunch|smoko))",
        r"resum(?:ed|ing)",
        r"(?:begun|began|commenced)",
        r"(?:job|work|have|just|now) (?:has )?(?:been )?(?:re-?)?start(?:ed|ing)",
        r"(?:re-?)?start(?:ed|ing) (?:on|work|job|strip|the|to|dis|pull|remov|now|drain|isolat|annual|monthly|weekly)\w*",
        r"on site",
        r"made a start",
    ),
    WorkStatus.ON_HOLD: words(
        r"(?:a)?waiting(?: (?:for|on))?",
        r"on hold",
        r"(?:on|back) ?order(?:ed)?",
        r"ordered",
        r"no (?:spares?|parts?|stock|access|permit)(?: (?:here|in stock|available|on site|on the van))?",
        r"out of stock",
        r"none (?:in stock|on the shelf|on the van|in store)",
        r"(?:can[’']?t|cannot|can not|could not|couldn[’']?t) (?:continue|proceed|finish|complete|get (?:in|access))",
        r"held up",
        r"stood down",
        r"(?:postponed|rescheduled|deferred|parked|paused|suspended)",
        r"hold(?:ing)? (?:for|until|job)",
    ),
    WorkStatus.DONE: words(
        r"(?:all )?done",
        r"complete[d]?",
        r"finished",
        r"all good",
        r"back in (?:service|use)",
        r"back on ?line",
        r"returned to service",
        r"put back (?:in(?:to)? service|to work)",
        r"handed (?:back|over)",
        r"signed off",
        r"closed? (?:out|off)",
        r"job closed",
        r"good to go",
        r"rts",
    ),
}

#: What before one of the above makes it say nothing about now: "no complete set", "when finished", "was on hold".
NO_STATE = re.compile(
    r"\b(?:not|no|isn[’']?t|never|when|once|until|till|before|after|if|to be|be|get|getting|by|has not|half|nearly|"
    r"almost|partly|partially|nothing|only|was|were|had been|been|had to|pump|motor|engine|set|unit|it) $",
    re.IGNORECASE,
)
#: What after it does the same: "done for today", "on hold this morning".
NO_STATE_AFTER: Mapping[WorkStatus, re.Pattern[str]] = {
    WorkStatus.DONE: re.compile(
        r"^(?: [\w’'-]+){0,2} (?:for (?:today|now|the day|tonight)|yesterday|last (?:week|month|time)|earlier)\b", re.I
    ),
    WorkStatus.ON_HOLD: re.compile(
        r"^(?: [\w’'-]+){0,2} (?:this morning|yesterday|last (?:week|night|month)|earlier)\b", re.I
    ),
    WorkStatus.IN_PROGRESS: re.compile(r"(?!)"),
}

# -- parts

#: Words of a stock item's name that say nothing about which item it is.
PLAIN_NAME_WORDS = frozenset(
    {"and", "for", "with", "of", "the", "a", "an", "in", "set", "kit", "pack", "assembly", "assy", "complete", "new"}
    | {"type", "size", "spare", "mm", "m", "pcs", "no", "l"}
)
#: Shorthand for words of names.
SHORTHAND: Mapping[str, str] = {
    "brg": "bearing", "bearings": "bearing", "mech": "mechanical", "filt": "filter", "fltr": "filter", "cyl": "cylinder",
    "vlv": "valve", "imp": "impeller", "cplg": "coupling", "gskt": "gasket", "mtr": "motor", "pmp": "pump",
    "batt": "battery", "batts": "battery", "hyd": "hydraulic", "elec": "electric", "disch": "discharge",
    "oring": "o ring", "vbelt": "v belt", "vbelts": "v belt", "cl": "chlorine", "cl2": "chlorine",
    "temp": "temperature", "press": "pressure", "de": "drive end", "nde": "non drive end", "eng": "engine",
    "diaph": "diaphragm", "cart": "cartridge",
}  # fmt: skip
#: Numbers that people spell.
SPELLED: Mapping[str, int] = {
    "a": 1, "an": 1, "one": 1, "single": 1, "two": 2, "both": 2, "pair": 2, "three": 3, "four": 4, "five": 5,
    "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "dozen": 12,
}  # fmt: skip
#: What says that a part was used.
USED = words(
    r"replac(?:e|ed|ing)", r"repl(?:[’']?d)?", r"rplc?d?", r"chang(?:e|ed|ing)(?: out)?", r"c(?:hg)?/o(?:ut)?",
    r"chan?ge?[- ]?outs?", r"swap(?:ped|t)?(?: out)?", r"renew(?:ed)?", r"fit(?:ted|ting)?", r"install(?:ed|ing)?",
    r"used?", r"new", r"put in", r"added", r"topped[- ]up", r"exchanged",
)  # fmt: skip
#: What may stand before the bare noun of a stock item: anything else makes it another thing ("pinion seal").
DESCRIBING = re.compile(
    rf"(?:^|[^\w ]|\b(?:the|a|an|its|new|old|same|spare|worn|blown|broken|bad|faulty|failed|leaking|leaky|weeping|damaged|"
    rf"cracked|torn|split|perished|clogged|blocked|dirty|dead|flat|burnt|noisy|both|of|x|\d+|{'|'.join(SPELLED)})"
    rf"|{USED.pattern}) ?$",
    re.IGNORECASE,
)
#: What may follow a stock item's name where the part was something on it: "filter housing".
PART_OF = re.compile(
    r"[ -](?:bod(?:y|ies)|bolts?|bowls?|boxe?s?|brackets?|caps?|carriers?|chambers?|clamps?|covers?|doors?|fittings?|"
    r"guards?|pulleys?|tensioners?|hous(?:e|ings?)|holders?|heads?|hoses?|lids?|lines?|mounts?|pins?|pipes?|plates?|rooms?|seats?|"
    r"springs?|switch(?:es)?|terminals?|wir(?:e|es|ing))(?![A-Za-z])",
    re.IGNORECASE,
)
