"""The provider sees every mail before a client does."""

import re

import pytest

from service.extensions import db
from service.mail.rendering.rendering import render
from service.messages.views.mail_frames import style_hashes
from service.models import MailKind, OutboxMessage
from tests.builders import a_company, a_member, logged_in
from tests.mail.mails import html_of, in_octets, parsed

LOGO = b"\x89PNG\r\n\x1a\n" + b"\0" * 100


@pytest.fixture
def marta(client):
    a_company(accent="#7a1f5c", logo=LOGO, logo_type="image/png")
    logged_in(client, a_member(email="marta@norte.example", language="es"))
    return client


def test_the_list_shows_every_kind_with_its_subject_and_both_languages(marta):
    page = marta.get("/mails").text
    for kind in MailKind:
        assert f"/mails/{kind}/es" in page
        assert f"/mails/{kind}/en" in page
    assert "Gracias por todo" in page


def test_every_mail_can_be_seen_in_every_language_and_view(marta):
    for kind in MailKind:
        for language in ("es", "en"):
            for view in ("phone", "text", "nonsense"):
                page = marta.get(f"/mails/{kind}/{language}?as={view}")
                assert page.status_code == 200
                assert "Estudio Norte" in page.text
            assert marta.get(f"/mails/{kind}/{language}/frame").status_code == 200


def test_a_preview_has_the_settings_of_the_company_and_the_name_of_who_looks(marta):
    page = marta.get("/mails/survey_invitation/en?as=text").text
    assert "Marta Ruiz (Estudio Norte) &lt;hasta-luego@localhost&gt;" in page
    assert "How was it, working with us?" in page
    frame = marta.get("/mails/survey_invitation/en/frame").text
    assert "#7a1f5c" in frame
    assert 'src="data:image/png;base64,' in frame


def test_the_frame_may_style_itself_and_nothing_else(marta):
    frame = marta.get("/mails/alert_low_score/es/frame")
    policy = frame.headers["Content-Security-Policy"]
    assert "unsafe-inline" not in policy
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert all(source in policy for source in style_hashes(frame.text))


def test_looking_changes_nothing(marta):
    marta.get("/mails")
    marta.get("/mails/thank_you/es/frame")
    assert db.session.query(OutboxMessage).count() == 0


@pytest.mark.parametrize("path", ["/mails/nonsense/es", "/mails/thank_you/fr", "/mails/x/y/frame"])
def test_a_mail_that_does_not_exist_is_not_found(marta, path):
    assert marta.get(path).status_code == 404


@pytest.mark.parametrize("kind", MailKind)
def test_a_test_goes_to_who_asked_for_it_and_to_nobody_else(marta, app, monkeypatch, kind):
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", False)
    answer = marta.post(f"/mails/{kind}/en/test?as=text")
    assert answer.status_code == 303
    assert answer.location == f"/mails/{kind}/en?as=text"
    (row,) = db.session.query(OutboxMessage).all()
    assert row.kind is MailKind.test_mail
    assert row.language == "en"
    row.message_id = "<test@norte.example>"
    mail = parsed(in_octets(render(row)))
    assert mail["To"].addresses[0].addr_spec == "marta@norte.example"
    assert mail["List-Unsubscribe"] is None
    sample = marta.get(f"/mails/{kind}/en/frame").text
    title = re.search(r"<title>(.*?)</title>", sample)[1]
    assert title in html_of(mail)
