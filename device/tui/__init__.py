"""The technician's screen.

`app` holds the running screen together; `screens` are its pages and dialogs, `widgets` their parts; `forms` ask for
one command at a time; `draft` is what stands on the table before anybody confirms; `link` carries the outbox in the
background; `words` says things to people. Nothing in here decides what a command does or where it stands: that is
asked from `device.workbench` and `device.agent` and shown.
"""
