"""Custom texts: who saves an older one than there is loses nothing, overwrites nothing."""

import pytest
from sqlalchemy import update

from service.errors import Conflict
from service.extensions import db
from service.mail.rendering.custom_texts import Text
from service.messages import actions, queries
from service.models import MailText
from tests.builders import a_member, added

TYPED = Text("Adiós", "Gracias.")


def test_each_change_counts_and_none_is_lost(app):
    by = a_member()
    assert actions.save_text("thank_you", "es", TYPED, by=by, was=0).version == 1
    assert actions.save_text("thank_you", "es", Text("Adiós", "Más."), by=by, was=1).version == 2
    for older in (0, 1):
        with pytest.raises(Conflict):
            actions.save_text("thank_you", "es", TYPED, by=by, was=older)
    assert db.session.query(MailText.body).scalar() == "Más."


def test_who_saves_between_our_look_and_our_write_is_noticed(app):
    row = added(MailText(place="thank_you", language="es", subject="Hola", body="Hola."))
    change = update(MailText).values(version=7)
    db.session.execute(change, execution_options={"synchronize_session": False})
    with pytest.raises(Conflict):
        actions.save_text("thank_you", "es", TYPED, by=a_member(), was=row.version)


def test_two_first_texts_of_one_mail_cannot_both_be_kept(app, monkeypatch):
    by = a_member()
    actions.save_text("thank_you", "es", TYPED, by=by, was=0)
    monkeypatch.setattr(queries, "custom_text", lambda *_: None)  # as it was a moment before
    with pytest.raises(Conflict):
        actions.save_text("thank_you", "es", TYPED, by=by, was=0)


def test_giving_up_returns_what_there_was(app):
    actions.save_text("thank_you", "es", TYPED, by=a_member(), was=0)
    assert actions.restore_built_in("thank_you", "es") == TYPED
    assert actions.restore_built_in("thank_you", "es") is None
