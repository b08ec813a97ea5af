"""Pictures that people upload: decoded and written anew, so nothing of the file that came is kept.

Not where a camera stood, nor a program hidden in it or behind its end. A process with limits
decodes them (`redrawing`), so that a file made to attack a decoder finds nothing there.
"""

import json
from dataclasses import dataclass
from tempfile import TemporaryFile

from flask_babel import gettext as _

from service import confined
from service.errors import Refused

MB = 1024 * 1024
# 40 megapixels take 160 MB, and are held three times at most: read, turned upright, converted.
LIMITS = confined.Limits(memory=1024 * MB, processor=20, output=64 * MB, patience=30)


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
    with TemporaryFile() as source, TemporaryFile() as target:
        source.write(octets)
        source.seek(0)
        try:
            words = ["drawing"] if is_drawing else []
            confined.run("service.redrawing", words, source, target, LIMITS)
        except confined.Exceeded:
            raise Refused(_sentence("damaged")) from None
        target.seek(0)
        facts = json.loads(target.readline())
        if "reason" in facts:
            raise Refused(_sentence(facts["reason"]))
        return Picture(target.read(), **facts)


def _sentence(reason: str) -> str:
    sentences: dict[str, str] = {
        "unknown": _("Not every browser shows this file. Choose a PNG, JPEG, WebP or GIF."),
        "too_many_pixels": _("The picture has more than 40 megapixels. Save it smaller, please."),
        "moves": _("The picture moves, and not every mail program shows that. Choose another."),
        "damaged": _("This picture is damaged. Save it again and choose it once more."),
    }
    return sentences[reason]
