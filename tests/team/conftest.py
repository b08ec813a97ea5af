"""What the tests of the team share."""

import pytest
from argon2 import PasswordHasher

from service.team.actions import passwords


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch):
    """Argon2 costs a tenth of a second by design; here a hundredth will do."""
    passwords._nobodys.cache_clear()
    monkeypatch.setattr(
        passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)
    )
    yield
    passwords._nobodys.cache_clear()
