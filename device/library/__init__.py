"""The manuals on this laptop: which there are, their bytes, their pages, and finding the right one without a network.

`shelf` knows which documents are meant for this laptop, `reading` makes pages of their bytes, `index` keeps pages and
words in the encrypted database, `search` finds passages, `answering` answers from them, and `librarian` does the work
in small steps. What may be said from a page is decided by the pure rules in `device.core.library`.
"""
