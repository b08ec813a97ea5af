"""A sample is a whole row: whatever the settings ask of a mail, a preview of it can answer."""

import sqlite3
from contextlib import closing
from dataclasses import fields, replace

import pytest
from sqlalchemy import inspect
from sqlalchemy.engine import make_url

from service.config import LANGUAGES
from service.core import create_core
from service.extensions import Model, db
from service.mail import verp
from service.mail.delivery import warming
from service.mail.rendering import rendering
from service.mail.rendering.samples import NO_MAIL, sample
from service.models import MailKind
from tests.builders import a_company, a_member

SETTINGS = {
    "nothing": {},
    "a bounce address": {"mail_bounce_address": "rebotes@norte.example"},
    "postmark": {"postmark_login": "postmark:secret"},
    "both": {
        "mail_bounce_address": "rebotes@norte.example",
        "postmark_login": "postmark:secret",
    },
}


def rows_of(kind: MailKind) -> list[Model]:
    """The rows of a sample of `kind`, signed by somebody of the team."""
    context = sample(kind, "es", a_member(), a_company())
    rows = [getattr(context, field.name) for field in fields(context)]
    rows += [row.contact for row in rows[:1] if row.contact]
    return [row for row in rows if isinstance(row, Model)]


@pytest.mark.parametrize("kind", MailKind)
def test_a_sample_lacks_nothing_but_the_ids_that_a_database_gives(session, kind):
    for row in rows_of(kind):
        lacking = [
            column.key
            for column in inspect(type(row)).column_attrs
            if not column.columns[0].nullable
            and not column.columns[0].primary_key
            and not column.columns[0].foreign_keys
            and getattr(row, column.key) is None
        ]
        assert lacking == [], type(row).__name__
    db.session.rollback()


@pytest.mark.parametrize("named", SETTINGS)
@pytest.mark.usefixtures("app")
def test_a_worker_which_has_no_pages_renders_every_kind_whatever_is_set(settings, named):
    with create_core(replace(settings, **SETTINGS[named])).app_context():
        warming.warm()
        db.session.remove()
        db.engine.dispose()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_others_can_write_while_a_worker_renders_its_samples(app, settings, monkeypatch):
    render, path = rendering.render_context, make_url(settings.database_url).database

    def render_while_somebody_writes(*words):
        with closing(sqlite3.connect(path, timeout=0)) as other:
            other.execute("BEGIN IMMEDIATE")
        return render(*words)

    monkeypatch.setattr(rendering, "render_context", render_while_somebody_writes)
    warming.warm()


def test_a_sample_shows_the_headers_that_the_settings_add(remade):
    with remade(**SETTINGS["both"]).app_context():
        facts = rendering.company_facts()
        context = sample(MailKind.survey_invitation, "es", a_member(), facts.company)
        mail = rendering.render_context(context, facts)
        assert mail.replies_also_to == (facts.branding.name, verp.address(NO_MAIL))
        assert mail.extra_headers["X-PM-Metadata-mail"] == NO_MAIL
        db.session.rollback()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_sample_that_somebody_asked_for_is_answered_to_people_alone(remade, language):
    with remade(**SETTINGS["both"]).app_context():
        marta = a_member()
        facts = rendering.company_facts()
        asked = sample(MailKind.test_mail, language, marta, facts.company)
        asked.row.context = {"sample": MailKind.survey_invitation}
        mail = rendering.render_context(asked, facts)
        assert mail.to == (marta.name, marta.email)
        assert mail.replies_also_to is None
        assert "List-Unsubscribe" not in mail.extra_headers
        assert mail.extra_headers["X-PM-KeepID"] == "true"
        db.session.rollback()
