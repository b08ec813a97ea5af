"""Lists of tags such as ``v=DKIM1; k=rsa; p=…``, which DKIM and DMARC share (RFC 6376, 3.2)."""


class Malformed(ValueError):
    """Text that is no list of tags, or a value that is none."""


def tags(text: str) -> dict[str, str]:
    """Return the tags of `text` in their order, without outer space; raises Malformed."""
    found: dict[str, str] = {}
    for part in text.split(";"):
        if not part.strip():
            continue
        name, equals, value = part.partition("=")
        if not equals or not name.strip() or name.strip() in found:
            raise Malformed(part.strip())
        found[name.strip()] = value.strip()
    return found
