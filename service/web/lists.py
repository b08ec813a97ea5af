"""Read the parameters that all lists have in common."""

from flask import request

from forms.texts import tidied


def searched() -> str:
    """Return the search text in ?q=, at most 200 characters."""
    return (tidied(request.args.get("q")) or "")[:200]
