"""Where a question may run, and where it runs best. Pure rules: values in, decisions out.

Reading order: `route` (the decision, put together), `boundary` (may data cross? Cedar), `consent` (which count),
`ranking` (can it, and which is best), `rulebook` and `bundle` (what is in force), `stability` (what was watched for a
while), `answers` (what Cedar said before), `classify` (how sensitive a text is). Then what is made of decisions:
`explain` (in words), `traces` and `flips` (made again), `corpus` (what a bundle must decide), `record` (what runs
where). `rollout` says which bundle is in force for whom, `models` which model.

Not handled here: running anything, files, time, signatures. `default/` is the bundle that ships, and its corpus;
`acts/` are other rules, by which the office's console decides who may do what.
"""
