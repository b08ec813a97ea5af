"""Pictures of newsletters: checked, turned upright, made smaller and written anew.

Nothing of the file that came is kept: not where a camera stood, nor a program hidden in it.
"""

import warnings
from io import BytesIO

from flask_babel import gettext as _
from PIL import Image, ImageOps, UnidentifiedImageError
from sqlalchemy import func, select

from service.errors import Refused
from service.extensions import db
from service.models import Newsletter, NewsletterImage, image_is_used

MOST_OCTETS = 5 * 1024 * 1024
MOST_PIXELS = 40_000_000
WIDEST = 1120  # pixels: twice a mail's width, so that it is sharp on a phone
HIGHEST = 4 * WIDEST
MOST = 50  # pictures of one newsletter
FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
QUALITY = 82


def add(newsletter: Newsletter, octets: bytes, name: str, alt_text: str) -> NewsletterImage:
    """Keep a picture; `alt_text` says what is on it. Raises Refused with the way out."""
    count = select(func.count()).where(NewsletterImage.newsletter_id == newsletter.id)
    if (db.session.scalar(count) or 0) >= MOST:
        raise Refused(_("This newsletter has %(most)s pictures already.", most=MOST))
    if len(octets) > MOST_OCTETS:
        raise Refused(too_large())
    made, media_type, size = _made_anew(octets)
    image = NewsletterImage(
        newsletter_id=newsletter.id,
        name=name[:200],
        media_type=media_type,
        octets=made,
        size=len(made),
        width=size[0],
        height=size[1],
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


def _made_anew(octets: bytes) -> tuple[bytes, str, tuple[int, int]]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # we look at the size ourselves
            picture = Image.open(BytesIO(octets), formats=FORMATS)
            _check(picture)
            return _written(picture)
    except Refused:
        raise
    except UnidentifiedImageError:
        raise Refused(
            _("Not every browser shows this file. Choose a PNG, JPEG, WebP or GIF.")
        ) from None
    except Image.DecompressionBombError:
        raise Refused(_too_many_pixels()) from None
    except (OSError, SyntaxError, ValueError, MemoryError, EOFError):  # what broken files raise
        raise Refused(
            _("This picture is damaged. Save it again and choose it once more.")
        ) from None


def _check(picture: Image.Image) -> None:
    if picture.width * picture.height > MOST_PIXELS:
        raise Refused(_too_many_pixels())
    if getattr(picture, "is_animated", False):
        raise Refused(
            _("The picture moves, and not every mail program shows that. Choose another.")
        )


def _too_many_pixels() -> str:
    return str(_("The picture has more than 40 megapixels. Save it smaller, please."))


def _written(picture: Image.Image) -> tuple[bytes, str, tuple[int, int]]:
    """Return it as PNG when something shines through, else as JPEG: both are drawn everywhere."""
    picture.draft("RGB", (WIDEST * 2, HIGHEST * 2))  # a JPEG is read smaller at once
    upright = ImageOps.exif_transpose(picture)
    is_clear = upright.mode in {"RGBA", "LA", "PA"} or "transparency" in upright.info
    plain = upright.convert("RGBA" if is_clear else "RGB")
    plain.thumbnail((WIDEST, HIGHEST))
    plain.info.clear()
    made = BytesIO()
    if is_clear:
        plain.save(made, "PNG", optimize=True)
    else:
        plain.save(made, "JPEG", quality=QUALITY, optimize=True, progressive=True)
    return made.getvalue(), "image/png" if is_clear else "image/jpeg", plain.size
