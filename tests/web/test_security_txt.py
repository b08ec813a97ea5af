"""Whoever finds a hole finds whom to tell."""

from datetime import datetime, timedelta

from service.clock import now
from tests.builders import a_company

PATH = "/.well-known/security.txt"


def test_it_names_an_address_and_a_day_within_a_year(client, session):
    a_company(sender_email="hola@norte.example")
    session.commit()
    answer = client.get(PATH)
    assert answer.mimetype == "text/plain"
    fields = dict(line.split(": ", 1) for line in answer.text.splitlines())
    assert fields["Contact"] == "mailto:hola@norte.example"
    assert fields["Canonical"] == f"http://localhost{PATH}"
    assert fields["Preferred-Languages"] == "es, en"
    until = datetime.fromisoformat(fields["Expires"]) - now()
    assert timedelta(days=178) < until < timedelta(days=365)


def test_there_is_none_while_no_mail_can_be_answered(client, session):
    a_company()
    assert client.get(PATH).status_code == 404
