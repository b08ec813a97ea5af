"""Clients and their contacts: find or add, change. Flushes, never commits."""

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from service.clients.actions import bases
from service.errors import Refused
from service.extensions import db
from service.models import Client, Contact
from service.models.clients import name_key


def find(name: str) -> Client | None:
    """Return the client of that name, whatever its case and spaces; None without one."""
    return db.session.scalar(select(Client).where(Client.name_key == name_key(name)))


def find_or_add(name: str, **more: Any) -> Client:
    """Return the client of that name; add it when there is none, even if two do so at once."""
    found = find(name)
    if found is not None:
        return found
    try:
        with db.session.begin_nested():
            client = Client(name=" ".join(name.split()), name_key=name_key(name), **more)
            db.session.add(client)
    except IntegrityError:
        return db.session.scalars(select(Client).where(Client.name_key == name_key(name))).one()
    return client


def contact_at(client: Client, *, name: str, email: str, language: str, source: str) -> Contact:
    """Return the client's contact with that address, added or with name and language updated."""
    found = _with_address(client, email)
    if found is not None:
        found.name, found.language = name, language
        return found
    contact = Contact(
        client=client,
        name=name,
        email=email,
        email_key=email.casefold(),
        language=language,
        source=source[:100],
    )
    db.session.add(contact)
    bases.recount([client.id])
    return contact


def change(client: Client, values: Mapping[str, Any]) -> None:
    """Change a client; raises Refused when another one has that name."""
    name = " ".join(str(values["name"]).split())
    other = find(name)
    if other is not None and other is not client:
        raise Refused(_("There is already a client with this name."))
    for field, value in values.items():
        setattr(client, field, value)
    client.name, client.name_key = name, name_key(name)
    db.session.flush()


def add_contact(client: Client, values: Mapping[str, Any], *, source: str = "page") -> Contact:
    """Add a contact; raises Refused when the client has one with that address."""
    if _with_address(client, values["email"]) is not None:
        raise Refused(_("This client already has a contact with this address."))
    contact = Contact(client=client, email_key="", source=source[:100], **values)
    contact.email_key = contact.email.casefold()
    db.session.add(contact)
    bases.recount([client.id])
    return contact


def change_contact(contact: Contact, values: Mapping[str, Any]) -> None:
    """Change a contact; raises Refused when another one of the client has that address.

    Queued mails go to the new address, in the new language.
    """
    other = _with_address(contact.client, values["email"])
    if other is not None and other is not contact:
        raise Refused(_("This client already has a contact with this address."))
    for field, value in values.items():
        setattr(contact, field, value)
    contact.email_key = contact.email.casefold()
    db.session.flush()


def _with_address(client: Client, email: str) -> Contact | None:
    return db.session.scalar(
        select(Contact).where(Contact.client_id == client.id, Contact.email_key == email.casefold())
    )
