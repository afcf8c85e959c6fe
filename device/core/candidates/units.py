"""Units and quantities as people write them, and what around a number says that it was not measured just now.

Owns tables and patterns only, like `words`. Nothing is converted: what is recorded is the number that the person
gave, in the unit that the person gave.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from device.core.candidates.words import after, before, words
from shared.records import Quantity

Q = Quantity


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit: its proper sign, what it measures, and how it is spelled (a regular expression).

    One that is `named_only` is believed only when a word for its quantity stands in the same clause: 3 h, 40 mm.
    """

    sign: str
    quantity: Q
    spelled: str
    named_only: bool = False


#: Longer spellings before shorter ones that begin alike. Letters that are also plain letters keep their case.
UNITS: tuple[Unit, ...] = (
    Unit("mbar", Q.PRESSURE, r"(?i:mbar)"),
    Unit("bar", Q.PRESSURE, r"(?i:bars?(?:\(?g\)?)?)"),
    Unit("kPa", Q.PRESSURE, r"(?i:kpa)"),
    Unit("MPa", Q.PRESSURE, r"MPa|mpa"),
    Unit("psi", Q.PRESSURE, r"(?i:psig?)"),
    Unit("°C", Q.TEMPERATURE, r"[°º˚] ?[Cc]|(?i:deg(?:rees|s)?\.? ?c(?:elsius|entigrade)?|celsius)|C|(?<=\d)c"),
    Unit("°F", Q.TEMPERATURE, r"[°º˚] ?[Ff]|(?i:deg(?:rees|s)?\.? ?f(?:ahrenheit)?)|F"),
    Unit("°", Q.TEMPERATURE, r"[°º˚]|(?i:deg(?:rees|s)?)"),
    Unit("mm/s", Q.VIBRATION, r"(?i:mm ?/ ?s(?:ec)?|mmps)"),
    Unit("m3/h", Q.FLOW, r"(?i:m ?[3³] ?/ ?hr?|cu(?:bic)? ?m ?/ ?hr?)"),
    Unit("m3/d", Q.FLOW, r"(?i:m ?[3³] ?/ ?d(?:ay)?)"),
    Unit("L/s", Q.FLOW, r"(?i:l(?:it(?:re|er)s?)? ?/ ?s(?:ec)?|lps)"),
    Unit("L/min", Q.FLOW, r"(?i:l(?:it(?:re|er)s?)? ?/ ?m(?:in)?|lpm)"),
    Unit("L/h", Q.FLOW, r"(?i:l(?:it(?:re|er)s?)? ?/ ?hr?|lph)"),
    Unit("ML/d", Q.FLOW, r"(?i:ml ?/ ?d(?:ay)?|mld)"),
    Unit("mA", Q.CURRENT, r"mA"),
    Unit("A", Q.CURRENT, r"(?i:amps?|amperes?)|A"),
    Unit("kV", Q.VOLTAGE, r"(?i:kv)"),
    Unit("mV", Q.VOLTAGE, r"mV"),
    Unit("V", Q.VOLTAGE, r"(?i:volts?|v ?[ad]c)|V"),
    Unit("mg/L", Q.RESIDUAL_CHLORINE, r"(?i:mg ?/ ?l|ppm)"),
    Unit("NTU", Q.TURBIDITY, r"(?i:f?ntu|fnu)"),
    Unit("Nm", Q.TORQUE, r"N[ .·-]?m|nm|NM"),
    Unit("rpm", Q.SPEED, r"(?i:rpm|r/min|revs)"),
    Unit("Hz", Q.SPEED, r"(?i:hz)"),
    Unit("h", Q.RUN_HOURS, r"(?i:hours|hour|hrs|hr|h)", named_only=True),
    Unit("%", Q.LEVEL, r"%|(?i:percent|pct|per cent)"),
    Unit("mm", Q.LEVEL, r"mm", named_only=True),
    Unit("cm", Q.LEVEL, r"cm", named_only=True),
    Unit("m", Q.LEVEL, r"(?i:met(?:re|er)s?)|m", named_only=True),
)

#: What people call a quantity.
QUANTITY: Mapping[Q, re.Pattern[str]] = {
    Q.PRESSURE: words(r"press(?:ure)?s?", r"psi", r"discharge", r"suction", r"delivery", r"head"),
    Q.TEMPERATURE: words(r"temp(?:erature)?s?", r"degrees"),
    Q.VIBRATION: words(r"vibs?", r"vibrations?"),
    Q.FLOW: words(r"flow(?:s|ing|rate)?"),
    Q.CURRENT: words(r"current", r"amps?", r"drawing", r"draws?", r"pulling"),
    Q.VOLTAGE: words(r"volt(?:s|age)?"),
    Q.LEVEL: words(r"levels?", r"lvl", r"dip(?:ped)?"),
    Q.SPEED: words(r"speed", r"rpm", r"revs"),
    Q.RUN_HOURS: words(
        r"run(?:ning)?[- ]?(?:hours|hrs|h|time)",
        r"hours? ?(?:meter|run|counter|clock|reading)",
        r"hrs run",
        r"clock",
        r"smu",
        r"counter",
    ),
    Q.TORQUE: words(r"torqued?"),
    Q.RESIDUAL_CHLORINE: words(r"(?:free |total |residual )?(?:chlorine|cl2)", r"residual", r"free cl"),
    Q.TURBIDITY: words(r"turb(?:idity)?"),
}
#: What may stand between the name of a quantity and its number where there is no unit.
FILLING = re.compile(
    r"(?: (?:now|at|is|was|reads|reading|of|up|down|to|back|steady|holding|about|approx|around|ok|de|nde|inlet|outlet"
    r"|discharge|suction|level|rate|pressure|meter|run|hours|residual|chlorine))*[ .:=@~]{0,3}$",
    re.IGNORECASE,
)

#: What before a number says that it is not what was just measured: it was so, or it is a bound, a duration, a size.
NOT_MEASURED = before(
    r"(?:was|were|had been|previously|initially|started|from|limit|max(?:imum)?|min(?:imum)?|spec|rated|nominal"
    r"|should be|design|set ?point|alarms?|trips?(?: level)?|threshold|target|allowed|permitted|above|below|over"
    r"|under|within|than|up to|every|after|for|in|about to|last)"
    r"(?: (?:is|was|of|at|to|about|approx|only|around|the|limit|down|up))*(?: ?[(:=~@])?",
    r"fuses?|breakers?|relays?|contactors?|mcb|rcd|bolts?|nuts?|studs?",
)
_PARTS = (
    r"relay|batter(?:y|ies)|fuse|breaker|cable|hose|valve|bolt|pipe|gauge|motor|lamp|contactor|solenoid|plug|bulb|coil"
    r"|supply unit|transformer|gasket|seal|bearing|nut|stud|flange|spanner|socket|regulator|rail|transmitter|sensor"
    r"|range|card|mcb|rcd"
)
_JOBS = r"servic(?:e|es|ing)|svce?|inspection|insp|lube|check|pm|oil change"
#: What after a measure says the same, or that it describes a part.
NOT_MEASURED_AFTER = after(
    r"before(?:hand)?|earlier|yesterday|previously|last (?:week|month|time)|initially|at first|at (?:the )?start"
    r"|on arrival|when (?:i |we )?arrived|(?:as )?found",
    r"limit|max|min|rated|rating|set ?point|alarm|nominal|test|standard|std",
    rf"(?:[a-z]+ )?(?:(?:{_PARTS})s?|{_JOBS})",
)
