"""How another program speaks to the API in tests."""

from dataclasses import dataclass
from itertools import count
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from service.extensions import db
from service.models import ApiToken
from service.web.problems import MEDIA_TYPE

_numbers = count(1)
SUPPRESSIONS = "/api/v1/suppressions"
ANA = "ana@cruz.example"


@dataclass
class Caller:
    """A program with its token."""

    client: FlaskClient
    secret: str
    token_id: int

    @property
    def token(self) -> ApiToken:
        """Its token as the database has it now."""
        db.session.rollback()
        return db.session.get_one(ApiToken, self.token_id, populate_existing=True)

    def ask(self, path: str = SUPPRESSIONS, **query: Any) -> TestResponse:
        return self.client.get(path, query_string=query, headers=self._headers())

    def send(
        self, body: Any, path: str = SUPPRESSIONS, key: str | None = None, **more: Any
    ) -> TestResponse:
        """POST `body` as JSON, under a key of its own unless told."""
        headers = {**self._headers(), "Idempotency-Key": key or f"key-{next(_numbers)}"}
        return self.client.post(path, json=body, headers=headers, **more)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secret}"}


def problem_of(answer: TestResponse) -> dict[str, Any]:
    """Return the problem that an answer tells; it has to be a whole one."""
    assert answer.mimetype == MEDIA_TYPE, answer.text[:200]
    said: dict[str, Any] = answer.json
    assert said["status"] == answer.status_code
    assert {"type", "title", "detail"} <= said.keys()
    assert said["detail"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers
    return said


def how_many(model: type) -> int:
    """Count the rows of a table, as they are now."""
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(model)) or 0
