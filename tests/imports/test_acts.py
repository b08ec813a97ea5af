"""An import shows its mails first, sends none for an hour, and is undone as a whole until then."""

import io
import re
from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import func, select

from service.clients.actions import clients
from service.current import company
from service.departures.actions import acts
from service.departures.queries import acts as done
from service.errors import Conflict, Refused
from service.extensions import db
from service.imports.actions import Choice, previews, undoing
from service.imports.actions.writing import AT_ONCE
from service.models import (
    Act,
    Client,
    Contact,
    Departure,
    Enrolment,
    Event,
    MailState,
    OutboxMessage,
    Reason,
    Role,
    Stage,
)
from tests.any_hour import OFFICE
from tests.builders import a_company, a_departure, a_member, logged_in
from tests.imports.carrying import imported, planned
from tests.imports.lists import HEADER
from tests.pages import NOW, SEEN
from tests.rounds import a_round

COLUMNS = f"{HEADER};servicio;aviso;fin;cuota;motivos"
LIST = f"""{COLUMNS}
Café Río;Noa Ríos;noa@rios.example;SEO;2026-10-01;2026-10-31;90;price
Bodegas Ruy;Ana Ruy;ana@ruy.example;SEO;2026-10-01;2026-12-01;80;
"""
HISTORY = f"{COLUMNS}\nCafé Río;Noa Ríos;noa@rios.example;SEO;2026-08-01;2026-09-01;90;price\n"


@pytest.fixture
def clock(session):
    """The night from Saturday to Sunday, 2:41 in the company's zone."""
    a_company(language="en")
    with time_machine.travel("2026-11-01T01:41:00Z", tick=False) as clock:
        yield clock


@pytest.fixture
def marta(clock):
    return a_member(name="Marta Ruiz", role=Role.member, language="en")


def count(model) -> int:
    return db.session.scalar(select(func.count()).select_from(model))


def counts() -> list[int]:
    models = (Client, Contact, Departure, Enrolment, OutboxMessage, Event)
    return [count(model) for model in models]


def states() -> dict[tuple[str, str], MailState]:
    """The mails by client and step."""
    query = select(OutboxMessage).execution_options(populate_existing=True)
    return {(row.contact.client.name, row.step): row.state for row in db.session.scalars(query)}


def the_act() -> Act:
    return db.session.scalars(select(Act).order_by(Act.id.desc())).first()


def undone(by=None) -> None:
    undoing.undo(the_act(), by)
    db.session.commit()


def test_nothing_of_a_list_leaves_within_the_hour_and_then_it_goes(marta, clock):
    imported(LIST, by=marta)
    db.session.commit()
    clock.shift(timedelta(minutes=59))
    a_round()
    assert states() == {}
    clock.shift(timedelta(minutes=2))
    a_round()
    assert ("Café Río", "thank_you") in states()


def test_what_it_will_send_is_known_without_writing_anything(marta):
    found = planned(LIST)
    before = counts()
    panels = previews.of([start.draft for start in found.starts])

    assert [panel.client for panel in panels] == ["Café Río", "Bodegas Ruy"]
    going = {line.step: line.goes_at for line in panels[0].lines if line.is_going}
    assert going["survey_invitation"] >= going["thank_you"]
    assert counts() == before


def test_what_the_preview_says_is_what_happens(marta, clock):
    found = planned(LIST)
    panels = previews.of([start.draft for start in found.starts])
    told = {
        (panel.client, line.step): line.goes_at
        for panel in panels
        for line in panel.lines
        if line.is_going
    }
    imported(LIST, by=marta)
    db.session.commit()
    clock.move_to("2026-12-05T12:00:00Z")
    a_round()
    query = select(OutboxMessage).where(OutboxMessage.state == MailState.queued)
    went = {(row.contact.client.name, row.step) for row in db.session.scalars(query)}
    assert went <= set(told)
    assert ("Bodegas Ruy", "survey_invitation") in went


def test_the_preview_keeps_business_hours_and_one_mail_a_day(marta, clock):
    ours = company()
    for name, value in OFFICE.items():
        setattr(ours, name, value)
    db.session.commit()
    found = planned(LIST)
    panel = previews.of([start.draft for start in found.starts])[0]
    told = {line.step: line.goes_at for line in panel.lines if line.is_going}

    # a Sunday night before a holiday of Madrid; both mails are late
    assert told["thank_you"] == datetime(2026, 11, 3, 8, tzinfo=UTC)
    assert told["survey_invitation"] == datetime(2026, 11, 4, 9, tzinfo=UTC)


def test_mails_of_single_rows_are_held_and_the_others_go(marta, clock):
    imported(LIST, by=marta, choice=Choice(frozenset({(2, "thank_you"), (3, "thank_you")})))
    held = {key for key, state in states().items() if state is MailState.held}
    assert held == {("Café Río", "thank_you"), ("Bodegas Ruy", "thank_you")}
    db.session.commit()
    clock.shift(timedelta(days=2))
    a_round()
    assert states()["Café Río", "survey_invitation"] is MailState.queued


def test_all_mails_of_one_departure_are_held_at_a_press(marta):
    imported(LIST, by=marta, choice=Choice(frozenset({(2, "*")})))
    assert {client for client, _step in states()} == {"Café Río"}
    assert len(states()) > 2
    assert set(states().values()) == {MailState.held}


def test_all_are_held_and_none_goes(marta, clock):
    imported(LIST, by=marta, choice=Choice(holds_all=True))
    db.session.commit()
    clock.shift(timedelta(days=3))
    a_round()
    assert set(states().values()) == {MailState.held}


def test_with_now_the_first_mail_of_each_leaves_and_no_second_one(marta):
    imported(LIST, by=marta, choice=Choice(is_now=True))
    assert states() == {
        ("Café Río", "thank_you"): MailState.queued,
        ("Bodegas Ruy", "thank_you"): MailState.queued,
    }
    assert {row.context["by_hand"] for row in db.session.scalars(select(OutboxMessage))} == {True}


def test_a_long_list_is_not_sent_at_a_press(marta):
    rows = "".join(
        f"Cliente {n};Ana;a{n}@b.example;SEO;2026-10-01;2026-10-31;90;\n"
        for n in range(AT_ONCE + 1)
    )
    with pytest.raises(Refused, match="in parts"):
        imported(f"{COLUMNS}\n{rows}", by=marta, choice=Choice(is_now=True))


def test_a_whole_import_is_undone(marta):
    before = counts()
    imported(LIST, by=marta, choice=Choice(holds_all=True))
    db.session.commit()
    undone(marta)
    assert counts() == before
    assert the_act().undone_by_id == marta.id
    with pytest.raises(Conflict, match="Marta Ruiz undid it already"):
        undone(marta)


def test_facts_that_it_changed_are_as_they_were(marta, clock):
    imported(LIST, by=marta)
    db.session.commit()
    clock.shift(timedelta(hours=2))
    again = LIST.replace("2026-12-01;80;", "2026-12-24;70;budget_cut").replace("Ana Ruy", "Ana R.")
    imported(again, by=marta)
    db.session.commit()
    clock.shift(timedelta(minutes=5))
    undone(marta)

    client = clients.find("Bodegas Ruy")
    departure = db.session.scalars(select(Departure).where(Departure.client_id == client.id)).one()
    assert (departure.end_on, departure.monthly_value) == (date(2026, 12, 1), 80)
    assert departure.reasons == set()
    assert client.contacts[0].name == "Ana Ruy"
    assert count(Departure) == 2


def test_history_whose_protocol_began_is_history_again(marta, clock):
    imported(HISTORY, by=marta)
    db.session.commit()
    clock.shift(timedelta(hours=2))
    imported(HISTORY, by=marta, protocol_since=date(2026, 8, 1))
    db.session.commit()
    assert count(Enrolment) == 1
    undone(marta)
    assert count(Enrolment) == 0
    assert db.session.scalars(select(Departure)).one().is_history


def test_a_client_that_was_there_before_stays_and_so_does_its_other_departure(marta):
    there = a_departure(contact=None)
    there.client.name, there.client.name_key = "Café Río", "café río"
    db.session.commit()
    imported(LIST, by=marta)
    db.session.commit()
    undone(marta)
    assert [row.id for row in db.session.scalars(select(Departure))] == [there.id]
    assert count(Client) == 1


def test_what_was_touched_since_is_named_and_nothing_is_undone(marta):
    imported(LIST, by=marta)
    db.session.commit()
    departure = db.session.scalars(select(Departure).order_by(Departure.id)).first()
    acts.move(departure, Stage.handover, was=Stage.notice, by=marta)
    db.session.commit()
    act = db.session.scalars(select(Act).order_by(Act.id)).first()
    with pytest.raises(Refused, match="Café Río"):
        undoing.undo(act, marta)
    db.session.rollback()
    assert count(Departure) == 2
    assert act.undone_at is None


def test_a_fact_that_somebody_changed_since_is_not_written_over(marta, clock):
    imported(LIST, by=marta)
    db.session.commit()
    clock.shift(timedelta(hours=2))
    imported(LIST.replace("Ana Ruy", "Ana R."), by=marta)
    clients.find("Bodegas Ruy").contacts[0].name = "Ana María"
    db.session.commit()
    with pytest.raises(Refused, match="Bodegas Ruy"):
        undone(marta)


def test_after_the_hour_or_once_a_mail_has_left_it_cannot_be_undone(marta, clock):
    imported(LIST, by=marta, choice=Choice(is_now=True))
    db.session.commit()
    mail = db.session.scalars(select(OutboxMessage)).first()
    mail.state, mail.ended_at = MailState.sent, mail.due_at
    db.session.commit()
    with pytest.raises(Refused, match="already gone"):
        undone(marta)
    db.session.rollback()
    clock.shift(timedelta(hours=1))
    with pytest.raises(Refused, match="could be undone until"):
        undone(marta)
    assert done.imports() == []


def uploaded(browser, text: str) -> str:
    answer = browser.post("/imports", data={"file": (io.BytesIO(text.encode()), "list.csv")})
    assert answer.status_code == 303, answer.text
    return answer.location


def confirmed(page: str) -> dict[str, str]:
    return dict(re.findall(r'type="hidden" name="(since|shown)" value="([^"]*)"', page))


def test_the_page_shows_each_mail_holds_it_and_undoes_the_import(client, marta):
    browser = logged_in(client, marta)
    address = uploaded(browser, LIST)
    preview = browser.get(address).text
    assert 'name="hold" value="2:thank_you"' in preview
    assert "Survey" in preview
    data = {**confirmed(preview), **SEEN, "hold": ["2:thank_you"]}
    assert browser.post(address, data=data).location == "/departures"
    assert states() == {("Café Río", "thank_you"): MailState.held}

    shown = browser.get("/departures").text
    assert "Nothing leaves before 3:41" in shown
    departure = db.session.scalars(select(Departure).order_by(Departure.id)).first()
    assert "Undo the whole import" in browser.get(f"/departures/{departure.public_id}").text
    browser.post(re.search(r"/imports/[^/\"]+/undo", shown)[0])
    assert count(Departure) == 0
    assert "Undone" in browser.get("/departures").text


def test_what_was_ticked_stays_ticked_over_the_pages_of_a_list(client, marta, monkeypatch):
    monkeypatch.setattr("service.imports.views.imports.LISTED", 1)
    browser = logged_in(client, marta)
    address = uploaded(browser, LIST)
    data = confirmed(browser.get(address).text)
    second = browser.post(address, data={**data, "hold": "2:thank_you", "page": "2"}).text
    assert "Bodegas Ruy" in second
    assert '<input type="hidden" name="hold" value="2:thank_you">' in second
    first = browser.post(address, data={**data, "hold": "2:thank_you", "page": "1"}).text
    assert re.search(r'value="2:thank_you" checked', first)
    assert count(Client) == 0


def test_a_hold_that_makes_no_sense_is_left_out(client, marta):
    browser = logged_in(client, marta)
    address = uploaded(browser, LIST)
    data = {**confirmed(browser.get(address).text), "hold": ["x:thank_you", "9:no", "", "2"]}
    assert browser.post(address, data={**data, **SEEN}).status_code == 303
    assert count(Departure) == 2


def test_a_list_is_imported_and_its_first_mails_are_sent_now(client, marta):
    browser = logged_in(client, marta)
    address = uploaded(browser, LIST)
    browser.post(address, data={**confirmed(browser.get(address).text), **NOW})
    assert len(states()) == 2


@pytest.fixture
def run(app, clock, tmp_path):
    """Run a command about clients on the list, in an English company."""
    db.session.commit()
    path = tmp_path / "list.csv"
    path.write_text(LIST)
    runner = app.test_cli_runner()
    return lambda name, *words: runner.invoke(
        args=["clients", name, *([str(path)] if name == "import" else []), *words]
    )


def test_the_command_says_until_when_nothing_leaves_and_undoes_it(run):
    result = run("import")
    assert result.exit_code == 0, result.output
    assert "Nothing leaves before Nov 1, 2026, 3:41" in result.stdout
    result = run("undo-import")
    assert (result.exit_code, count(Departure)) == (0, 0), result.output
    assert run("undo-import").exit_code == 1


def test_the_command_holds_all_or_sends_the_first_and_never_both(run):
    assert run("import", "--hold", "--now").exit_code == 2
    assert count(Departure) == 0
    assert run("import", "--hold").exit_code == 0
    assert set(states().values()) == {MailState.held}
    run("undo-import")
    assert "Nothing leaves" not in run("import", "--now").stdout
    assert set(states().values()) == {MailState.queued}


def test_the_rehearsal_lists_the_mails_of_each_with_their_days(run):
    result = run("import", "--dry-run")
    assert re.search(r"Nov \d+, 2026, \S+.*Thank-you", result.stdout)
    assert count(Departure) == 0


def test_reasons_that_a_list_replaced_come_back(marta, clock):
    imported(LIST, by=marta)
    db.session.commit()
    clock.shift(timedelta(hours=2))
    imported(LIST.replace(";price", ";budget_cut"), by=marta)
    db.session.commit()
    undone(marta)
    departure = db.session.scalars(select(Departure).order_by(Departure.id)).first()
    assert departure.reasons == {Reason.price}
