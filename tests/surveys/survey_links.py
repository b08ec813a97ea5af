"""Links of the survey, and forms as a browser posts them."""

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from service.current import sign
from service.models import Invitation, Response
from service.tokens import Purpose

WHOLE = {
    "score": "9",
    "satisfaction": "5",
    "handover": "4",
    "reasons": ["price", "in_house"],
    "valued_most": "La cercanía",
    "to_improve": "Los plazos",
    "comment": "Volveremos a hablar",
    "return_likelihood": "7",
    "keep_in_touch": "y",
}


def mailed_link(invitation: Invitation) -> str:
    """Return the link in the mail."""
    return f"/s/{sign(Purpose.survey, invitation.public_id)}"


def private_link(response: Response) -> str:
    """Return the private link of a response."""
    return f"/r/{sign(Purpose.answer, response.public_id)}"


def send(client: FlaskClient, link: str, **answers: object) -> TestResponse:
    """Press "Send answer"."""
    return client.post(link, data={"action": "send", **answers})


def save(client: FlaskClient, link: str, **answers: object) -> TestResponse:
    """Press "Save and go on later"."""
    return client.post(link, data={"action": "save", **answers})
