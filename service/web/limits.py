"""Limit how often a link may send something; high enough that only machines reach it."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from flask import request
from flask_limiter.util import get_remote_address

from service.current import read_token
from service.extensions import limiter
from service.tokens import Purpose

P = ParamSpec("P")
R = TypeVar("R")

PER_LINK = "300/minute"  # far above what a person does, far below what harms
PER_ADDRESS = "3000/minute"  # a whole company, or a whole town, can stand behind one


def by_link() -> str:
    """Return what posts are counted under: the token's id, as a signature has several spellings."""
    token = (request.view_args or {}).get("token", "")
    named = (read_token(purpose, token) for purpose in Purpose)
    return next((public_id for public_id in named if public_id), get_remote_address())


def sends(view: Callable[P, R]) -> Callable[P, R]:
    """Limit a view that saves what somebody sends, per link and per address."""
    per_link = limiter.limit(lambda: PER_LINK, key_func=by_link)
    return per_link(limiter.limit(lambda: PER_ADDRESS)(view))


def mails(view: Callable[P, R]) -> Callable[P, R]:
    """Limit a view that mails a fresh link to the contact, per link and per address."""
    return limiter.limit("6/hour", key_func=by_link)(limiter.limit("120/hour")(view))
