"""Bugs planted on purpose: each is to be found by the judge that it was planted for, within a stated number of seeds.

`server`, `rules`, `laptop`, `routes` and `tasks` hold the bugs, each a function that changes the running program;
production code holds no switch. `people` gives some of them their chance, `table` names them, `hunt` looks for them,
each in a process of its own.
"""
