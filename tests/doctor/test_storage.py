"""What is stored: a database that acknowledges before it has flushed is said."""

from dataclasses import replace

import pytest
from sqlalchemy import create_engine

from service.doctor import storage
from service.doctor.findings import Check, State
from service.extensions import db
from tests.doctor.cases import a_case, of, said


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_postgresql_that_acknowledges_before_it_has_flushed_is_bad(app, postgres_server):
    name = db.engine.url.database
    case = replace(a_case(), engine=db.engine)
    (finding,) = storage.check(case)
    assert finding.state is State.bad
    assert "synchronous_commit, fsync, full_page_writes" in said(finding)
    postgres_server.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = local')
    try:
        one_that_flushes = create_engine(db.engine.url)
        (finding,) = storage.check(replace(case, engine=one_that_flushes))
        assert "synchronous_commit" not in said(finding)
        one_that_flushes.dispose()
    finally:
        postgres_server.execute(f'ALTER DATABASE "{name}" RESET synchronous_commit')


def test_sqlite_flushes_and_is_well():
    ((state, words),) = of(Check.durability, storage.check(a_case()))
    assert (state, "on its disk" in words) == (State.good, True)


def test_a_database_that_is_away_is_unknown():
    away = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")
    ((state, _),) = of(Check.durability, storage.check(replace(a_case(), engine=away)))
    assert state is State.unknown
