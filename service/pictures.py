"""Pictures that people upload: decoded and written anew, so nothing of the file that came is kept.

Not where a camera stood, nor a program hidden in it or behind its end. Knows no database.
"""

import warnings
from dataclasses import dataclass
from io import BytesIO

from flask_babel import gettext as _
from PIL import Image, ImageOps, UnidentifiedImageError

from service.errors import Refused

MOST_PIXELS = 40_000_000
WIDEST = 1120  # pixels: twice a mail's width, so that it is sharp on a phone
HIGHEST = 4 * WIDEST
FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
LOSSLESS = frozenset({"PNG", "GIF"})
QUALITY = 82


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as it is kept, with its size in pixels."""

    octets: bytes
    media_type: str
    width: int
    height: int


def written_anew(octets: bytes, is_drawing: bool = False) -> Picture:
    """Return a picture turned upright, no larger than mails show it, and without anything else.

    It becomes a PNG when something shines through, else a JPEG: both are drawn everywhere. A
    drawing, such as a logo, that came without loss stays so. Raises Refused with the way out.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # we look at the size ourselves
            picture = Image.open(BytesIO(octets), formats=FORMATS)
            _check(picture)
            return _written(picture, is_drawing)
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


def _written(picture: Image.Image, is_drawing: bool) -> Picture:
    is_lossless = is_drawing and picture.format in LOSSLESS
    picture.draft("RGB", (WIDEST * 2, HIGHEST * 2))  # a JPEG is read smaller at once
    upright = ImageOps.exif_transpose(picture)
    is_clear = upright.mode in {"RGBA", "LA", "PA"} or "transparency" in upright.info
    is_png = is_clear or is_lossless
    plain = upright.convert("RGBA" if is_clear else "RGB")
    plain.thumbnail((WIDEST, HIGHEST))
    plain.info.clear()
    made = BytesIO()
    if is_png:
        plain.save(made, "PNG", optimize=True)
    else:
        plain.save(made, "JPEG", quality=QUALITY, optimize=True, progressive=True)
    return Picture(made.getvalue(), "image/png" if is_png else "image/jpeg", *plain.size)
