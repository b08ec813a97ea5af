"""Mail the links that let a password be chosen, and tell no stranger who has a login."""

from service.mail import outbox
from service.models import MailKind, OutboxMessage, PasswordLink, TeamMember
from service.team.actions import logins, members


def mail_to(email: str) -> OutboxMessage | None:
    """Mail a link to whoever logs in with `email`; None when nobody does."""
    member = logins.find(email)
    if member is None:
        return None
    return mail(members.new_link(member, members.FORGOTTEN), member)


def mail(link: PasswordLink, member: TeamMember) -> OutboxMessage | None:
    """Write down the mail that carries `link`; once the link is dead it is not worth sending."""
    return outbox.write(
        MailKind.password_link,
        member,
        subject=f"link:{link.id}",
        expires_at=link.expires_at,
        context={"link_id": link.id},
    )
