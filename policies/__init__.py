"""Where a question may run, and where it runs best. Pure rules: values in, decisions out.

Reading order: `bundle` (the signed set of policies in force), `boundary` (may data cross? — Cedar), `route` (which of
the permitted places is best, and the recorded decision).

Not handled here: running anything, files, time. `default/` is the bundle that ships.
"""
