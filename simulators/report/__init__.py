"""A campaign as one HTML page: opens from disk, asks nobody for anything, works without scripts, and prints.

`reading` takes in what `explore` wrote, `verdict` says what it comes to, `drawing` makes the pictures, `page` puts
them together. Every picture has a table that says the same, and nothing is said by colour alone.
"""
