"""The confined process for pictures: a file on standard input, the picture written anew as output.

`python -m service.redrawing [drawing]` writes a line of JSON, what the picture is or why there is
none, and then its bytes. It imports nothing of ours.
"""

import json
import sys
import warnings
from io import BytesIO
from typing import Any

from PIL import Image, ImageOps, UnidentifiedImageError

MOST_PIXELS = 40_000_000
WIDEST = 1120  # pixels: twice a mail's width, so that it is sharp on a phone
HIGHEST = 4 * WIDEST
FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
LOSSLESS = frozenset({"PNG", "GIF"})
QUALITY = 82


class Unusable(Exception):
    """A picture that is not taken; its argument is the reason's name."""


def redraw(octets: bytes, is_drawing: bool) -> tuple[dict[str, Any], bytes]:
    """Return what the picture is, and its bytes; raises Unusable.

    It is turned upright, no larger than mails show it, and holds nothing else of the file. It
    becomes a PNG when something shines through, else a JPEG: both are drawn everywhere. A drawing,
    such as a logo, that came without loss stays so.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # we look at the size ourselves
            picture = Image.open(BytesIO(octets), formats=FORMATS)
            if picture.width * picture.height > MOST_PIXELS:
                raise Unusable("too_many_pixels")
            if getattr(picture, "is_animated", False):
                raise Unusable("moves")
            return _drawn(picture, is_drawing)
    except UnidentifiedImageError:
        raise Unusable("unknown") from None
    except Image.DecompressionBombError:
        raise Unusable("too_many_pixels") from None
    except (OSError, SyntaxError, ValueError, MemoryError, EOFError):  # what broken files raise
        raise Unusable("damaged") from None


def _drawn(picture: Image.Image, is_drawing: bool) -> tuple[dict[str, Any], bytes]:
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
    media_type = "image/png" if is_png else "image/jpeg"
    facts = {"media_type": media_type, "width": plain.width, "height": plain.height}
    return facts, made.getvalue()


def main() -> None:
    """Redraw standard input to standard output."""
    try:
        facts, octets = redraw(sys.stdin.buffer.read(), "drawing" in sys.argv[1:])
    except Unusable as reason:
        facts, octets = {"reason": str(reason)}, b""
    sys.stdout.buffer.write(json.dumps(facts).encode() + b"\n" + octets)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
