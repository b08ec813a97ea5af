"""Wrong passwords: a stranger gets five a minute, and locks nobody out."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from flask.testing import FlaskClient
from sqlalchemy import func, insert, select

from service import scheduler
from service.clock import now
from service.extensions import db
from service.models import LoginAttempt, TeamMember
from service.team.actions import attempts
from tests.explaining import asked
from tests.pages import proof_in, send
from tests.team.logins import PASSWORD, WRONG, a_login, from_address, log_in, log_out

EMAIL = "marta@norte.example"


@pytest.fixture
def marta(app) -> TeamMember:
    return a_login()


def strangers_try(times: int, email: str = EMAIL) -> None:
    """Record wrong passwords for an account from all over the world."""
    attempt = attempts.record(attempts.LOGINS, email, "203.0.113.1")
    rows = [{"key": attempt.account_key, "at": now()} for _ in range(times - 1)]
    db.session.execute(insert(LoginAttempt), rows)
    db.session.commit()


def test_five_wrong_tries_a_minute_are_enough_for_one_place(marta, client):
    for _round in range(5):
        assert from_address(client, "198.51.100.7", password=WRONG).status_code == 422
    refused = from_address(client, "198.51.100.7")
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "60")
    assert f'value="{EMAIL}"' in refused.text  # what was typed is kept
    with time_machine.travel(now() + timedelta(seconds=61)):
        assert from_address(client, "198.51.100.7").status_code == 303


def test_a_strangers_wrong_tries_leave_the_owner_alone(marta, client):
    for _round in range(6):
        from_address(client, "198.51.100.7", password=WRONG)
    assert from_address(client, "192.0.2.1").status_code == 303


def test_twenty_wrong_tries_a_minute_are_enough_for_an_address(marta, client):
    for number in range(20):
        email = f"n{number}@norte.example"
        assert from_address(client, "198.51.100.7", email).status_code == 422
    assert from_address(client, "198.51.100.7").status_code == 429
    assert from_address(client, "198.51.100.8").status_code == 303


def test_an_ipv6_line_counts_as_one_address(marta, client):
    for number in range(5):
        address = f"2001:db8:1:2::{number}"
        assert from_address(client, address, password=WRONG).status_code == 422
    assert from_address(client, "2001:db8:1:2:ffff::1").status_code == 429
    assert from_address(client, "2001:db8:1:3::1").status_code == 303


def test_right_passwords_do_not_count_as_tries(marta, client):
    for _round in range(7):
        assert log_in(client).status_code == 303
        log_out(client)


@pytest.mark.parametrize("tries", [30, 3000])
def test_tries_from_everywhere_slow_a_new_browser_down_by_a_minute_at_most(marta, client, tries):
    begun = at = now()
    status = None
    while status != 303:
        with time_machine.travel(at, tick=False):
            strangers_try(tries)  # they go on all the time, and still keep nobody out
            answer = from_address(client, "192.0.2.1")
        status = answer.status_code
        at += timedelta(seconds=int(answer.headers.get("Retry-After", "0")))
        assert at - begun <= timedelta(minutes=1)
    assert at > begun


def test_who_has_waited_and_is_wrong_waits_again(marta, client):
    strangers_try(200)
    assert from_address(client, "192.0.2.1", password=WRONG).status_code == 429
    with time_machine.travel(now() + timedelta(seconds=61)):
        assert from_address(client, "192.0.2.1", password=WRONG).status_code == 422
        assert from_address(client, "192.0.2.1", password=WRONG).status_code == 429


def test_asking_all_the_time_makes_the_wait_no_longer(marta, client):
    strangers_try(200)
    begun = now()
    for seconds in (0, 10, 20, 30, 40, 50):
        with time_machine.travel(begun + timedelta(seconds=seconds), tick=False):
            left = int(from_address(client, "192.0.2.1").headers["Retry-After"])
            assert 60 - seconds - 1 <= left <= 60 - seconds
    with time_machine.travel(begun + timedelta(seconds=61)):
        assert from_address(client, "192.0.2.1").status_code == 303


def test_the_attack_is_forgotten_after_a_quarter_of_an_hour(marta, client):
    strangers_try(200)
    with time_machine.travel(now() + timedelta(minutes=15, seconds=1)):
        assert from_address(client, "192.0.2.1").status_code == 303


def test_a_browser_that_logged_in_before_is_not_slowed_down_at_all(marta, client):
    log_in(client)
    log_out(client)
    strangers_try(3000)
    for _round in range(6):
        from_address(client.application.test_client(), "127.0.0.1", password=WRONG)
    assert log_in(client).status_code == 303  # from an address whose attempts are used up


def test_a_browser_that_logged_in_before_has_five_tries_a_minute_of_its_own(marta, client):
    log_in(client)
    log_out(client)
    answers = [
        from_address(client, f"198.51.100.{number}", password=WRONG).status_code
        for number in range(6)
    ]
    assert answers == [422] * 5 + [429]
    stranger = client.application.test_client()
    assert from_address(stranger, "192.0.2.1").status_code == 303  # and costs no other one


def test_the_cookie_of_a_known_browser_is_worth_nothing_for_another_account(marta, app, client):
    a_login(email="olga@norte.example")
    log_in(client)
    log_out(client)
    known = device_cookie(client)
    strangers_try(200, email="olga@norte.example")
    thief = app.test_client()
    thief.set_cookie(known.key, known.value)
    assert log_in(thief, "olga@norte.example").status_code == 429
    log_in_later = app.test_client()  # under the name that hers would have
    with time_machine.travel(now() + timedelta(minutes=16)):
        log_in(log_in_later, "olga@norte.example")
    thief.set_cookie(device_cookie(log_in_later).key, known.value)
    assert log_in(thief, "olga@norte.example").status_code == 429


def device_cookie(client: FlaskClient):
    [found] = [each for each in client._cookies.values() if each.key.startswith("device-")]
    return found


def test_the_cookie_of_a_known_browser_opens_nothing_and_is_hard_to_reach(marta, client):
    answer = log_in(client)
    [said] = [line for line in answer.headers.getlist("Set-Cookie") if line.startswith("device-")]
    assert "HttpOnly" in said
    assert "SameSite=Lax" in said
    stranger = client.application.test_client()
    stranger.set_cookie(device_cookie(client).key, device_cookie(client).value)
    assert stranger.get("/profile").status_code == 302


def test_behind_https_the_cookie_of_a_known_browser_never_travels_in_the_clear(marta, remade):
    safe = remade(base_url="https://adios.example.com").test_client()
    there = {"base_url": "https://adios.example.com"}
    shown = safe.get("/login", **there).text
    typed = {"csrf_token": proof_in(shown), "email": EMAIL, "password": PASSWORD}
    answer = safe.post("/login", data=typed, **there)
    said = [line for line in answer.headers.getlist("Set-Cookie") if "device-" in line]
    assert said[0].startswith("__Host-device-")
    assert "Secure" in said[0]


def test_an_unknown_account_is_asked_the_same_of_the_database(marta, client):
    log_in(client, "nadie@norte.example")  # what is done once per process is done
    asked_for = []
    for email in (EMAIL, "nadia@norte.example"):
        strangers_try(200, email=email)
        with asked() as found:
            refused = log_in(client, email, WRONG)
        later = now() + timedelta(seconds=61)
        with time_machine.travel(later), asked() as more:
            wrong = log_in(client, email, WRONG)
        assert (refused.status_code, wrong.status_code) == (429, 422)
        asked_for.append([statement for statement, _values in (*found, *more)])
    assert asked_for[0] == asked_for[1]


def test_limits_hold_without_redis(marta, remade, settings):
    lonely = remade(redis_url="redis://127.0.0.1:1/0").test_client()
    answers = [log_in(lonely, password=WRONG).status_code for _round in range(6)]
    assert answers == [422] * 5 + [429]


def test_many_tries_at_once_are_no_way_around_the_limit(marta, app, client):
    assert answers_at_once(app, client).count(422) <= 5


def test_of_many_tries_at_once_one_gets_through_after_the_wait(marta, app, client):
    strangers_try(200)
    assert log_in(client, password=WRONG).status_code == 429
    with time_machine.travel(now() + timedelta(seconds=61)):
        assert answers_at_once(app, client).count(422) <= 1


def answers_at_once(app, client) -> list[int]:
    """Post 24 wrong passwords at once; each is refused or compared."""
    page = client.get("/login").text
    cookie = client.get_cookie("session").value
    data = {"csrf_token": proof_in(page), "email": EMAIL, "password": WRONG}
    db.session.rollback()

    def attempt(_number: int) -> int:
        with app.app_context():
            thief = app.test_client()
            thief.set_cookie("session", cookie)
            return thief.post("/login", data=data).status_code

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(attempt, range(24)))
    assert set(answers) <= {422, 429}
    return answers


def test_somebody_elses_wrong_passwords_do_not_use_up_those_of_a_password_change(marta, client):
    log_in(client)
    strangers_try(3000)
    typed = {"old_password": WRONG, "new_password": "x", "new_password_again": "x"}
    answers = [
        send(client, "/profile/password", typed, page="/profile").status_code for _ in range(6)
    ]
    assert answers == [422] * 5 + [429]


def test_attempts_are_kept_for_a_day_and_name_nobody(marta, client):
    log_in(client, password=WRONG)
    rows = db.session.scalars(select(LoginAttempt)).all()
    assert len(rows) == 3
    assert all(len(row.key) == 64 for row in rows)
    db.session.rollback()
    scheduler.tick()
    assert db.session.scalar(select(func.count(LoginAttempt.id))) == 3
    with time_machine.travel(now() + timedelta(days=1, seconds=1)):
        db.session.rollback()
        scheduler.tick()
        assert db.session.scalar(select(func.count(LoginAttempt.id))) == 0
