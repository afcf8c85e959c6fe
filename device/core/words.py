"""The words of maintenance notes, as tables: what people write for each kind of work, unit, quantity and state.

Owns nothing but data and the compiled patterns made from it. A pattern here is linear in the length of the note.
`device.core.candidates` applies them; an organisation's own vocabulary will one day stand beside them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from shared.records import Activity, Quantity, WorkStatus


def words(*alternatives: str) -> re.Pattern[str]:
    """A pattern for any of `alternatives` (regular expressions) that does not begin or end inside a word."""
    return re.compile(rf"(?<![A-Za-z])(?:{'|'.join(alternatives)})(?![A-Za-z])", re.IGNORECASE)


#: What people write for a kind of work, in full and in shorthand.
ACTIVITY: Mapping[Activity, re.Pattern[str]] = {
    Activity.REPLACE: words(
        r"replac(?:e|es|ed|ing|ement|ements)",
        r"repl(?:[’']?d|aced)?",
        r"rpl(?:c|cd|d)?",
        r"chan?ge?[- ]?(?:d|ed|ing)?[- ]?outs?",
        r"chang(?:e|es|ed|ing)",
        r"c(?:hg)?/(?:o|out)",
        r"swap(?:s|ped|ping|t)?(?: ?out)?",
        r"renew(?:ed|ing|al)?",
        r"exchang(?:e|ed|ing)",
        r"(?:re)?install(?:s|ed|ing|ation)?",
        r"fit(?:s|ted|ting)?(?= (?:a |an |the )?(?:new|spare|replacement|temp|\d))",
        r"fit(?:ted)?",
        r"put (?:in )?(?:a )?new",
    ),
    Activity.REPAIR: words(
        r"repair(?:s|ed|ing)?",
        r"rep(?:[’']?d)?",
        r"fix(?:ed|ing)?",
        r"mend(?:ed|ing)?",
        r"(?:re-?)?weld(?:s|ed|ing)?",
        r"patch(?:ed|ing)?",
        r"re-?seal(?:ed|ing)?",
        r"rectif(?:y|ied|ying)",
        r"re-?buil[dt](?:ing)?",
        r"re-?wir(?:e|ed|ing)",
        r"re-?pack(?:ed|ing)?",
        r"straighten(?:ed|ing)?",
        r"re-?connect(?:ed|ing)?",
        r"re-?terminat(?:e|ed|ing)",
        r"unblock(?:ed|ing)?",
        r"freed(?: up)?",
        r"jump[- ]?start(?:ed)?",
    ),
    Activity.INSPECT: words(
        r"inspect(?:s|ed|ing|ion|ions)?",
        r"insp",
        r"check(?:s|ed|ing)?",
        r"chk(?:d|ed)?",
        r"look(?:ed)? (?:at|over)",
        r"examin(?:e|ed|ation)",
        r"walk(?:ed)? ?(?:round|around|down)",
        r"visual",
        r"survey(?:ed)?",
    ),
    Activity.SERVICE: words(
        r"servic(?:e|es|ed|ing)",
        r"serv",
        r"svc(?:e|d)?",
        r"lub(?:e|es|ed|ing|ricate|ricated)",
        r"greas(?:e|ed|ing)",
        r"clean(?:s|ed|ing)?(?: out)?",
        r"flush(?:ed|ing)?",
        r"top(?:ped|ping)?[- ]?up",
        r"re-?charg(?:e|ed|ing)",
        r"re-?gas(?:sed)?",
        r"drain(?:ed|ing)",
        r"blow(?:n)? ?out",
        r"blew out",
        r"de-?sludg(?:e|ed|ing)",
        r"tun(?:e|ed|ing)(?: ?up)?",
        r"oil change",
        r"changed (?:the )?oil",
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
        r"re-?sampl(?:e|ed)",
    ),
    Activity.ADJUST: words(
        r"(?:re-?)?adjust(?:s|ed|ing|ment|ments)?",
        r"adj(?:[’']?d)?",
        r"(?:re-?)?align(?:ed|ing|ment)?",
        r"(?:re-?)?tension(?:ed|ing)",
        r"retension",
        r"(?:re-?)?tighten(?:ed|ing)?",
        r"re-?torqu(?:e|ed|ing)",
        r"torqu(?:ed|ing)",
        r"nipp(?:ed|ing) up",
        r"re-?balanc(?:e|ed|ing)",
        r"trimmed",
        r"re-?set(?:ting)? (?=.{0,20}(?:stop|setpoint|set ?point|pressure|gap|clearance))",
    ),
    Activity.CALIBRATE: words(
        r"(?:re-?)?calibrat(?:e|ed|ing|ion|ions)",
        r"(?:re)?cal(?:[’']?d|ibed)?",
        r"zero(?:ed|ing)",
        r"span(?:ned)",
    ),
}
