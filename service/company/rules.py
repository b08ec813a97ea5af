"""Recognize a logo by its first bytes, and drop its metadata. Nothing here decodes a picture."""

from flask_babel import gettext as _

from service.errors import Refused

MOST_BYTES = 256 * 1024
PNG = b"\x89PNG\r\n\x1a\n"
PNG_METADATA = {b"eXIf", b"tEXt", b"zTXt", b"iTXt", b"tIME"}
WEBP_METADATA = {b"EXIF", b"XMP "}


def media_type(picture: bytes) -> str:
    """Return the media type of `picture`; raises Refused, which says what to do instead."""
    if len(picture) > MOST_BYTES:
        raise Refused(_("The picture is larger than 256 KB. A logo 400 pixels wide is enough."))
    if picture.startswith(PNG) and picture[12:16] == b"IHDR":
        return "image/png"
    if picture.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if picture.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if picture.startswith(b"RIFF") and picture[8:12] == b"WEBP":
        return "image/webp"
    if b"<svg" in picture[:4096].lower():
        raise Refused(_("SVG files can carry programs. Export the logo as PNG, please."))
    raise Refused(_("Not every browser shows this file. Choose a PNG, JPEG, WebP or GIF."))


def without_metadata(picture: bytes) -> bytes:
    """Return `picture` without EXIF, XMP and texts; raises Refused when it is cut short."""
    takers = {"image/png": _png, "image/jpeg": _jpeg, "image/webp": _webp}
    take = takers.get(media_type(picture))
    try:
        return take(picture) if take else picture
    except (IndexError, ValueError):
        raise Refused(
            _("This picture is damaged. Save it again and choose it once more.")
        ) from None


def _png(picture: bytes) -> bytes:
    kept, at = [PNG], len(PNG)
    while at < len(picture):
        end = at + 12 + _size(picture[at : at + 4], "big")
        _demand(end <= len(picture))
        name = picture[at + 4 : at + 8]
        if name not in PNG_METADATA:
            kept.append(picture[at:end])
        if name == b"IEND":
            return b"".join(kept)
        at = end
    raise ValueError("no IEND")


def _jpeg(picture: bytes) -> bytes:
    kept, at = [picture[:2]], 2
    while True:
        _demand(picture[at] == 0xFF)
        marker = picture[at + 1]
        if marker == 0xDA:  # the picture itself begins
            _demand(b"\xff\xd9" in picture[at:])
            return b"".join([*kept, picture[at:]])
        end = at + 2 + _size(picture[at + 2 : at + 4], "big")
        _demand(at + 4 <= end <= len(picture))
        if marker not in {0xE1, 0xED, 0xFE}:  # EXIF and XMP, Photoshop, comment
            kept.append(picture[at:end])
        at = end


def _webp(picture: bytes) -> bytes:
    kept, at = [b"WEBP"], 12
    while at < len(picture):
        size = _size(picture[at + 4 : at + 8], "little")
        end = at + 8 + size + size % 2
        _demand(end <= len(picture) + size % 2)
        if picture[at : at + 4] == b"VP8X":  # its flags no longer announce EXIF and XMP
            kept += [picture[at : at + 8], bytes([picture[at + 8] & ~0x0C]), picture[at + 9 : end]]
        elif picture[at : at + 4] not in WEBP_METADATA:
            kept.append(picture[at:end])
        at = end
    body = b"".join(kept)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def _size(digits: bytes, order: str) -> int:
    _demand(len(digits) in {2, 4})
    return int.from_bytes(digits, "big" if order == "big" else "little")


def _demand(is_so: bool) -> None:
    if not is_so:
        raise ValueError("the picture is damaged")
