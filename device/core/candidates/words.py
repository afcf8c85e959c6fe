"""The words of maintenance notes, as tables: what people write for kinds of work, for the state of a job, for parts.

Owns data and the patterns made from it, nothing else. Every pattern takes time linear in the length of the note. What
an organisation's own shorthand means is learned and not written here (`shared.vocabulary`). Units and quantities are
next door, in `units`.
"""

import re
from collections.abc import Mapping

from shared.records import Activity, WorkStatus


def words(*alternatives: str) -> re.Pattern[str]:
    """A pattern for any of `alternatives` (regular expressions) that neither begins nor ends inside a word."""
    return re.compile(rf"(?<![A-Za-z])(?:{'|'.join(alternatives)})(?![A-Za-z])", re.IGNORECASE)


def before(*alternatives: str) -> re.Pattern[str]:
    """A pattern for a text that ends with any of `alternatives` as whole words."""
    return re.compile(rf"(?<![\w’'])(?:{'|'.join(alternatives)}) ?$", re.IGNORECASE)


def after(*alternatives: str) -> re.Pattern[str]:
    """A pattern for a text that begins with any of `alternatives` as whole words."""
    return re.compile(rf"[ -]?(?:{'|'.join(alternatives)})(?![A-Za-z])", re.IGNORECASE)


_WEEKDAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_WORDS_BETWEEN = r"(?: [\w/’'-]+)"

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
        r"install(?:s|ed|ing|ation)?",
        r"fit(?:ted|ting)?",
        r"put (?:in |on )?(?:a |the |one |two |\d )?new",
    ),
    Activity.REPAIR: words(
        r"repair(?:s|ed|ing)?",
        r"rep(?:[’']?d)?",
        r"fix(?:ed|ing)?",
        r"mend(?:ed|ing)?",
        r"(?:re-?)?weld(?:ed|ing)",
        r"(?:re-?weld|weld(?= [a-z]))",
        r"(?:re-?)?solder(?:ed|ing)",
        r"patch(?:ed|ing)?",
        r"re-?seal(?:ed|ing)?",
        r"rectif(?:y|ied|ying)",
        r"re-?buil[dt](?:ing)?",
        r"overhaul(?:ed|ing)?",
        r"refurb(?:ished)?",
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
        r"(?:re-?)?lub(?:e|ed|ing|ricate|ricated)",
        r"(?:re-?)?greas(?:e|ed|ing)",
        r"clean(?:s|ed|ing)?(?: out)?",
        r"wash(?:ed)?(?: down| out)?",
        r"wiped(?: down)?",
        r"descal(?:e|ed|ing)",
        r"flush(?:ed|ing)?",
        r"top(?:ped|ping)?[- ]up",
        r"re-?charg(?:e|ed|ing)",
        r"re-?gas(?:sed)?",
        r"bl(?:ow|ew|own) ?(?:out|down)",
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
        r"found (?:the )?(?:cause|fault)",
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
        r"backed off",
        r"slackened",
        r"re-?balanc(?:e|ed|ing)",
        r"trimmed",
        r"set(?= (?:the |it )?(?:[a-z]+ ){0,3}(?:to|at) \d)",
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
    r"(?:auto[- ]?)?(?:lube|grease|greasing)[ -](?:circuit|error|fault|fitting|gauge|gun|hose|leak|line)s?",
    r"(?:auto[- ]?)?(?:lube|grease|greasing)[ -](?:module|nipple|plug|point|pump|system|tank|truck|unit)s?",
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
    r"flush(?:ing)?[ -](?:line|pipe|seal|valve|water)s?",
    r"welds? (?:is |are )?(?:broken|cracked|failed|gone)",
)

#: What before a word says that the work was not done, is still to come, or has only begun.
NOT_DONE = before(
    r"(?:not|never|no|none|cannot|unable to|without|instead of|rather than|\w+n[’']?t"
    r"|needs?|needing|required?|requires|requiring|to be|must be|should be|will|going to|wants?|yet to|still to"
    r"|due(?: for)?|overdue|awaiting|waiting (?:for|on)|recommend(?:ed|s)?|next|ready for|before|until|pending"
    r"|order(?:ed)?|plan(?:ned)? to|tried to|if|(?:re-?)?start(?:ed|ing)(?! up))" + _WORDS_BETWEEN + "{0,2}"
)
#: What after a word says the same, or that it is about another day.
OTHER_DAY = re.compile(
    rf"^{_WORDS_BETWEEN}{{0,3}} (?:tomorrow|yesterday|next|last (?:week|month|year|time|shift)|due"
    rf"|again (?:on|in|next)|not (?:possible|done|needed|required|yet)|on {_WEEKDAY})\b",
    re.IGNORECASE,
)

# -- states of a job

_LATER = rf"(?:tomorrow|next|later|in the morning|after (?:lunch|smoko)|{_WEEKDAY})"
_OBJECT = r"(?:on|work|job|strip|the|to|dis|pull|remov|now|drain|isolat|annual|monthly|weekly|quarterly)"

#: What people write when a job moves on.
STATUS: Mapping[WorkStatus, re.Pattern[str]] = {
    WorkStatus.IN_PROGRESS: words(
        r"(?:half|part(?:ly|ially)?|nearly|almost) ?(?:way )?(?:done|completed?|finished|there)",
        r"not (?:yet )?(?:done|completed?|finished)(?: yet)?",
        r"in progress",
        r"under ?way",
        r"on-?going",
        r"half ?way",
        r"(?:to be )?continu(?:e|ed|ing)",
        r"carry(?:ing)? on",
        r"still (?:to (?!come)|working on|going|more to)",
        rf"(?:will )?finish(?:ing)?(?: it| off| up| the rest)*(?: on)? {_LATER}",
        rf"(?:back|more|rest|return(?:ing)?) (?:on |it )?{_LATER}",
        r"resum(?:ed|ing)",
        r"(?:begun|began|commenced)",
        r"(?:job|work|have|just|now) (?:has )?(?:been )?(?:re-?)?start(?:ed|ing)",
        rf"(?:re-?)?start(?:ed|ing) {_OBJECT}\w*",
        r"(?:now|arrived|back) on site",
        r"made a start",
    ),
    WorkStatus.ON_HOLD: words(
        r"(?:a)?waiting(?: (?:for|on))?",
        r"waits (?:for|on)",
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
        r"completed?",
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
NO_STATE = before(
    r"not|no|\w+n[’']?t|never|when|once|until|till|before|after|if|to be|be|get|getting|by|has not|half|nearly|almost"
    r"|partly|partially|nothing|only|was|were|had been|been|had to|pump|motor|engine|set|unit|it"
)
#: What after it does the same: "done for today", "on hold this morning".
NO_STATE_AFTER: Mapping[WorkStatus, re.Pattern[str]] = {
    WorkStatus.IN_PROGRESS: re.compile(r"(?!)"),
    WorkStatus.ON_HOLD: re.compile(
        rf"^{_WORDS_BETWEEN}{{0,2}} (?:this morning|yesterday|last (?:week|night|month)|earlier)\b", re.IGNORECASE
    ),
    WorkStatus.DONE: re.compile(
        rf"^(?: (?:set|kit|pump|unit|assembly)s?|{_WORDS_BETWEEN}{{0,2}}"
        r" (?:for (?:today|now|the day|tonight)|yesterday|last (?:week|month)|earlier))\b",
        re.IGNORECASE,
    ),
}

# -- parts

#: Words of a stock item's name that say nothing about which item it is.
PLAIN_NAME_WORDS = frozenset(
    {
        "and",
        "for",
        "with",
        "of",
        "the",
        "a",
        "an",
        "in",
        "complete",
        "new",
        "type",
        "size",
        "spare",
        "mm",
        "m",
        "pcs",
        "no",
        "l",
    }
)
#: Words that end a name without being what people call the thing: a "mechanical seal kit" is a seal to them, too.
BUNDLES = frozenset({"assembly", "assy", "kit", "pack", "set"})
#: Shorthand for words of names.
SHORTHAND: Mapping[str, str] = {
    "batt": "battery", "batts": "battery", "brg": "bearing", "brgs": "bearing", "cart": "cartridge",
    "cl": "chlorine", "cl2": "chlorine", "cplg": "coupling", "cyl": "cylinder", "de": "drive end",
    "diaph": "diaphragm", "disch": "discharge", "elec": "electric", "eng": "engine", "filt": "filter",
    "fltr": "filter", "gskt": "gasket", "hyd": "hydraulic", "imp": "impeller", "mech": "mechanical",
    "mtr": "motor", "nde": "non drive end", "oring": "o ring", "pmp": "pump", "press": "pressure",
    "temp": "temperature", "vbelt": "v belt", "vbelts": "v belt", "vlv": "valve",
}  # fmt: skip
#: Numbers that people spell.
SPELLED: Mapping[str, int] = {
    "a": 1, "an": 1, "one": 1, "single": 1, "two": 2, "both": 2, "pair": 2, "three": 3, "four": 4, "five": 5,
    "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "dozen": 12,
}  # fmt: skip
#: What says that a part was used.
USED = words(
    r"replac(?:e|ed|ing)",
    r"repl(?:[’']?d)?",
    r"rplc?d?",
    r"chang(?:e|ed|ing)(?: ?out)?",
    r"chan?ge?[- ]?outs?",
    r"c(?:hg)?/o(?:ut)?",
    r"swap(?:ped|t)?(?: out)?",
    r"renew(?:ed)?",
    r"exchanged",
    r"fit(?:ted|ting)?",
    r"install(?:ed|ing)?",
    r"used?",
    r"new",
    r"put (?:in|on)",
    r"added",
    rf"with(?= (?:\d|{'|'.join(SPELLED)}) )",
)
#: What may stand before the bare noun of a stock item: anything else makes it another thing ("pinion seal").
DESCRIBING = re.compile(
    r"(?:^|[^\w ]|\d|(?<![A-Za-z])(?:the|its|new|old|same|spare|of|x|worn|blown|broken|bad|faulty|failed|leaking"
    r"|leaky|weeping|damaged|cracked|torn|split|perished|clogged|blocked|dirty|dead|flat|burnt|noisy"
    rf"|{'|'.join(SPELLED)})|{USED.pattern}) ?$",
    re.IGNORECASE,
)
#: What may follow a stock item's name where it was something on it: "filter housing".
PART_OF = after(
    r"bod(?:y|ies)|bolts?|bowls?|box(?:es)?|brackets?|caps?|carriers?|chambers?|clamps?|covers?|doors?|fittings?|guards?"
    r"|heads?|holders?|hoses?|hous(?:e|ings?)|lids?|lines?|mounts?|pins?|pipes?|plates?|pulleys?|rooms?|seats?|springs?"
    r"|switch(?:es)?|tensioners?|terminals?|wir(?:e|es|ing)"
)
#: What before a thing says that it was only where something was done.
ELSEWHERE = words(
    r"on|from|near|at|behind|(?<!pair )(?<!set )(?<!sets )of|to|under|around|off|above|below|inside|by|beside"
)
