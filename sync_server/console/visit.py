"""A request to a page, as the pages need it, and who may send which.

Rules
1. A form counts if it holds its session's token and the browser does not say that it comes from elsewhere.
2. Forms have bounds: of bytes, and of fields.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl, urlsplit

from fastapi import Request

from policies.acts import Act
from shared.ids import sha256_hex
from shared.problems import Code, Refused
from sync_server.api.requests import body_of
from sync_server.console.blocks import Said
from sync_server.console.frame import Frame
from sync_server.console.words import ENGLISH, NAMES, language_of
from sync_server.office.accounts import SignedIn

COOKIE, TOKEN_FIELD, KEYS_COOKIE = "tailboard_console", "form_token", "tailboard_keys"
LANGUAGE_COOKIE = "tailboard_language"
FORM_FIELDS_MAX = 1000
_OURS = frozenset({"same-origin", "none"})

Form = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Visit:
    """What was asked.

    Args:
        method, path: of the request.
        named: what the path names.
        query, form: the last value of each field.
        origin: the server's address, as the browser knows it.
        token: of the session, as the cookie says; empty for none.
        address: where it came from.
        secure: whether the way to here is encrypted.
        foreign: whether the browser says that another site sent it.
        who: who is signed in.
        frame: what stands around the page; None where nobody is signed in.
        refusals: the acts that are not open to them, and why.
        done: what a form before this page did.
        language: that they read.
        language_chosen: that they chose here; empty for what their browser asks for.
        keys: whether single keys do something.
    """

    method: str
    path: str
    named: Mapping[str, str] = field(default_factory=dict)
    query: Form = field(default_factory=dict)
    form: Form = field(default_factory=dict)
    origin: str = ""
    token: str = ""
    address: str = ""
    secure: bool = False
    foreign: bool = False
    who: SignedIn | None = None
    frame: Frame | None = None
    refusals: Mapping[Act, Said] = field(default_factory=dict)
    done: Said | None = None
    language: str = ENGLISH
    language_chosen: str = ""
    keys: bool = True

    @property
    def form_token(self) -> str:
        """What the forms of this session carry."""
        return form_token(self.token)

    @property
    def someone(self) -> SignedIn:
        """Who is signed in, on a page that takes somebody."""
        assert self.who is not None, "the page takes somebody"
        return self.who

    @property
    def tenant(self) -> str:
        """Of who is signed in."""
        return self.someone.tenant

    @property
    def actor(self) -> str:
        """Who is signed in, by their short name."""
        return self.someone.person.id

    def text(self, name: str) -> str:
        """A field of the form, without spaces around."""
        return self.form.get(name, "").strip()

    def check_form(self) -> None:
        """Raises `Refused` (`form_refused`) unless the form is one of this session's."""
        told = self.form.get(TOKEN_FIELD, "")
        if self.foreign or not hmac.compare_digest(told.encode(), self.form_token.encode()):
            raise Refused(Code.FORM_REFUSED, "the form was sent from elsewhere, or under another sign-in")


async def read_visit(request: Request) -> Visit:
    """The request. Raises `Refused`: `too_large`, `malformed`."""
    form: Form = {}
    if request.method == "POST":
        form = _fields((await body_of(request)).decode("utf-8", errors="replace"))
    return replace(bare_visit(request), query=_fields(request.url.query), form=form)


def bare_visit(request: Request) -> Visit:
    """The request without what somebody may have made too large."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    chosen = chosen if chosen in NAMES else ""
    return Visit(
        method=request.method,
        path=request.url.path,
        named=request.path_params,
        origin=f"{request.url.scheme}://{request.url.netloc}",
        token=request.cookies.get(COOKIE, ""),
        address=request.client.host if request.client else "",
        secure=request.url.scheme == "https",
        foreign=_foreign(request),
        language=chosen or language_of(request.headers.get("accept-language", "")),
        language_chosen=chosen,
        keys=request.cookies.get(KEYS_COOKIE) != "off",
    )


def form_token(token: str) -> str:
    """What the forms of the session with `token` carry; it says nothing about the token."""
    return sha256_hex(f"form {token}".encode())


def own_path(told: str) -> str:
    """`told` if it is a path of the console, else the console's first page: nobody is sent elsewhere."""
    parts = urlsplit(told)
    ours = not parts.scheme and not parts.netloc and parts.path.startswith("/console/") and "\\" not in told
    return told if ours else "/console/"


def _foreign(request: Request) -> bool:
    """What the browser says of where the form comes from. Source: W3C Fetch Metadata; RFC 6454."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        return site not in _OURS
    return origin is not None and urlsplit(origin).netloc != request.headers.get("host")


def _fields(text: str) -> Form:
    try:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=FORM_FIELDS_MAX))
    except ValueError as error:
        raise Refused(Code.MALFORMED, f"a form has at most {FORM_FIELDS_MAX} fields") from error
