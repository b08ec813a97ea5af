"""The team: invite, change, deactivate, and the one-time links that let a password be chosen."""

from datetime import timedelta

from flask_babel import gettext as _
from sqlalchemy import func, select, update

from service import current
from service.clock import now
from service.errors import Conflict, Gone, Refused
from service.extensions import db
from service.models import Provider, ProviderLink, Role
from service.team.actions import passwords
from service.tokens import Purpose

INVITATION = timedelta(days=7)
FORGOTTEN = timedelta(hours=2)
FIRST_OWNER = timedelta(days=1)


def has_owner() -> bool:
    """Say whether somebody can set things up."""
    owners = select(Provider.id).where(Provider.role == Role.owner, Provider.is_active)
    return db.session.scalar(owners.limit(1)) is not None


def first_owner_link() -> ProviderLink | None:
    """Return the link that creates the first owner; None when there is an owner."""
    if has_owner():
        return None
    soon = now() + timedelta(hours=1)
    nobodys = select(ProviderLink).where(
        ProviderLink.provider_id.is_(None),
        ProviderLink.used_at.is_(None),
        ProviderLink.expires_at > soon,
    )
    return db.session.scalar(nobodys.limit(1)) or _new_link(None, FIRST_OWNER)


def new_link(provider: Provider, lasts: timedelta) -> ProviderLink:
    """Make a link for `provider` to choose a password; the ones before it are worth nothing now."""
    db.session.execute(
        update(ProviderLink)
        .where(ProviderLink.provider_id == provider.id, ProviderLink.expires_at > now())
        .values(expires_at=now())
    )
    return _new_link(provider, lasts)


def _new_link(provider: Provider | None, lasts: timedelta) -> ProviderLink:
    link = ProviderLink(provider=provider, expires_at=now() + lasts)
    db.session.add(link)
    db.session.flush()
    return link


def find_link(token: str) -> ProviderLink | None:
    """Return the link of `token`, None when it is not ours; raises Gone when it is used or old."""
    public_id = current.read_token(Purpose.password, token)
    link = db.session.scalar(select(ProviderLink).where(ProviderLink.public_id == public_id))
    if link is None:
        return None
    is_idle = link.provider is not None and not link.provider.is_active
    if not link.is_open(now()) or is_idle or (link.provider is None and has_owner()):
        raise Gone(_("This link has been used or is too old."))
    return link


def invite(email: str, name: str, role: Role, language: str | None = None) -> ProviderLink:
    """Add a login; raises Refused when the address has one. Returns the link for the password."""
    email = email.strip().lower()
    if db.session.scalar(select(Provider.id).where(Provider.email == email)) is not None:
        raise Refused(_("There is a login with this address already."))
    provider = Provider(email=email, name=name.strip(), role=role, language=language)
    db.session.add(provider)
    db.session.flush()
    return new_link(provider, INVITATION)


def create_first_owner(
    link: ProviderLink, *, email: str, name: str, language: str, password: str
) -> Provider:
    """Turn the first owner's link into an owner; raises Gone when somebody else was first."""
    passwords.check(password, email=email, company=current.company().name)
    _use(link)
    if has_owner():
        raise Gone(_("This link has been used or is too old."))
    invite(email, name, Role.owner, language).expires_at = now()
    owner = db.session.scalars(select(Provider).where(Provider.email == email.lower())).one()
    owner.password_hash = passwords.hashed(password)
    db.session.flush()
    return owner


def choose_password(link: ProviderLink, password: str) -> Provider:
    """Set the password of the link's provider, once; every session of theirs ends."""
    if link.provider is None:
        raise ValueError("the first owner's link names nobody yet")
    change_password(link.provider, password)
    _use(link)
    return link.provider


def change_password(provider: Provider, password: str) -> None:
    """Set a new password; every session ends. Raises Refused for one that is easy to guess."""
    passwords.check(password, email=provider.email, company=current.company().name)
    provider.password_hash = passwords.hashed(password)
    end_sessions(provider)


def end_sessions(provider: Provider) -> None:
    """Log `provider` out everywhere."""
    provider.session_version += 1
    db.session.flush()


def _use(link: ProviderLink) -> None:
    """Use `link` up; of two who press at once, one gets Gone."""
    used = db.session.execute(
        update(ProviderLink)
        .where(ProviderLink.id == link.id, ProviderLink.used_at.is_(None))
        .values(used_at=now())
    )
    if used.rowcount != 1:  # type: ignore[attr-defined]
        raise Gone(_("This link has been used or is too old."))


def change(provider: Provider, *, name: str, role: Role) -> None:
    """Rename or give another role; raises Conflict when no owner would be left."""
    if role is not Role.owner:
        _keep_an_owner_beside(provider)
    provider.name, provider.role = name.strip(), role
    db.session.flush()


def change_profile(provider: Provider, *, name: str, language: str | None) -> None:
    """Keep what everyone may say of themselves."""
    provider.name, provider.language = name.strip(), language
    db.session.flush()


def deactivate(provider: Provider) -> None:
    """Close the login and end its sessions; what the person did stays under their name."""
    _keep_an_owner_beside(provider)
    provider.is_active = False
    end_sessions(provider)


def reactivate(provider: Provider) -> None:
    """Open the login again, with the password it had."""
    provider.is_active = True
    db.session.flush()


def _keep_an_owner_beside(provider: Provider) -> None:
    """Raise Conflict when `provider` is the last owner; two who try at once wait in a row."""
    owners = db.session.scalars(
        select(Provider.id)
        .where(Provider.role == Role.owner, Provider.is_active)
        .order_by(Provider.id)
        .with_for_update()
    ).all()
    if list(owners) == [provider.id]:
        raise Conflict(_("Somebody has to stay the owner. Give that role to another person first."))


def team() -> list[Provider]:
    """Return everyone with a login, the active ones first."""
    by_name = select(Provider).order_by(Provider.is_active.desc(), func.lower(Provider.name))
    return list(db.session.scalars(by_name))
