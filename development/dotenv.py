"""Read `.env` as python-dotenv does for the service, for the launcher that runs without it."""

import re
from collections.abc import Mapping
from pathlib import Path

LINE = re.compile(r"""\s*(?:export\s+)?(\w+)\s*=\s*('[^']*'|"[^"]*"|[^\n]*)""")


def with_dotenv(environment: Mapping[str, str], path: Path) -> dict[str, str]:
    """Return the environment with the settings of `path` that it does not have itself."""
    return read(path) | dict(environment)


def read(path: Path) -> dict[str, str]:
    """Return the settings of a `.env` file; none when there is no file."""
    if not path.is_file():
        return {}
    matches = map(LINE.match, path.read_text(encoding="utf-8").splitlines())
    return {match[1]: plain(match[2]) for match in matches if match}


def plain(value: str) -> str:
    """Return a value without its quotes, or without the comment after an unquoted one."""
    if value[:1] in {"'", '"'} and value[-1:] == value[0] and len(value) > 1:
        return value[1:-1]
    return re.sub(r"(^|\s+)#.*", "", value).strip()
