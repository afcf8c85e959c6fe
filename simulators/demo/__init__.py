"""The main job, once, on one machine: a technician's sentences become authoritative records.

`story` tells it without a screen; `stage` sets up the organisation, the server and the laptop for both forms; `notes`
brings the sentences; `verdict` judges the end from the server's files alone.
"""
