"""Another program, with a token."""

import pytest

from service.extensions import db
from service.models import ApiScope
from service.team.actions import api_tokens
from tests.api.callers import Caller
from tests.builders import a_company, a_member


@pytest.fixture
def crm(client, session):
    """The CRM, whose token an owner has made."""
    a_company()
    token, secret = api_tokens.create("CRM", list(ApiScope), a_member())
    db.session.commit()
    return Caller(client, secret, token.id)
