"""Links of a newsletter whose openings are counted: if the team chose so, in total, of nobody."""

import re
import sqlite3
from threading import Barrier, Thread

import psycopg
import pytest
from sqlalchemy import delete, inspect, select

from service import scheduler
from service.clock import now
from service.extensions import db
from service.mail.rendering.messages import decoded
from service.mail.rendering.rendering import render
from service.models import (
    Newsletter,
    NewsletterIssue,
    NewsletterLink,
    OutboxMessage,
    Role,
)
from service.newsletters.actions import newsletters
from service.newsletters.public.links import openings
from service.newsletters.rules import Frequency
from tests.builders import a_company, a_contact, a_member, logged_in

SHOP = "https://shop.example/new?a=1&b=2#top"
BLOG = "https://blog.example/%C3%B1"
BODY = (
    "Dear {{ first_name }}: see [the shop]({shop}), <{shop}>, [the news](http://localhost/news) "
    "and [write](mailto:hi@norte.example).\n\n{{ preferences_link }}"
).replace("{shop}", SHOP)
TEXTS = {
    "en": {"subject": "News", "body": BODY},
    "es": {"subject": "Novedades", "body": f"Mira [la tienda]({SHOP}) y [el blog]({BLOG})."},
}
PERSON = {"User-Agent": "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0"}
SAYS_SO = "We count how often each of its links is opened"


@pytest.fixture
def marta(session):
    a_company(language="en")
    return a_member(role=Role.member, language="en")


@pytest.fixture
def page(client, marta):
    """A browser of a member of the team."""
    return logged_in(client, marta)


def a_newsletter(marta, **more) -> Newsletter:
    newsletter = newsletters.create("Spring", marta)
    values = {"texts": TEXTS, "audience": {"who": "all"}, "counts_links": True, **more}
    for name, value in values.items():
        setattr(newsletter, name, value)
    db.session.commit()
    return newsletter


def begun(newsletter, marta) -> NewsletterIssue:
    """Have it sent to one reader in each language; the mails are in the outbox."""
    for language in ("en", "es"):
        a_contact(language=language, name="Ana")
    issue = newsletters.schedule(newsletter, None, Frequency.once, by=marta, was=newsletter.version)
    db.session.commit()
    scheduler.tick()
    return issue


def mails() -> dict[str, tuple[str, str]]:
    """Return HTML and text of each mail by its language."""
    rows = db.session.scalars(select(OutboxMessage)).all()
    rendered = [(row.language, render(row)) for row in rows]
    return {lang: (decoded(mail.html), decoded(mail.text)) for lang, mail in rendered}


def addresses_in(html: str) -> list[str]:
    return [found.replace("&amp;", "&") for found in re.findall('href="([^"]*)"', html)]


def kept() -> dict[str, int]:
    """Return the total of each address, once all is counted."""
    db.session.rollback()
    openings.settle()
    links = select(NewsletterLink).execution_options(populate_existing=True)
    found = {link.address: link.openings for link in db.session.scalars(links)}
    db.session.rollback()
    return found


def opened(client, path, method="GET", **headers):
    """Open an address as a person does, and read the answer to its end."""
    sent = {**PERSON, **headers}
    return client.open(path, method=method, headers=sent, buffered=True)


def test_nothing_is_rewritten_or_kept_unless_it_is_chosen(marta, client):
    issue = begun(a_newsletter(marta, counts_links=False), marta)
    assert kept() == {}
    for html, text in mails().values():
        assert SHOP in addresses_in(html)
        assert f"/n/{issue.public_id}/" not in html + text
        assert SAYS_SO not in html + text
    assert opened(client, f"/n/{issue.public_id}/1").status_code == 404


def test_it_is_chosen_on_the_newsletters_page_and_off_before(page, marta):
    newsletter = newsletters.create("Spring", marta)
    there = f"/newsletters/{newsletter.public_id}"
    db.session.commit()
    box = r'<input[^>]*name="counts_links"[^>]*>'
    assert "checked" not in re.search(box, page.get(there).text)[0]
    page.post(there, data={"name": "Spring", "counts_links": "y"})
    assert "checked" in re.search(box, page.get(there).text)[0]
    page.post(there, data={"name": "Spring"})
    assert "checked" not in re.search(box, page.get(there).text)[0]


def test_mails_lead_over_us_and_say_so_and_only_where_they_should(marta):
    issue = begun(a_newsletter(marta), marta)
    over = f"http://localhost/n/{issue.public_id}"
    html, text = mails()["en"]
    found = addresses_in(html)
    assert f"{over}/1" in found
    assert SHOP in found  # shown as itself, so it leads to itself
    assert {"http://localhost/news", "mailto:hi@norte.example", over} <= set(found)
    assert [address for address in found if address.startswith(f"{over}/")] == [f"{over}/1"]
    assert f"the shop ({SHOP})" in text
    assert f"{over}/" not in text
    assert SAYS_SO in html
    assert SAYS_SO in text
    spanish, _ = mails()["es"]
    assert [found for found in addresses_in(spanish) if found.startswith(f"{over}/")] == [
        f"{over}/1",
        f"{over}/2",
    ]


def test_the_page_in_the_browser_leads_straight_there(marta, client):
    issue = begun(a_newsletter(marta, is_public=True), marta)
    shown = client.get(f"/n/{issue.public_id}?language=en").text
    assert SHOP in addresses_in(shown)
    assert f"/n/{issue.public_id}/" not in shown
    assert SAYS_SO not in shown


def test_a_link_leads_to_the_address_of_the_frozen_text_and_is_counted(marta, client):
    newsletter = a_newsletter(marta)
    issue = begun(newsletter, marta)
    assert kept() == {SHOP: 0, BLOG: 0}
    newsletter.texts, newsletter.counts_links = {}, False
    db.session.commit()
    answer = opened(client, f"/n/{issue.public_id}/1?to=https://evil.example", Host="evil.example")
    assert (answer.status_code, answer.location) == (302, SHOP)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "Set-Cookie" not in answer.headers
    assert opened(client, f"/n/{issue.public_id}/2").location == BLOG
    opened(client, f"/n/{issue.public_id}/2")
    assert kept() == {SHOP: 1, BLOG: 2}


def test_a_link_still_leads_there_when_its_newsletter_was_cancelled_and_deleted(marta, client):
    newsletter = a_newsletter(marta)
    issue = begun(newsletter, marta)
    newsletter.deleted_at = now()
    db.session.commit()
    assert opened(client, f"/n/{issue.public_id}/1").location == SHOP


def test_a_number_that_is_none_gets_our_own_page(marta, client):
    issue = begun(a_newsletter(marta), marta)
    home = f"/n/{issue.public_id}"
    nowhere = ["0", "3", "99999", "100000", "9" * 30, "-1", "1/2", "x", "1%00", "%31%0d%0aX"]
    for path in [*(f"{home}/{rest}" for rest in nowhere), f"/n/{'x' * 22}/1"]:
        answer = opened(client, path)
        assert answer.status_code == 404, path
        assert "<h1" in answer.text
        assert "Location" not in answer.headers


ROBOTS = (
    ("HEAD", {}),
    ("GET", {"Sec-Purpose": "prefetch;prerender"}),
    ("GET", {"Purpose": "prefetch"}),
    ("GET", {"X-Moz": "prefetch"}),
    ("GET", {"User-Agent": ""}),
    ("GET", {"User-Agent": "Mozilla/5.0 (compatible; bingbot/2.0)"}),
    ("GET", {"User-Agent": "Mozilla/5.0 (X11) HeadlessChrome/140.0 Safari/537.36"}),
    ("GET", {"User-Agent": "Slackbot-LinkExpanding 1.0"}),
    ("GET", {"User-Agent": "python-requests/2.32"}),
)


def test_what_fetches_ahead_or_is_a_robot_is_led_on_and_not_counted(marta, client):
    issue = begun(a_newsletter(marta), marta)
    for method, headers in ROBOTS:
        answer = opened(client, f"/n/{issue.public_id}/1", method, **headers)
        assert (answer.status_code, answer.location) == (302, SHOP), headers
    assert kept()[SHOP] == 0


def test_a_telephone_with_bot_in_its_name_is_counted(marta, client):
    issue = begun(a_newsletter(marta), marta)
    name = "Mozilla/5.0 (Linux; Android 12; CUBOT X70) Chrome/140.0 Mobile Safari/537.36"
    opened(client, f"/n/{issue.public_id}/1", **{"User-Agent": name})
    assert kept()[SHOP] == 1


def test_many_who_open_at_once_are_all_counted(app, marta):
    issue = begun(a_newsletter(marta), marta)
    path, barrier = f"/n/{issue.public_id}/1", Barrier(8)
    db.session.rollback()

    def read() -> None:
        with app.app_context():
            barrier.wait(10)
            for _ in range(10):
                opened(app.test_client(), path)
            db.session.rollback()

    threads = [Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert kept()[SHOP] == 80


def test_nobody_waits_while_the_row_is_held_by_somebody_else(marta, client, settings):
    path = f"/n/{begun(a_newsletter(marta), marta).public_id}/1"
    db.session.rollback()
    url = settings.database_url
    is_sqlite = url.startswith("sqlite")
    holder = (
        sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        if is_sqlite
        else psycopg.connect(url.replace("postgresql+psycopg", "postgresql"))
    )
    if is_sqlite:
        holder.execute("BEGIN IMMEDIATE")
    holder.execute("UPDATE newsletter_links SET openings = openings")
    for _ in range(3):
        assert opened(client, path).location == SHOP
    db.session.rollback()
    assert holder.execute("SELECT sum(openings) FROM newsletter_links").fetchone() == (0,)
    holder.rollback()
    holder.close()
    assert kept()[SHOP] == 3


def test_links_lead_there_and_are_counted_while_redis_is_away(remade, marta, tmp_path):
    path = f"/n/{begun(a_newsletter(marta), marta).public_id}/1"
    db.session.rollback()
    app = remade(redis_url=f"unix://{tmp_path}/nobody.sock")
    with app.app_context():
        assert opened(app.test_client(), path).location == SHOP
        db.session.rollback()
    assert kept()[SHOP] == 1


def test_what_is_kept_is_one_total_per_link(marta):
    table = inspect(db.session.connection()).get_columns("newsletter_links")
    columns = {column["name"] for column in table}
    assert columns == {"issue_id", "number", "address", "openings"}


def test_addresses_that_are_none_never_get_there(marta, client):
    bad = "[x](javascript:alert(1)) [y](data:text/html,x) [z](//evil.example) [ok](https://a.b/)"
    issue = begun(a_newsletter(marta, texts={"en": {"subject": "x", "body": bad}}), marta)
    assert kept() == {"https://a.b/": 0}
    assert opened(client, f"/n/{issue.public_id}/1").location == "https://a.b/"


def test_the_issues_page_shows_totals_when_counted_and_nothing_when_not(page, marta):
    issue = begun(a_newsletter(marta), marta)
    for link, times in zip(db.session.scalars(select(NewsletterLink)), (4, 8), strict=True):
        link.openings = times
    db.session.commit()
    said = page.get(f"/newsletter-issues/{issue.public_id}").text
    assert "12 openings in all. Robots of mail providers open links, too" in said
    assert said.index(BLOG) < said.index("https://shop.example/new?a=1&amp;b=2#top")
    db.session.execute(delete(NewsletterLink))
    db.session.commit()
    assert "no link that could be counted" in page.get(f"/newsletter-issues/{issue.public_id}").text
    db.session.execute(select(NewsletterIssue)).scalar_one().counts_links = False
    db.session.commit()
    assert "Links opened" not in page.get(f"/newsletter-issues/{issue.public_id}").text


def test_a_text_too_large_with_counted_links_is_refused_when_they_are_chosen(page, marta):
    body = "\n".join(f"[w{n}](https://a.b/{n})" for n in range(110))
    newsletter = a_newsletter(
        marta, texts={"en": {"subject": "x", "body": body}}, counts_links=False
    )
    there, data = f"/newsletters/{newsletter.public_id}", {"name": "Spring", "counts_links": "y"}
    answer = page.post(there, data=data)
    assert answer.status_code == 422
    assert "With its links counted the mail would be too large" in answer.text
    db.session.refresh(newsletter)
    assert not newsletter.counts_links
    typed = {"subject": "x", "body": body, "version": str(newsletter.version)}
    db.session.commit()
    assert page.post(f"{there}/text?language=en", data=typed).status_code == 303
    newsletter.counts_links = True
    db.session.commit()
    typed["version"] = str(newsletter.version)
    assert page.post(f"{there}/text?language=en", data=typed).status_code == 422


def test_preview_and_test_mail_say_that_links_are_counted_and_count_none(page, marta):
    newsletter = a_newsletter(marta)
    there = f"/newsletters/{newsletter.public_id}/text"
    db.session.commit()
    frame = page.get(f"{there}/frame?language=en").text
    assert SAYS_SO in frame
    assert SHOP in addresses_in(frame)
    page.post(f"{there}/test?language=en", data={"subject": "Try", "body": BODY})
    [(html, _text)] = mails().values()
    assert SAYS_SO in html
    assert SHOP in addresses_in(html)
