"""The page that asks for name and password. It stands alone: without a login no other file is served.

The form names no address, so that it goes to the page's own with its fragment: the panel that was asked for.
"""

from __future__ import annotations

from http import HTTPStatus

from starlette.responses import HTMLResponse

from clap.templates import fill_template

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


def login_page(sentence: str = "", status: HTTPStatus = HTTPStatus.OK) -> HTMLResponse:
    """The form, with a sentence about the last attempt."""
    return HTMLResponse(fill_template("ui.server", "login.html", sentence=sentence), status, HEADERS)
