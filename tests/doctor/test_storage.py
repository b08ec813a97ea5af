"""What is stored: a database that does not flush is said, and files that others can read are."""

from dataclasses import replace

import pytest
from sqlalchemy import create_engine

from service import private_files
from service.doctor import storage
from service.doctor.findings import Check, State
from service.extensions import db
from tests.doctor.cases import a_case, of, said


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_postgresql_that_acknowledges_before_it_has_flushed_is_bad(app, postgres_server):
    name = db.engine.url.database
    case = replace(a_case(), engine=db.engine)
    (finding,) = storage.check_durability(case)
    assert finding.state is State.bad
    assert "synchronous_commit, fsync, full_page_writes" in said(finding)
    postgres_server.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = local')
    try:
        one_that_flushes = create_engine(db.engine.url)
        (finding,) = storage.check_durability(replace(case, engine=one_that_flushes))
        assert "synchronous_commit" not in said(finding)
        one_that_flushes.dispose()
    finally:
        postgres_server.execute(f'ALTER DATABASE "{name}" RESET synchronous_commit')


def test_sqlite_flushes_and_is_well():
    ((state, words),) = of(Check.durability, storage.check_durability(a_case()))
    assert (state, "on its disk" in words) == (State.good, True)


def test_a_database_that_is_away_is_unknown():
    away = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")
    ((state, _),) = of(Check.durability, storage.check_durability(replace(a_case(), engine=away)))
    assert state is State.unknown


def test_files_that_other_accounts_can_read_are_said(tmp_path):
    data_dir, elsewhere = tmp_path / "data", tmp_path / "elsewhere.sqlite3"
    data_dir.mkdir(mode=0o755)
    elsewhere.touch(mode=0o644)
    case = a_case(DATA_DIR=data_dir, DATABASE_URL=f"sqlite:///{elsewhere}")
    ((state, words),) = of(Check.files, storage.check_files(case))
    assert state is State.warning
    assert f"chmod -R go= {data_dir} {elsewhere}" in words
    private_files.hide_stored(case.settings)
    ((state, _),) = of(Check.files, storage.check_files(case))
    assert state is State.good
