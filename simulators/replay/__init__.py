"""A real laptop's queue and link, played again in a simulated world.

The picture: `device.core.recording` is what a laptop wrote; `plan` makes a world of it; `likeness` says beside each
other what the laptop saw and what the replay saw; `verb` is `tailboard-sim replay`.
"""
