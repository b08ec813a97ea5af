"""Members with a password, and the page by which they log in."""

from service.extensions import db
from service.models import TeamMember
from service.team.actions import passwords
from tests.builders import a_member
from tests.pages import proof_in, send

PASSWORD = "cuatro palabras muy sueltas"
WRONG = "no era esta la contrasena"


def a_login(**more: object) -> TeamMember:
    """A member with a password."""
    values = {"email": "marta@norte.example", "password_hash": passwords.hashed(PASSWORD)}
    member = a_member(**{**values, **more})
    db.session.commit()
    return member


def log_in(client, email="marta@norte.example", password=PASSWORD, **more):
    """Type address and password into the page."""
    return send(client, "/login", {"email": email, "password": password, **more})


def log_out(client) -> None:
    """Press the button of the profile."""
    assert send(client, "/logout", page="/profile").status_code == 303


def from_address(client, address, email="marta@norte.example", password=PASSWORD, path="/login"):
    """Post the form of `path` from an IP address."""
    where = {"REMOTE_ADDR": address}
    shown = client.get(path, environ_overrides=where)
    data = {"csrf_token": proof_in(shown.text), "email": email, "password": password}
    return client.post(path, data=data, environ_overrides=where)
