"""`tailboard-server` with a fault planted in it: for the rig's own tests, which have to see the judges speak.

python -m simulators.rig.spoiled MODULE:FUNCTION WORDS…
"""

import sys

from simulators.processes import plant
from sync_server.cli import main

if __name__ == "__main__":
    plant(sys.argv[1])
    sys.exit(main(sys.argv[2:]))
