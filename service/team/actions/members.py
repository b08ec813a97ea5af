"""The team: invite, change, deactivate, and the one-time links that let a password be chosen."""

from datetime import timedelta

from flask_babel import gettext as _
from sqlalchemy import delete, func, select, update

from service import current
from service.clock import now
from service.errors import Conflict, Gone, Refused
from service.extensions import db
from service.mail import outbox
from service.models import (
    MailKind,
    OutboxMessage,
    PasswordLink,
    PasswordRequest,
    Role,
    TeamMember,
)
from service.team.actions import attempts, logins, passwords, sessions
from service.tokens import Purpose

INVITATION = timedelta(days=7)
FORGOTTEN = attempts.LINKS.window
FIRST_OWNER = timedelta(days=1)


def has_owner() -> bool:
    """Return whether there is an active owner."""
    owners = select(TeamMember.id).where(TeamMember.role == Role.owner, TeamMember.is_active)
    return db.session.scalar(owners.limit(1)) is not None


def first_owner_link() -> PasswordLink | None:
    """Return the link that creates the first owner; None when there is an owner."""
    if has_owner():
        return None
    soon = now() + timedelta(hours=1)
    nobodys = select(PasswordLink).where(
        PasswordLink.provider_id.is_(None),
        PasswordLink.used_at.is_(None),
        PasswordLink.expires_at > soon,
    )
    return db.session.scalar(nobodys.limit(1)) or new_link(None, FIRST_OWNER)


def new_link(member: TeamMember | None, lasts: timedelta) -> PasswordLink:
    """Make a link by which `member` chooses a password; None: the first owner.

    Earlier links stay as they are: whoever asks for one would otherwise end those of others.
    """
    link = PasswordLink(member=member, expires_at=now() + lasts)
    db.session.add(link)
    db.session.flush()
    return link


def request_link(email: str) -> None:
    """Record that somebody asked for a link, for an address with or without a login alike."""
    db.session.add(PasswordRequest(email=email))
    db.session.flush()


def answer_request(request_id: int) -> OutboxMessage | None:
    """Delete a request, and mail a link if the address has a login and the request is not stale.

    Returns the mail. A request that another worker answered is left alone.
    """
    asked = db.session.execute(
        delete(PasswordRequest)
        .where(PasswordRequest.id == request_id)
        .returning(PasswordRequest.email, PasswordRequest.created_at)
    ).one_or_none()
    member = logins.find(asked.email) if asked else None
    if asked is None or member is None or asked.created_at + FORGOTTEN < now():
        return None
    return mail_link(new_link(member, FORGOTTEN), member)


def mail_link(link: PasswordLink, member: TeamMember) -> OutboxMessage | None:
    """Write the mail that carries `link`; it expires with the link."""
    return outbox.write(
        MailKind.password_link,
        member,
        subject=f"link:{link.id}",
        expires_at=link.expires_at,
        context={"link_id": link.id},
    )


def find_link(token: str) -> PasswordLink | None:
    """Return the link of `token`, None when it is not ours; raises Gone when it is used or old."""
    public_id = current.read_token(Purpose.password, token)
    link = db.session.scalar(select(PasswordLink).where(PasswordLink.public_id == public_id))
    if link is None:
        return None
    is_idle = link.member is not None and not link.member.is_active
    if not link.is_open(now()) or is_idle or (link.member is None and has_owner()):
        raise Gone(_("This link has been used or is too old."))
    return link


def invite(email: str, name: str, role: Role, language: str | None = None) -> PasswordLink:
    """Add a login; raises Refused when the address has one. Returns the link for the password."""
    email = email.strip().lower()
    if db.session.scalar(select(TeamMember.id).where(TeamMember.email == email)) is not None:
        raise Refused(_("There is a login with this address already."))
    member = TeamMember(email=email, name=name.strip(), role=role, language=language)
    db.session.add(member)
    db.session.flush()
    return new_link(member, INVITATION)


def create_first_owner(
    link: PasswordLink, *, email: str, name: str, language: str, password: str
) -> TeamMember:
    """Turn the first owner's link into an owner; raises Gone when somebody else was first."""
    passwords.check(password, email=email, company=current.company().name)
    _use(link)
    if has_owner():
        raise Gone(_("This link has been used or is too old."))
    invite(email, name, Role.owner, language).expires_at = now()
    owner = db.session.scalars(select(TeamMember).where(TeamMember.email == email.lower())).one()
    owner.password_hash = passwords.hashed(password)
    db.session.flush()
    return owner


def choose_password(link: PasswordLink, password: str) -> TeamMember:
    """Set the password of the link's member, once; all their sessions and other links end."""
    if link.member is None:
        raise ValueError("the first owner's link names nobody yet")
    theirs = select(TeamMember.id).where(TeamMember.id == link.provider_id)
    db.session.execute(theirs.with_for_update())  # of two links at once, one sets the password
    _use(link)
    change_password(link.member, password)
    return link.member


def change_password(member: TeamMember, password: str) -> None:
    """Set a new password; every session and link ends. Raises Refused for one easy to guess."""
    passwords.check(password, email=member.email, company=current.company().name)
    member.password_hash = passwords.hashed(password)
    _end_access(member)


def _end_access(member: TeamMember) -> None:
    """End the sessions and the open links of `member`."""
    sessions.end_all(member)
    moment = now()
    db.session.execute(
        update(PasswordLink)
        .where(PasswordLink.provider_id == member.id, PasswordLink.expires_at > moment)
        .values(expires_at=moment)
    )
    db.session.flush()


def _use(link: PasswordLink) -> None:
    """Use `link` up; of two who press at once, one gets Gone."""
    moment = now()
    is_open = (PasswordLink.used_at.is_(None), PasswordLink.expires_at > moment)
    used = db.session.execute(
        update(PasswordLink).where(PasswordLink.id == link.id, *is_open).values(used_at=moment)
    )
    if used.rowcount != 1:  # type: ignore[attr-defined]
        raise Gone(_("This link has been used or is too old."))


def change(member: TeamMember, *, name: str, role: Role) -> None:
    """Rename or give another role; raises Conflict when no owner would be left."""
    if role is not Role.owner:
        _keep_an_owner_beside(member)
    member.name, member.role = name.strip(), role
    db.session.flush()


def change_profile(member: TeamMember, *, name: str, language: str | None) -> None:
    """Keep what everyone may say of themselves."""
    member.name, member.language = name.strip(), language
    db.session.flush()


def deactivate(member: TeamMember) -> None:
    """Close the login and end its sessions; what the person did stays under their name."""
    _keep_an_owner_beside(member)
    member.is_active = False
    _end_access(member)


def reactivate(member: TeamMember) -> None:
    """Open the login again, with the password it had."""
    member.is_active = True
    db.session.flush()


def _keep_an_owner_beside(member: TeamMember) -> None:
    """Raise Conflict when `provider` is the last owner; two who try at once wait in a row."""
    owners = db.session.scalars(
        select(TeamMember.id)
        .where(TeamMember.role == Role.owner, TeamMember.is_active)
        .order_by(TeamMember.id)
        .with_for_update()
    ).all()
    if list(owners) == [member.id]:
        raise Conflict(_("Somebody has to stay the owner. Give that role to another person first."))


def team() -> list[TeamMember]:
    """Return everyone with a login, the active ones first."""
    by_name = select(TeamMember).order_by(TeamMember.is_active.desc(), func.lower(TeamMember.name))
    return list(db.session.scalars(by_name))
