"""The rig: real processes on one machine, with everything between and under them broken on purpose.

Server processes on one PostgreSQL behind a plain TCP balancer, and laptop processes, each behind a link of its own
that does what bad networks do.

The picture: `plan` says what goes wrong and when, as a pure function of the options; `toxics` are what links do to
bytes, pure as well; `relay` carries bytes through them; `ground` is what the machine allows (networks and disks of
one's own), `guard` ends what a dead rig left running; `children` are the processes, `laptop` is the program of one;
`people` work; `course` leads from the first word to the verdict.

Not handled here: judging (`simulators.checkers`), reading what is on the disks (`simulators.evidence`), what is said
(`simulators.workload`).
"""
