"""The company's accent, made readable on our grounds. Pure arithmetic, for pages and mails.

Contrast is WCAG 2.2's (relative luminance of sRGB): text 4.5:1, graphics and borders 3:1.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from service.models.companies import DEFAULT_ACCENT

TEXT_CONTRAST = 4.5
# The backgrounds that text stands on, from static/tokens.css; a test compares them.
LIGHT = ("#faf8f4", "#ffffff", "#f2eee7")
DARK = ("#191714", "#23201c", "#12110f")
INK = "#26211c"
PAPER = "#f3eee7"


@dataclass(frozen=True, slots=True)
class Palette:
    """What one accent becomes on light or on dark: each a #rrggbb."""

    accent: str  # a button's ground, as the provider picked it
    on_accent: str  # text on it
    link: str  # links, focus rings, bars of charts
    soft: str  # the ground of what is chosen; ink and link are readable on it


def luminance(colour: str) -> float:
    """Return the relative luminance of a #rrggbb, 0 to 1."""
    red, green, blue = (_linear(part) for part in _parts(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours, 1 to 21."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def text_on(ground: str) -> str:
    """Return the text colour for `ground`: white, the ink, or black; one always reaches 4.5:1."""
    for text in ("#ffffff", INK):
        if contrast(text, ground) >= TEXT_CONTRAST:
            return text
    return "#000000"


@lru_cache(maxsize=64)
def palette(accent: str, *, dark: bool = False) -> Palette:
    """Return the colours that `accent` becomes; one that is no #rrggbb counts as the default."""
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", accent):
        accent = DEFAULT_ACCENT
    grounds = DARK if dark else LIGHT
    soft = _mix(accent, grounds[1], 0.84 if dark else 0.9)
    return Palette(
        accent=accent.lower(),
        on_accent=text_on(accent),
        link=_readable(accent, (*grounds, soft), "#ffffff" if dark else "#000000"),
        soft=soft,
    )


def _parts(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _linear(part: int) -> float:
    share = part / 255
    return share / 12.92 if share <= 0.04045 else float(((share + 0.055) / 1.055) ** 2.4)


def _mix(colour: str, towards: str, share: float) -> str:
    """Return `colour` moved by `share` (0 to 1) of the way to another."""
    pairs = zip(_parts(colour), _parts(towards), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def _readable(colour: str, grounds: tuple[str, ...], towards: str) -> str:
    """Return the nearest shade of `colour` that can be read on every one of `grounds`."""
    for step in range(101):
        shade = _mix(colour, towards, step / 100)
        if all(contrast(shade, ground) >= TEXT_CONTRAST for ground in grounds):
            return shade
    return towards
