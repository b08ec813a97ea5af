"""Read requests: a JSON object with known text fields, and known parameters in the address."""

import json
from collections.abc import Iterable
from typing import Any

from flask import request
from werkzeug.datastructures import MultiDict
from wtforms import Form, SelectField

from service.web.problems import Fault, Problem

WRONG = "Put right what stands under errors and send it again. Nothing was changed."


def read(known: Iterable[str]) -> MultiDict[str, str]:
    """Return the body's fields without those that are null; raises Problem for any other body."""
    if request.mimetype != "application/json":
        raise Problem(415, "Send the body as JSON, with Content-Type: application/json.")
    try:
        body = json.loads(request.get_data())
    except (ValueError, RecursionError) as error:
        raise Problem(400, "The body is not JSON in UTF-8.") from error
    if not isinstance(body, dict):
        raise Problem(400, "The body has to be a JSON object: {…}.")
    faults = list(_unknown(body, known, "body"))
    faults += [
        Fault(name, "Write it as text, in quotes.")
        for name in known
        if not isinstance(body.get(name), str | None)
    ]
    if faults:
        raise Problem(422, WRONG, faults)
    return MultiDict((name, value) for name, value in body.items() if value is not None)


def check(form: Form) -> None:
    """Validate `form`; raises Problem with its faults."""
    if not form.validate():
        raise Problem(422, WRONG, [Fault(name, _said(form[name])) for name in form.errors])


def asked(known: Iterable[str]) -> dict[str, str]:
    """Return the parameters of the query; raises Problem for an unknown one."""
    faults = list(_unknown(request.args, known, "query"))
    if faults:
        raise Problem(422, WRONG, faults)
    return dict(request.args.items())


def _unknown(given: Iterable[str], known: Iterable[str], where: str) -> Iterable[Fault]:
    names = ", ".join(known)
    for name in given:
        if name not in known:
            yield Fault(name, f"Leave it out: the {where} may have {names}.")


def _said(field: Any) -> str:
    if isinstance(field, SelectField):
        choices: Any = field.choices or ()
        return f"Write one of: {', '.join(str(choice[0]) for choice in choices)}."
    return str(field.errors[0])
