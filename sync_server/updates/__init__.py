"""What devices can be given later than the program itself: the office's side of signed updates.

The only place on the server that knows The Update Framework. `repository` makes signed metadata, `publisher` says
what is published and keeps it fresh, `reading` hands files out.
"""
