"""Where a question may run, and where it runs best. Pure rules: values in, decisions out.

Reading order: `route` (the decision, put together), `boundary` (may data cross? Cedar), `consent` (which count),
`ranking` (can it, and which is best), `rulebook` and `bundle` (what is in force), `stability` (what was watched for a
while), `classify` (how sensitive a text is). Then what is made of decisions: `explain`, `flips`, `corpus`, `rollout`,
`record`.

Not handled here: running anything, files, time, signatures. `default/` is the bundle that ships, and its corpus.
"""
