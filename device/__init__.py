"""The technician's side: everything that runs on the laptop.

`core` is sans-I/O (what to do next, what a sentence may mean); `store`, `transport`, `keys` and `model` do the I/O;
`workbench` is what a technician can do, without a screen; `cli` and `tui` are two ways to do it.
"""
