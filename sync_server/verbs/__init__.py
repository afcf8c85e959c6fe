"""The verbs of `tailboard-server` as tables, by what they are about, and the arguments that several of them take.

A verb names its handler as text: no table imports what it describes.
"""

from shared.commandline import argument

TENANT = argument("--tenant", help="which organisation; needed only if there are several")
AS = argument("--as", dest="actor", required=True, metavar="PERSON", help="who does it")
HERE = "sync_server.commands:"
OFFICE = "sync_server.office.commands:"
WHY = argument("--reason", required=True, help="why; it stays in the audit")
EMBEDDED_OR_FILE = "embedded|FILE"
