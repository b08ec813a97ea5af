"""Whatever is sent to the API, right or wrong, it answers as its description says."""

import pytest
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode, openapi
from schemathesis.checks import not_a_server_error
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from service.extensions import db, limiter
from tests.api.callers import Caller

# What a column refuses differs: PostgreSQL knows the size of a number, and no NUL.
pytestmark = pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
A_FEW, MANY = 25, 1_000  # requests of each call
# Not that what fits the schema is accepted: an address may fit it and be none.
PROMISES = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture
def called(crm: Caller, monkeypatch: pytest.MonkeyPatch) -> Caller:
    """A program with a token, whom no limit keeps from anything."""
    monkeypatch.setattr(limiter, "enabled", False)
    return crm


def every_call_is_answered_as_described(program: Caller, how_many: int) -> None:
    """Make so many requests of each call, within what the description allows and beside it."""
    described = openapi.from_wsgi("/api/v1/openapi.json", program.client.application)
    token = {"Authorization": f"Bearer {program.secret}"}
    bounds = settings(max_examples=how_many, deadline=None, database=None)
    for call in described.get_all_operations():
        right = call.ok().as_strategy(generation_mode=GenerationMode.POSITIVE)
        wrong = call.ok().as_strategy(generation_mode=GenerationMode.NEGATIVE)

        @settings(bounds, suppress_health_check=list(HealthCheck))
        @given(case=right | wrong)
        def each(case: Case) -> None:
            refused = [] if is_wrong_in_its_headers(case) else [negative_data_rejection]
            case.call_and_validate(headers=token, checks=PROMISES + refused)
            db.session.rollback()

        each()


def is_wrong_in_its_headers(case: Case) -> bool:
    """Say whether what makes a request wrong is in the headers, which the token puts right."""
    headers = case.meta.components.get(ParameterLocation.HEADER) if case.meta else None
    return headers is not None and headers.mode.is_negative


def test_every_call_is_answered_as_described(called):
    every_call_is_answered_as_described(called, A_FEW)


@pytest.mark.long
def test_thousands_of_calls_are_answered_as_described(called):
    every_call_is_answered_as_described(called, MANY)
