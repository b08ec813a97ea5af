"""Carry out a repeated request once: the Idempotency-Key header, kept for 24 hours.

An entry point: it commits what was done together with the response.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec

from flask import Response, request

from service.api import answers
from service.api.access import current_token
from service.current import settings
from service.extensions import db
from service.models.api_tokens import LONGEST_KEY
from service.web.problems import Problem

P = ParamSpec("P")

KEY = "Idempotency-Key"
VISIBLE = re.compile(rf"[\x21-\x7e]{{1,{LONGEST_KEY}}}")
NO_KEY = (
    f"Send {KEY}: a text of your own for each thing that you want done, such as a UUID, up to "
    f"{LONGEST_KEY} visible ASCII characters. Send the same one when you try again."
)
OTHER = f"This {KEY} came with another request in the last 24 hours. Send a new one."


@dataclass(frozen=True, slots=True)
class Done:
    """What a view did. `body` is kept, so it holds nothing personal: no address, no text."""

    body: dict[str, Any]
    status: int = 200
    location: str = ""


def once(view: Callable[P, Done]) -> Callable[P, Response]:
    """Carry out a POST once per key and token; a repetition gets the first response again."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> Response:
        key, fingerprint = _key(), _fingerprint()
        before = answers.begin(current_token(), key, fingerprint)
        if before is not None:
            if before.fingerprint != fingerprint:
                raise Problem(422, OTHER)
            again = _response(before.status, before.location, before.body)
            again.headers["Idempotent-Replayed"] = "true"
            return again
        done = view(*args, **kwargs)
        body = json.dumps(done.body, ensure_ascii=False)
        answers.keep(current_token(), key, status=done.status, location=done.location, body=body)
        db.session.commit()
        return _response(done.status, done.location, body)

    return guarded


def _key() -> str:
    key = request.headers.get(KEY, "")
    if not VISIBLE.fullmatch(key):
        raise Problem(400, NO_KEY)
    return key


def _fingerprint() -> str:
    """Return a keyed hash of the request; keyed, as a body may be easy to guess."""
    said = b"\n".join((request.method.encode(), request.path.encode(), request.get_data()))
    return hmac.new(settings().secret_keys[-1].encode(), said, hashlib.sha256).hexdigest()


def _response(status: int, location: str, body: str) -> Response:
    headers = {"Location": location} if location else {}
    return Response(body, status, headers, mimetype="application/json")
