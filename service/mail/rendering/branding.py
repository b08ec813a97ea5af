"""Branding of the company's mails: its name, signature and address, its colours, its logo.

The values of the neutrals are those of static/tokens.css; a test compares them.
"""

from dataclasses import dataclass

from service.colours import DARK, INK, LIGHT, PAPER, palette
from service.mail.rendering.messages import Picture
from service.mail.rendering.sanitize import clean, one_line
from service.models import Company

LOGO_LIMIT = 20 * 1024  # octets; the whole mail has to stay under 60 kB
LOGO_TYPES = frozenset({"image/png", "image/jpeg", "image/gif"})  # what Outlook can draw
LOGO_ID = "logo@hasta-luego"
PRODUCT = "Hasta Luego"


@dataclass(frozen=True, slots=True)
class Branding:
    """What the templates show of the company; equal brandings share their compiled templates."""

    name: str
    is_named: bool  # or else `name` is the product's
    signature: str
    address: str
    logo: str  # the content id, or empty
    accent: str
    on_accent: str
    accent_text: str
    dark_accent: str
    ground: str = LIGHT[0]
    paper: str = LIGHT[1]
    cell: str = LIGHT[2]
    line: str = "#e4ddd2"
    ink: str = INK
    quiet: str = "#665e54"
    dark_ground: str = DARK[0]
    dark_paper: str = DARK[1]
    dark_cell: str = DARK[2]
    dark_line: str = "#3b362f"
    dark_ink: str = PAPER
    dark_quiet: str = "#b9b0a4"


def branding_of(company: Company, logo: Picture | None = None) -> Branding:
    """Return the branding of `company`; until it has a name, that of the product."""
    light, dark = palette(company.accent), palette(company.accent, dark=True)
    return Branding(
        name=one_line(company.name) or PRODUCT,
        is_named=bool(one_line(company.name)),
        signature=clean(company.signature),
        address=clean(company.postal_address),
        logo=logo.content_id if logo else "",
        accent=light.accent,
        on_accent=light.on_accent,
        accent_text=light.link,
        dark_accent=dark.link,
    )


def logo_of(company: Company) -> Picture | None:
    """Return the logo, when there is one that every mail program can draw and that is small."""
    if company.logo_type not in LOGO_TYPES or not company.logo or len(company.logo) > LOGO_LIMIT:
        return None
    return Picture(LOGO_ID, company.logo_type, company.logo)
