"""Links to choose a password: a stranger neither ends them nor learns who has a login."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select

from service import scheduler, tasks
from service.clock import now
from service.errors import Gone
from service.extensions import db, queue
from service.mail import links
from service.models import MailKind, OutboxMessage, PasswordLink, PasswordRequest, TeamMember
from service.team import jobs
from service.team.actions import members
from tests.explaining import asked
from tests.pages import proof_in, send
from tests.team.logins import PASSWORD, a_login, from_address, log_in

EMAIL, NOBODYS = "marta@norte.example", "nadia@norte.example"
ASKING = "/forgot-password"
NEW = "otras cuatro palabras sueltas"


@pytest.fixture
def marta(app) -> TeamMember:
    return a_login(language="en")


def ask(client, email: str = EMAIL, address: str = "198.51.100.7") -> int:
    """Ask for a link from an address; return the status."""
    return from_address(client, address, email, path=ASKING).status_code


def path_of(link: PasswordLink) -> str:
    return links.password(link).removeprefix("http://localhost")


def a_link(member: TeamMember) -> PasswordLink:
    link = members.new_link(member, members.FORGOTTEN)
    db.session.commit()
    return link


def use(client, link: PasswordLink) -> int:
    chosen = {"password": NEW, "password_again": NEW}
    return send(client, path_of(link), chosen).status_code


def mails() -> list[OutboxMessage]:
    db.session.rollback()
    return list(db.session.scalars(select(OutboxMessage).order_by(OutboxMessage.id)))


def test_a_worker_mails_the_link_to_who_has_a_login_and_keeps_no_request(marta, client):
    assert [ask(client), ask(client, NOBODYS)] == [200, 200]
    assert mails() == []
    assert [job.func_name for job in queue.jobs.jobs] == ["service.tasks.mail_password_links"] * 2
    tasks.mail_password_links()
    assert [(mail.kind, mail.provider_id) for mail in mails()] == [(MailKind.password_link, 1)]
    assert db.session.scalars(select(PasswordRequest)).all() == []
    tasks.mail_password_links()  # a hint that comes twice
    assert len(mails()) == 1


def test_whoever_asks_gets_the_same_page_by_the_same_statements_login_or_not(marta, client):
    ask(client, "somebody@norte.example")  # what is done once per process is done
    pages, statements, rows = [], [], []
    for email in (EMAIL, NOBODYS):
        shown = client.get(ASKING)
        with asked() as found:
            typed = {"csrf_token": proof_in(shown.text), "email": email}
            answer = client.post(ASKING, data=typed)
        assert answer.status_code == 200
        pages.append(re.sub(r'(value|nonce)="[\w.-]{20,}"', "", answer.text).replace(email, "…"))
        statements.append([statement for statement, _values in found])
        rows.append({table.name: count(table) for table in db.metadata.sorted_tables})
    assert pages[0] == pages[1]
    assert statements[0] == statements[1]
    grown = [{name: after[name] - before[name] for name in after} for before, after in [rows]]
    assert {name: more for name, more in grown[0].items() if more} == {
        "login_attempts": 3,
        "password_requests": 1,
    }


def count(table) -> int:
    return len(db.session.execute(select(*table.primary_key.columns)).all())


def test_a_hint_that_is_lost_is_left_again_by_the_clock(marta, client):
    ask(client)
    queue.jobs.empty()
    db.session.rollback()
    scheduler.tick()
    assert [job.func_name for job in queue.jobs.jobs] == ["service.tasks.mail_password_links"]


def test_a_request_that_waited_for_over_a_day_is_answered_by_nothing(marta, client):
    ask(client)
    with time_machine.travel(now() + timedelta(days=1, minutes=1)):
        db.session.rollback()
        tasks.mail_password_links()
        assert mails() == []
        assert db.session.scalars(select(PasswordRequest)).all() == []


def test_a_request_that_cannot_be_answered_holds_nobody_else_up(marta, client, monkeypatch, caplog):
    a_login(email="olga@norte.example")
    ask(client)
    ask(client, "olga@norte.example")
    mail_link = members.mail_link

    def fails_for_marta(link, member):
        if member.email == EMAIL:
            raise RuntimeError("a text that cannot be rendered")
        return mail_link(link, member)

    monkeypatch.setattr(members, "mail_link", fails_for_marta)
    db.session.rollback()
    assert jobs.answer_requests() == 1
    assert "password_request_not_answered" in caplog.text
    monkeypatch.undo()
    assert jobs.answer_requests() == 1


def test_asking_for_a_link_ends_no_earlier_one_and_no_invitation(marta, client):
    mine = [a_link(marta) for _ in range(2)]
    mine.append(members.new_link(marta, members.INVITATION))
    db.session.commit()
    ask(client)
    tasks.mail_password_links()
    assert [client.get(path_of(link)).status_code for link in mine] == [200] * 3


def test_using_one_link_ends_the_others_of_that_member_alone(marta, app):
    olgas = a_link(a_login(email="olga@norte.example"))
    first, second = a_link(marta), a_link(marta)
    stranger = app.test_client()
    assert use(app.test_client(), first) == 303
    answers = [stranger.get(path_of(link)).status_code for link in (first, second, olgas)]
    assert answers == [410, 410, 200]


def test_a_changed_password_ends_the_links_that_were_mailed(marta, client):
    link = a_link(marta)
    log_in(client)
    typed = {"old_password": PASSWORD, "new_password": NEW, "new_password_again": NEW}
    assert send(client, "/profile/password", typed, page="/profile").status_code == 303
    assert client.application.test_client().get(path_of(link)).status_code == 410


def test_of_two_links_that_are_used_at_once_one_sets_the_password(marta, app):
    pair = [a_link(marta).public_id for _ in range(2)]
    db.session.rollback()

    def choose(public_id: str) -> bool:
        with app.app_context():
            query = select(PasswordLink).where(PasswordLink.public_id == public_id)
            try:
                members.choose_password(db.session.scalars(query).one(), f"{NEW} {public_id}")
            except Gone:
                db.session.rollback()
                return False
            db.session.commit()
            return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(choose, pair)) == [False, True]


def test_one_stranger_has_five_mails_a_day_sent_to_somebody(marta, client):
    assert [ask(client) for _round in range(6)] == [200] * 5 + [429]
    with time_machine.travel(now() + timedelta(hours=23)):
        assert ask(client) == 429
    with time_machine.travel(now() + timedelta(hours=24, minutes=1)):
        assert ask(client) == 200


def test_strangers_from_everywhere_have_ten_mails_a_day_sent_to_somebody(marta, client):
    answers = [ask(client, address=f"198.51.100.{number}") for number in range(11)]
    assert answers == [200] * 10 + [429]
    assert ask(client, "olga@norte.example") == 200


def test_an_address_asks_for_twenty_people_a_day(marta, client):
    answers = [ask(client, f"n{number}@norte.example") for number in range(21)]
    assert answers == [200] * 20 + [429]


def test_whoever_uses_up_the_mails_of_a_day_leaves_a_link_that_works(marta, client, app):
    """So nobody is kept from a new password: links live as long as their mails are counted."""
    begun = now()
    for number in range(10):
        with time_machine.travel(begun + timedelta(minutes=number)):
            assert ask(client, address=f"198.51.100.{number}") == 200
            tasks.mail_password_links()
    with time_machine.travel(begun + timedelta(hours=23, minutes=59)):
        refused = from_address(client, "192.0.2.1", EMAIL, path=ASKING)
        assert refused.status_code == 429
        assert "Los que están en el buzón valen un día" in refused.text
        assert f'value="{EMAIL}"' in refused.text
        newest = db.session.scalars(select(PasswordLink).order_by(PasswordLink.id.desc())).first()
        assert use(app.test_client(), newest) == 303


def test_a_browser_that_logged_in_before_asks_whatever_strangers_have_used_up(marta, client, app):
    log_in(client)
    send(client, "/logout", page="/profile")
    stranger = app.test_client()
    for number in range(10):
        ask(stranger, address=f"198.51.100.{number}")
    assert [ask(client) for _round in range(6)] == [200] * 5 + [429]
