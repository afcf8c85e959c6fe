"""The kill −9 campaign: server and device die at named points around each commit, and nothing is lost or doubled.

`points` names where they die, `doomed` is what runs in the child processes, `nursery` makes those quickly, `campaign`
plays the rounds. `simulators.evidence` reads what is left on the disk, and `verdict` judges it by what a person was
told.
"""
