"""Bugs planted on purpose: each is to be found by the judge that it was planted for, within a stated number of seeds.

`server`, `rules` and `laptop` hold the bugs, each a function that changes the running program; production code holds
no switch. `table` names them, `hunt` looks for them, each in a process of its own.
"""
