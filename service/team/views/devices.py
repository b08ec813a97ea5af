"""Know a browser again that has logged in to an account: by a signed cookie, one for each account.

The cookie opens nothing. It says that limits which strangers can exhaust do not hold for this
browser, which has its own five attempts a minute.
"""

from datetime import timedelta

from flask import after_this_request, request
from werkzeug.wrappers import Response

from service.current import read_token, settings, sign
from service.team.actions.attempts import keyed
from service.tokens import Purpose, new_public_id

KEPT = timedelta(days=400)  # browsers keep no cookie for longer (RFC 6265bis, section 5.5)


def known(email: str) -> str | None:
    """Return this browser's id if it has logged in to the account of `email`, else None."""
    account = _account(email)
    token = request.cookies.get(_name(account), "")
    named, _dot, device = (read_token(Purpose.device, token) or "").partition(".")
    return device if device and named == account else None


def remember(email: str) -> None:
    """Have the response set the cookie by which the account of `email` knows this browser."""
    account, device = _account(email), known(email) or new_public_id()
    token = sign(Purpose.device, f"{account}.{device}")

    @after_this_request
    def _set(response: Response) -> Response:
        response.set_cookie(
            _name(account),
            token,
            max_age=KEPT,
            secure=_is_secure(),
            httponly=True,
            samesite="Lax",
        )
        return response


def _account(email: str) -> str:
    return keyed("device", email.strip().casefold())


def _name(account: str) -> str:
    return f"{'__Host-' if _is_secure() else ''}device-{account[:12]}"


def _is_secure() -> bool:
    return settings().base_url.startswith("https://")
