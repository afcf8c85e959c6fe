"""The pages of the back office: what waits for somebody, shown so that it can be decided.

Rules
1. A page shows and asks; every decision is the office's (`sync_server.office`), made by the same calls as on the
   command line, and rests on the versions that the page showed.
2. Everything that decides is a plain form. Scripts only make it quicker.
3. Nothing that was typed is lost: a page that is refused, that is out of date, or whose sign-in ran out, comes back
   with it.
4. A form carries a token of its session, and comes from our own pages. Cookies are strict, and no script reads them.
5. What records say is text and nothing else: templates escape it, and a browser is told to run only our files.

`visit` reads a request, `view` says what a page shows, `routes` joins both; templates say how it looks.

Source: OWASP cheat sheets on sessions and on cross-site request forgery; W3C Content Security Policy, level 3.
"""
