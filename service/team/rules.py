"""What a browser says that it is, in the words of people."""

import re

# In this order: nearly every browser also claims to be Chrome, Safari, or both.
BROWSERS = (
    ("Edge", r"\bEdg(?:e|A|iOS)?/"),
    ("Opera", r"\bOPR/|\bOpera\b"),
    ("Samsung Internet", r"\bSamsungBrowser/"),
    ("Vivaldi", r"\bVivaldi/"),
    ("Firefox", r"\bFirefox/|\bFxiOS/"),
    ("Chrome", r"\bChrom(?:e|ium)/|\bCriOS/|\bHeadlessChrome/"),
    ("Safari", r"\bVersion/\S+ .*\bSafari/"),
)
SYSTEMS = (
    ("iPhone", r"\biPhone\b"),
    ("iPad", r"\biPad\b"),
    ("Android", r"\bAndroid\b"),
    ("Windows", r"\bWindows\b"),
    ("ChromeOS", r"\bCrOS\b"),
    ("Mac", r"\bMac(?:intosh|_PowerPC)\b"),
    ("Linux", r"\bLinux\b"),
)


def browser_and_system(user_agent: str) -> tuple[str, str]:
    """Return the names of the browser and its system in a User-Agent; "" for what is unknown."""
    return _named(BROWSERS, user_agent), _named(SYSTEMS, user_agent)


def _named(known: tuple[tuple[str, str], ...], user_agent: str) -> str:
    return next((name for name, pattern in known if re.search(pattern, user_agent)), "")
