"""What the address of a list asks for, read alike by every list."""

from flask import request

from forms.texts import tidied


def searched() -> str:
    """Return what ?q= looks for; at most 200 characters."""
    return (tidied(request.args.get("q")) or "")[:200]
