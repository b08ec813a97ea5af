"""Pictures of newsletters: kept, found and deleted; what is kept was written anew."""

from flask_babel import gettext as _
from sqlalchemy import func, select

from service import pictures
from service.errors import Refused
from service.extensions import db
from service.models import Newsletter, NewsletterImage, image_is_used

MOST_OCTETS = 5 * 1024 * 1024
MOST = 50  # pictures of one newsletter


def add(newsletter: Newsletter, octets: bytes, name: str, alt_text: str) -> NewsletterImage:
    """Keep a picture; `alt_text` says what is on it. Raises Refused with the way out."""
    count = select(func.count()).where(NewsletterImage.newsletter_id == newsletter.id)
    if (db.session.scalar(count) or 0) >= MOST:
        raise Refused(_("This newsletter has %(most)s pictures already.", most=MOST))
    if len(octets) > MOST_OCTETS:
        raise Refused(too_large())
    made = pictures.written_anew(octets)
    image = NewsletterImage(
        newsletter_id=newsletter.id,
        name=name[:200],
        media_type=made.media_type,
        octets=made.octets,
        size=len(made.octets),
        width=made.width,
        height=made.height,
        alt_text=alt_text,
    )
    db.session.add(image)
    db.session.flush()
    return image


def delete(newsletter: Newsletter, public_id: str) -> None:
    """Delete a picture of it that no text shows; one that is gone stays so. Raises Refused."""
    query = select(NewsletterImage, image_is_used()).where(
        NewsletterImage.newsletter_id == newsletter.id, NewsletterImage.public_id == public_id
    )
    found = db.session.execute(query).first()
    if found is None:
        return
    image, is_used = found
    if is_used:
        raise Refused(_("A newsletter shows this picture. Take it out of the text first."))
    db.session.delete(image)
    db.session.flush()


def find(public_id: str) -> NewsletterImage | None:
    """Return one picture."""
    query = select(NewsletterImage).where(NewsletterImage.public_id == public_id)
    return db.session.scalar(query)


def existing(public_ids: set[str]) -> set[str]:
    """Return those of `public_ids` that we keep."""
    query = select(NewsletterImage.public_id).where(NewsletterImage.public_id.in_(public_ids))
    return set(db.session.scalars(query))


def too_large() -> str:
    """Return what to say of a file that is too large."""
    return str(_("The picture is larger than 5 MB. Save it smaller: 1,120 pixels wide is enough."))
