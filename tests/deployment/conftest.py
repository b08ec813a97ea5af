"""What the tests of a deployment with Postfix share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deployment.installed import an_install
from tests.servers import Postgres


@pytest.fixture(scope="session")
def installed() -> Iterator[Path]:
    """This session's installation."""
    with an_install() as home:
        yield home


@pytest.fixture
def install(installed: Path, postgres_server: Postgres) -> Path:
    """An installation whose account reaches the database."""
    postgres_server.socket_directory.chmod(0o711)
    return installed
