"""A session is a row: listed on the profile, ended there, by a logout, and by time."""

import sqlite3
from datetime import timedelta

import pytest
import time_machine
from flask.testing import FlaskClient
from sqlalchemy import select

from service import scheduler
from service.clock import now
from service.extensions import db
from service.models import LoginSession, TeamMember
from service.team.actions import passwords
from service.team.rules import browser_and_system
from service.web.sessions import KEY, sightings
from tests.browser.test_scanners import all_rows
from tests.builders import a_company, a_member, logged_in
from tests.explaining import asked

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like"
    " Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
)
ANDROID = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/139.0.0.0 Mobile Safari/537.36"
)


@pytest.fixture
def marta(app) -> TeamMember:
    a_company()
    return a_member(language="en")


@pytest.fixture
def browser_of(app, client):
    """Return a function that logs a member in with a browser of their own."""

    def opened(member: TeamMember, user_agent: str = FIREFOX) -> FlaskClient:
        browser = app.test_client()
        browser.environ_base["HTTP_USER_AGENT"] = user_agent
        return logged_in(browser, member)

    return opened


def is_inside(browser: FlaskClient) -> bool:
    db.session.rollback()  # what else reads and writes sees what was committed
    return browser.get("/profile").status_code == 200


def rows() -> list[LoginSession]:
    db.session.rollback()
    query = select(LoginSession).order_by(LoginSession.id)
    return list(db.session.scalars(query.execution_options(populate_existing=True)))


def test_a_copied_cookie_is_worth_nothing_after_the_logout(app, marta, browser_of):
    hers = browser_of(marta)
    thief = app.test_client()
    thief.set_cookie("session", hers.get_cookie("session").value)
    assert is_inside(thief)
    assert hers.post("/logout").location == "/login"
    assert thief.get("/settings").location == "/login?next=/settings"
    assert rows() == []


def test_the_row_holds_no_more_than_a_hash_of_what_the_cookie_holds(marta, browser_of):
    hers = browser_of(marta)
    with hers.session_transaction() as cookie:
        secret = cookie[KEY]
    [row] = rows()
    assert len(secret) == 43  # 256 bits
    kept = [str(getattr(row, column.name)) for column in LoginSession.__table__.columns]
    assert not any(secret in value for value in kept)


def test_the_profile_lists_the_devices_and_says_which_is_this_one(marta, browser_of):
    laptop = browser_of(marta)
    browser_of(marta, IPHONE)
    browser_of(marta, "something/1.0")
    browser_of(a_member(), ANDROID)
    page = laptop.get("/profile").text
    devices = page.split('class="plain-list devices"')[1].split("</ul>")[0].split("<li")[1:]
    names = [each.split("<strong>")[1].split("<")[0] for each in devices]
    assert names == ["Unknown browser", "Safari on iPhone", "Firefox on Windows"]
    assert ["this one" in each for each in devices] == [False, False, True]


def test_one_device_is_logged_out_and_no_other(marta, browser_of):
    laptop, phone, tablet = (browser_of(marta) for _ in range(3))
    ended = rows()[1].public_id
    assert laptop.post(f"/profile/sessions/{ended}/end").location == "/profile"
    assert "That device is logged out." in laptop.get("/profile").text
    assert [is_inside(each) for each in (laptop, phone, tablet)] == [True, False, True]
    assert laptop.post(f"/profile/sessions/{ended}/end").location == "/profile"  # pressed twice


def test_nobody_logs_somebody_else_out(marta, browser_of):
    hers, his = browser_of(marta), browser_of(a_member())
    his.post(f"/profile/sessions/{rows()[0].public_id}/end")
    his.post("/profile/sessions")
    assert is_inside(hers)


def test_whoever_ends_the_session_of_this_browser_sees_the_login(marta, browser_of):
    hers = browser_of(marta)
    assert hers.post(f"/profile/sessions/{rows()[0].public_id}/end").location == "/login"
    assert not is_inside(hers)


def test_another_login_in_the_same_browser_leaves_no_session_behind(marta, browser_of):
    marta.password_hash = passwords.hashed("cuatro palabras muy sueltas")
    hers = browser_of(marta)
    typed = {"email": marta.email, "password": "cuatro palabras muy sueltas"}
    assert hers.post("/login", data=typed).location == "/"
    assert is_inside(hers)
    assert len(rows()) == 1


def test_a_command_logs_somebody_out_everywhere(app, marta, browser_of):
    hers, phone, his = browser_of(marta), browser_of(marta), browser_of(a_member())
    said = app.test_cli_runner().invoke(args=["provider", "log-out", marta.email])
    assert (said.exit_code, said.stdout) == (0, "logged out in 2 browsers\n")
    assert [is_inside(each) for each in (hers, phone, his)] == [False, False, True]
    nobody = app.test_cli_runner().invoke(args=["provider", "log-out", "nadie@norte.example"])
    assert (nobody.exit_code, nobody.stdout) == (1, "")


def test_a_browser_that_nobody_uses_is_logged_out_after_two_weeks(marta, browser_of):
    hers = browser_of(marta)
    with hers.session_transaction() as cookie:
        secret = cookie[KEY]
    with time_machine.travel(now() + timedelta(days=13, hours=23)):
        assert rows()[0].expires_at > now()
    with time_machine.travel(now() + timedelta(days=14, seconds=1)):
        with hers.session_transaction() as cookie:
            cookie[KEY] = secret  # signed a moment ago: it is the row that says no
        assert not is_inside(hers)


def test_a_browser_in_daily_use_is_logged_out_after_90_days(marta, browser_of):
    hers, begun = browser_of(marta), now()
    for day in range(10, 90, 10):
        with time_machine.travel(begun + timedelta(days=day)):
            assert is_inside(hers), f"on day {day}"
            sightings.settle()
    with time_machine.travel(begun + timedelta(days=90, seconds=1)):
        assert not is_inside(hers)


def test_a_page_changes_no_row_but_when_its_own_session_was_seen_and_that_rarely(marta, browser_of):
    laptop, _phone = browser_of(marta), browser_of(marta)
    before = all_rows()
    for path in ("/", "/profile", "/departures", "/settings"):
        laptop.get(path)
    sightings.settle()
    assert all_rows() == before

    mine, other = rows()
    others_before = (other.last_seen_at, other.expires_at)
    with time_machine.travel(now() + timedelta(minutes=6)):
        laptop.get("/profile")
        sightings.settle()
    mine, other = rows()
    assert mine.last_seen_at - mine.created_at > timedelta(minutes=5)
    assert mine.expires_at == mine.last_seen_at + timedelta(days=14)
    assert (other.last_seen_at, other.expires_at) == others_before
    mine.last_seen_at, mine.expires_at = mine.created_at, mine.created_at + timedelta(days=14)
    db.session.commit()
    assert all_rows() == before


def test_a_page_does_not_wait_until_its_sighting_can_be_written(marta, browser_of, settings):
    hers = browser_of(marta)
    holder = sqlite3.connect(settings.database_url.removeprefix("sqlite:///"), isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with time_machine.travel(now() + timedelta(minutes=6)):
        assert is_inside(hers)  # answered while another process has the database to itself
        db.session.rollback()
        seen = holder.execute("SELECT created_at = last_seen_at FROM login_sessions").fetchone()
        assert seen == (1,)
        holder.rollback()
        holder.close()
        sightings.settle()
    assert rows()[0].last_seen_at > rows()[0].created_at


def test_who_is_logged_in_is_one_question(marta, browser_of):
    hers = browser_of(marta)
    with asked() as found:
        assert hers.get("/mails").status_code == 200
    about = [said for said, _values in found if "login_sessions" in said or "providers" in said]
    assert len(about) == 1
    assert "JOIN providers" in about[0]


def test_only_pages_behind_the_login_renew_the_cookie(marta, browser_of):
    hers = browser_of(marta)
    for path in ("/healthz", "/static/base.css", "/s/nothing-here", "/api/v1/suppressions"):
        answer = hers.get(path, buffered=True)
        assert "Set-Cookie" not in answer.headers, path
        assert "Cookie" not in answer.headers.get("Vary", ""), path
    assert "Set-Cookie" in hers.get("/profile").headers


def test_expired_sessions_are_deleted_by_the_clock(marta, browser_of):
    browser_of(marta)
    with time_machine.travel(now() + timedelta(days=13)):
        browser_of(marta)
    scheduler.tick()
    assert len(rows()) == 2
    with time_machine.travel(now() + timedelta(days=14, seconds=1)):
        scheduler.tick()
        assert len(rows()) == 1


@pytest.mark.parametrize(
    ("user_agent", "named"),
    [
        (FIREFOX, ("Firefox", "Windows")),
        (IPHONE, ("Safari", "iPhone")),
        (ANDROID, ("Chrome", "Android")),
        (ANDROID.replace("Safari/537.36", "Safari/537.36 EdgA/139.0"), ("Edge", "Android")),
        (
            ANDROID.replace("Chrome/", "SamsungBrowser/28.0 Chrome/"),
            ("Samsung Internet", "Android"),
        ),
        (IPHONE.replace("Version/18.5", "CriOS/139.0.7258.76"), ("Chrome", "iPhone")),
        (IPHONE.replace("Version/18.5", "FxiOS/142.0"), ("Firefox", "iPhone")),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like"
            " Gecko) Version/18.5 Safari/605.1.15",
            ("Safari", "Mac"),
        ),
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
            " Chrome/139.0.0.0 Safari/537.36 OPR/123.0.0.0",
            ("Opera", "Linux"),
        ),
        ("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) Chrome/139.0.0.0", ("Chrome", "ChromeOS")),
        ("curl/8.5.0", ("", "")),
        ("<script>alert(1)</script>" * 1000, ("", "")),
        ("", ("", "")),
    ],
)
def test_a_browser_is_told_in_the_words_of_people(user_agent, named):
    assert browser_and_system(user_agent) == named
