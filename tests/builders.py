"""Rows for tests: plain functions with good defaults. They add and flush, never commit."""

from datetime import date, timedelta
from itertools import count
from typing import Any

from flask.testing import FlaskClient
from itsdangerous import URLSafeTimedSerializer

from service.clock import now, today
from service.extensions import db
from service.models import (
    Client,
    Company,
    Contact,
    Departure,
    Invitation,
    InvitationKind,
    Protocol,
    Question,
    QuestionKind,
    Reason,
    Response,
    Role,
    TalkRequest,
    TeamMember,
)
from service.models.clients import name_key
from service.protocols.rules.built_ins import BUILT_INS, DEFAULT
from service.team.actions import sessions
from service.web.sessions import KEY

_numbers = count(1)


def added(row: Any) -> Any:
    """Add `row` and flush, so that it has its id."""
    db.session.add(row)
    db.session.flush()
    return row


def a_company(**more: Any) -> Company:
    """The company, set up."""
    values = {"name": "Estudio Norte", "time_zone": "Europe/Madrid", "language": "es"}
    return added(Company(**{"id": 1, "accent": "#0f6b5c", **values, **more}))


def a_member(**more: Any) -> TeamMember:
    """A member of the team who can log in by `logged_in`."""
    number = next(_numbers)
    values = {"email": f"marta{number}@norte.example", "name": "Marta Ruiz", "role": Role.owner}
    return added(TeamMember(**{**values, **more}))


def a_client(**more: Any) -> Client:
    """A client without contacts."""
    name = more.pop("name", f"Bodegas Ruy Díaz {next(_numbers)}")
    return added(Client(name=name, name_key=name_key(name), **{"service": "SEO", **more}))


def a_contact(**more: Any) -> Contact:
    """A contact at a client."""
    email = more.pop("email", f"contacto{next(_numbers)}@daz.example")
    values = {"name": "Ruy Díaz", "language": "es", "keep_in_touch": True}
    if "client" not in more:
        more["client"] = a_client()
    return added(Contact(email=email, email_key=email.casefold(), **{**values, **more}))


def a_departure(**more: Any) -> Departure:
    """A departure that ended yesterday; not enrolled (departures.record does that)."""
    contact = more.pop("contact", None) or a_contact()
    reasons: set[Reason] = more.pop("reasons", set())
    yesterday: date = today("Europe/Madrid") - timedelta(days=1)
    values = {"service": "SEO", "notice_on": yesterday - timedelta(days=20), "end_on": yesterday}
    departure = Departure(contact=contact, client=contact.client, **{**values, **more})
    departure.reasons = reasons
    return added(departure)


def a_protocol(**more: Any) -> Protocol:
    """A protocol with the steps of the built-in default."""
    values = {"name": f"Protocolo {next(_numbers)}", "steps": BUILT_INS[DEFAULT]}
    return added(Protocol(**{**values, **more}))


def an_invitation(**more: Any) -> Invitation:
    """An open invitation to the survey (or, with `kind`, to a testimonial)."""
    departure = more.pop("departure", None) or a_departure()
    values = {"kind": InvitationKind.survey, "closes_at": now() + timedelta(days=60)}
    return added(Invitation(departure=departure, **{**values, **more}))


def a_response(**more: Any) -> Response:
    """A response that was sent; partial with submitted_at=None."""
    invitation = more.pop("invitation", None) or an_invitation()
    reasons: set[Reason] = more.pop("reasons", set())
    values = {"score": 9, "language": "es", "saved_at": now(), "submitted_at": now()}
    response = Response(invitation=invitation, departure=invitation.departure, **{**values, **more})
    response.reasons = reasons
    return added(response)


def a_talk_request(**more: Any) -> TalkRequest:
    """Somebody who asked to talk an hour ago, and waits."""
    if "contact" not in more:
        more["contact"] = more["departure"].contact if "departure" in more else a_contact()
    asked_at = more.pop("asked_at", now() - timedelta(hours=1))
    values = {"asked_at": asked_at, "asked_on": asked_at.date(), "changed_at": asked_at}
    return added(TalkRequest(**{"message": "¿Hablamos?", **values, **more}))


def a_question(**more: Any) -> Question:
    """A question of the provider's own, switched on."""
    number = next(_numbers)
    values = {"text": {"es": f"¿Y esto ({number})?", "en": f"And this ({number})?"}}
    return added(
        Question(**{"kind": QuestionKind.text, "options": {}, "position": number, **values, **more})
    )


def logged_in(client: FlaskClient, member: TeamMember) -> FlaskClient:
    """Log `member` in without the login page; each request then proves that it is no forgery."""
    _login, secret = sessions.begin(member, client.environ_base.get("HTTP_USER_AGENT", ""))
    db.session.commit()
    with client.session_transaction() as cookies:
        cookies.permanent = True
        cookies[KEY] = secret
        cookies["csrf_token"] = "a" * 40
    key = client.application.config["SECRET_KEY"]
    proof = URLSafeTimedSerializer(key, salt="wtf-csrf-token").dumps("a" * 40)
    client.environ_base["HTTP_X_CSRFTOKEN"] = proof
    return client
