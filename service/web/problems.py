"""Errors of the API as problem details (RFC 9457): JSON, in English, with what to do.

It never reads the database, which may be what failed.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from http import HTTPStatus

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

PLACE = "/api/"
MEDIA_TYPE = "application/problem+json"
DETAILS = {
    400: "The request cannot be read.",
    404: "There is nothing at this address. /api/v1/openapi.json says what there is.",
    405: "This address does not take this method; Allow says which ones it does take.",
    409: "Somebody else was first. Read it again before you go on.",
    413: "The body is too large: send at most 64 KB.",
    429: "Too many requests. Go on when the seconds of Retry-After are over.",
    500: "Something broke here; it is in the log. Nothing was changed.",
    503: "The database is away or busy. Nothing was changed; try again after Retry-After.",
}
KEPT_HEADERS = ("Allow", "Retry-After")

Answer = tuple[str, int, dict[str, str]]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a request: which field of it, and what to do."""

    field: str
    detail: str


class Problem(HTTPException):
    """An error with a text of its own, in place of the status's."""

    def __init__(
        self,
        code: int,
        detail: str,
        faults: Sequence[Fault] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.faults = faults
        self.own_headers = dict(headers or {})


def register(app: Flask) -> None:
    """Keep HTML out of the API's responses, also those that Flask makes by itself."""
    app.after_request(without_html)


def without_html(response: Response) -> Response:
    """Empty HTML responses: redirects that merge doubled slashes, and those to OPTIONS."""
    if is_api_request() and response.mimetype == "text/html":
        response.set_data(b"")
        response.headers.remove("Content-Type")
    return response


def is_api_request() -> bool:
    """Return whether the address is under /api/, whether or not it exists."""
    return request.path.startswith(PLACE)


def of(error: HTTPException, headers: Mapping[str, str]) -> Answer:
    """Return the response to an HTTP error, with `headers` unless it has its own."""
    code = error.code or 500
    if isinstance(error, Problem):
        return told(code, error.description, error.faults, {**headers, **error.own_headers})
    kept = {name: value for name, value in error.get_headers() if name in KEPT_HEADERS}
    return told(code, None if code in DETAILS else error.description, headers={**headers, **kept})


def told(
    code: int,
    detail: str | None = None,
    faults: Sequence[Fault] = (),
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Return a problem: its title is the status, `faults` say which fields it is about."""
    problem = {
        "type": "about:blank",
        "title": HTTPStatus(code).phrase,
        "status": code,
        "detail": detail or DETAILS.get(code, ""),
    }
    if faults:
        problem["errors"] = [asdict(fault) for fault in faults]
    text = json.dumps(problem, ensure_ascii=False)
    return text, code, {**(headers or {}), "Content-Type": MEDIA_TYPE}
