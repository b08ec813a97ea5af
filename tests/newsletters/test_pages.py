"""Newsletters as the team writes them and as readers open them."""

import html as entities
import io
import re
import struct
import zlib
from datetime import timedelta

import pytest
from PIL import Image
from sqlalchemy import func, select

from service import scheduler
from service.clock import now, today
from service.extensions import db
from service.mail.policy import suppressions
from service.mail.rendering.messages import decoded
from service.mail.rendering.rendering import render
from service.models import (
    Audience,
    IssueState,
    MailKind,
    Newsletter,
    NewsletterImage,
    NewsletterIssue,
    OutboxMessage,
    Reason,
    Role,
    SkipReason,
    SuppressionReason,
)
from service.models.audiences import Side, Who
from service.newsletters.actions import images, newsletters
from service.newsletters.queries import audiences
from service.newsletters.rules import Frequency
from tests.builders import (
    a_client,
    a_company,
    a_contact,
    a_member,
    added,
    logged_in,
)

LEFT = {"left_on": today("Europe/Madrid") - timedelta(days=30)}
TYPED = {"subject": "News, {{ first_name }}", "body": "Dear {{ first_name }}: all is well with us."}


@pytest.fixture
def marta(session):
    a_company(language="en", postal_address="Calle de la Ribera 14")
    return a_member(role=Role.member, language="en")


@pytest.fixture
def page(client, marta):
    """A browser of a member of the team."""
    return logged_in(client, marta)


def a_newsletter(marta, **more) -> Newsletter:
    newsletter = newsletters.create("Spring", marta)
    newsletter.texts = {"en": dict(TYPED)}
    for name, value in more.items():
        setattr(newsletter, name, value)
    db.session.commit()
    return newsletter


def address(newsletter, rest="") -> str:
    found = f"/newsletters/{newsletter.public_id}{rest}"
    db.session.commit()
    return found


def said_on(answer) -> str:
    return entities.unescape(answer.get_data(as_text=True))


def texts_of(newsletter) -> dict:
    db.session.expire_all()
    return newsletter.texts


def test_from_a_name_to_a_mail_in_the_readers_language(page, marta):
    a_contact(language="es", name="Ana López", **LEFT)
    assert "No newsletter yet" in said_on(page.get("/newsletters"))
    there = page.post("/newsletters", data={"name": "Spring"}).location
    newsletter = db.session.scalars(select(Newsletter)).one()
    assert there.endswith(f"{newsletter.public_id}/text")
    text = {"subject": "Novedades", "body": "Hola, {{ first_name }}.", "version": "1"}
    assert page.post(there + "?language=es", data=text).status_code == 303
    asked = {"how": "now", "frequency": "once"}
    said = said_on(page.get(address(newsletter, "/schedule"), query_string=asked))
    assert "Send it to 1 person?" in said
    version = re.search(r'name="version" value="(\d+)"', said)[1]
    page.post(address(newsletter, "/schedule"), data={**asked, "version": version})
    scheduler.tick()
    mail = render(db.session.scalars(select(OutboxMessage)).one())
    issue = db.session.scalars(select(NewsletterIssue)).one()
    assert mail.subject == "Novedades"
    assert "Hola, Ana." in decoded(mail.text)
    assert f"http://localhost/n/{issue.public_id}" in decoded(mail.text)
    assert f"http://localhost/n/{issue.public_id}" in decoded(mail.html)
    assert "purpose=newsletter" in mail.extra_headers["List-Unsubscribe"]


def test_a_second_press_of_send_is_told_and_schedules_nothing(page, marta):
    a_contact(**LEFT)
    newsletter = a_newsletter(marta)
    pressed = {"how": "now", "frequency": "once", "version": str(newsletter.version)}
    for _ in range(2):
        answer = page.post(address(newsletter, "/schedule"), data=pressed)
        assert answer.status_code == 303
    assert "has scheduled it already" in said_on(page.get(answer.location))
    assert db.session.scalar(select(func.count(NewsletterIssue.id))) == 1


def test_an_audience_of_nobody_is_told_before_and_refused_after(page, marta):
    newsletter = a_newsletter(marta)
    asked = {"how": "now", "frequency": "once", "version": str(newsletter.version)}
    assert "Nobody would get it" in said_on(page.get(address(newsletter, "/schedule")))
    answer = page.post(address(newsletter, "/schedule"), data=asked)
    assert answer.status_code == 422
    assert "Widen the audience" in said_on(answer)


def test_a_series_shows_its_next_three_dates_first(page, marta):
    a_contact(**LEFT)
    newsletter = a_newsletter(marta)
    asked = {"how": "later", "day": "2098-01-31", "hour": "09:00", "frequency": "monthly"}
    said = said_on(page.get(address(newsletter, "/schedule"), query_string=asked))
    for day in ("January 31, 2098", "February 28, 2098", "March 31, 2098"):
        assert day in said
    wrong = page.get(address(newsletter, "/schedule"), query_string={**asked, "day": "x"})
    assert wrong.status_code == 422


def test_what_is_typed_while_it_is_being_sent_is_refused_and_kept(page, marta):
    a_contact(**LEFT)
    newsletter = a_newsletter(marta)
    newsletters.schedule(newsletter, None, Frequency.once, by=marta, was=newsletter.version)
    db.session.commit()
    scheduler.tick()
    answer = page.post(
        address(newsletter, "/text?language=en"), data={"subject": "Mine", "body": "My words."}
    )
    assert answer.status_code == 409
    assert "It is being sent" in said_on(answer)
    assert "My words." in said_on(answer)
    assert texts_of(newsletter)["en"] == TYPED


def test_two_who_edit_lose_nothing(page, marta):
    newsletter = a_newsletter(marta)
    version = str(newsletter.version)
    there = address(newsletter, "/text?language=en")
    page.post(there, data={"subject": "A", "body": "The first.", "version": version})
    answer = page.post(there, data={"subject": "A", "body": "The second.", "version": version})
    assert answer.status_code == 409
    assert "The first." in said_on(answer)
    assert "The second." in said_on(answer)
    assert texts_of(newsletter)["en"]["body"] == "The first."


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"subject": "two\nlines {{ first_name }}"}, "A subject is one line"),
        ({"subject": "{{ service }}"}, "This mail has no {{ service }}"),
        ({"body": "word " * 200_000}, "Shorten it to 20000 characters"),
        ({"body": "![x](https://tracker.example/1.gif)"}, "must be one that you uploaded here"),
        ({"body": "![x](/media/newsletters/aaaaaaaaaaaaaaaaaaaaaa)"}, "you uploaded here"),
        ({"body": "[x](javascript:alert(1))"}, "A link leads to an address"),
    ],
)
def test_bad_texts_are_refused_with_the_line_and_kept(page, marta, typed, words):
    newsletter = a_newsletter(marta)
    data = {**TYPED, **typed, "version": str(newsletter.version)}
    answer = page.post(address(newsletter, "/text?language=en"), data=data)
    assert answer.status_code == 422
    assert words in said_on(answer)
    assert texts_of(newsletter)["en"] == TYPED


def test_hostile_markdown_is_words_in_the_mail_and_on_the_page(page, client, marta):
    body = "<script>alert(1)</script> <img src=x onerror=alert(1)> {{ first_name }}"
    newsletter = a_newsletter(marta, texts={"en": {"subject": "x", "body": body}})
    issue = added(
        NewsletterIssue(
            newsletter=newsletter, number=1, due_at=now(), started_at=now(), texts=newsletter.texts
        )
    )
    public_id = issue.public_id
    db.session.commit()
    frame = page.get(address(newsletter, "/text/frame?language=en")).text
    shown = client.get(f"/n/{public_id}?language=en")
    for html in (frame, shown.text):
        assert "<script" not in html
        assert "<img src=x" not in html
        assert "&lt;script&gt;" in html
    assert "default-src 'none'" in shown.headers["Content-Security-Policy"]


def test_the_page_in_the_browser_names_nobody_and_sets_no_cookie(client, marta):
    newsletter = a_newsletter(marta)
    issue = added(
        NewsletterIssue(newsletter=newsletter, number=1, due_at=now(), texts=newsletter.texts)
    )
    db.session.commit()
    assert client.get(f"/n/{issue.public_id}").status_code == 404  # not begun
    assert client.get("/news").status_code == 404
    issue.started_at = now()
    db.session.commit()
    answer = client.get(f"/n/{issue.public_id}")
    assert "Dear everybody: all is well" in answer.text
    assert "/p/" not in answer.text
    assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert "Set-Cookie" not in answer.headers
    newsletter.is_public = True
    db.session.commit()
    assert "X-Robots-Tag" not in client.get(f"/n/{issue.public_id}").headers
    archive = client.get("/news?language=en")
    assert "News, everybody" in archive.text
    assert "noindex" not in archive.text
    issue.state = IssueState.cancelled
    db.session.commit()
    assert client.get("/news").status_code == 404


def a_picture(mode="RGB", size=(2000, 1000), kind="JPEG", **more) -> bytes:
    made = io.BytesIO()
    colour = (200, 0, 0, 90) if mode == "RGBA" else "red"
    Image.new(mode, size, colour).save(made, kind, **more)
    return made.getvalue()


def a_claim_of(width: int, height: int) -> bytes:
    """A PNG that says it is that large; whoever believes it has no memory left."""
    octets = a_picture(size=(9, 9), kind="PNG")
    head = b"IHDR" + struct.pack(">II", width, height) + octets[24:29]
    return octets[:12] + head + struct.pack(">I", zlib.crc32(head)) + octets[33:]


def uploaded(page, newsletter, octets, name="x.jpg"):
    head = f'--cut\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    answer = page.post(
        address(newsletter, "/images"),
        data=head.encode() + octets + b"\r\n--cut--\r\n",
        content_type="multipart/form-data; boundary=cut",
    )
    return said_on(page.get(answer.location)) if answer.status_code == 303 else said_on(answer)


def test_a_picture_is_made_smaller_without_what_the_camera_wrote(page, client, marta):
    newsletter = a_newsletter(marta)
    exif = Image.Exif()
    exif[0x010E] = "Calle de la casa 3"
    exif.get_ifd(0x8825)[1] = "N"
    octets = a_picture(exif=exif)
    assert b"Calle de la casa" in octets
    assert "The picture is here" in uploaded(page, newsletter, octets)
    image = db.session.scalars(select(NewsletterImage)).one()
    assert (image.width, image.height) == (1120, 560)
    answer = client.get(f"/media/newsletters/{image.public_id}")
    assert b"Calle" not in answer.data
    assert not Image.open(io.BytesIO(answer.data)).getexif()
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert "immutable" in answer.headers["Cache-Control"]
    path = f"/media/newsletters/{image.public_id}"
    data = {"subject": "x", "body": f"Look:\n\n![A red thing]({path})", "version": "1"}
    data["version"] = str(newsletter.version)
    assert page.post(address(newsletter, "/text?language=en"), data=data).status_code == 303
    frame = page.get(address(newsletter, "/text/frame?language=en")).text
    assert f'src="http://localhost{path}"' in frame
    assert 'width="528"' in frame  # what Outlook has beside the margins; others shrink it


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (b"%PDF-1.4", "Not every browser shows this file"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "Not every browser shows this file"),
        (a_picture()[:300], "damaged"),
        (b"\xff\xd8\xff" + b"\0" * (6 * 1024 * 1024), "larger than 5 MB"),
        (a_claim_of(8000, 6000), "more than 40 megapixels"),
        (a_claim_of(30_000, 30_000), "more than 40 megapixels"),
        (b"\0" * (30 * 1024 * 1024), "Choose a smaller file"),
    ],
    ids=["pdf", "svg", "cut", "6 MB", "48 MP", "900 MP", "30 MB"],
)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_picture_that_is_none_or_too_large_is_refused_kindly(page, marta, octets, words):
    assert words in uploaded(page, a_newsletter(marta), octets)
    assert db.session.scalar(select(func.count(NewsletterImage.id))) == 0


def test_a_moving_picture_is_refused(page, marta):
    made = io.BytesIO()
    frames = [Image.new("RGB", (9, 9), shade) for shade in ("red", "blue")]
    frames[0].save(made, "GIF", save_all=True, append_images=frames[1:])
    assert "The picture moves" in uploaded(page, a_newsletter(marta), made.getvalue(), "x.gif")


def test_a_small_picture_stays_as_wide_as_it_is(page, marta):
    newsletter = a_newsletter(marta)
    image = images.add(newsletter, a_picture(size=(60, 30)), "x.jpg", "A thing")
    body = f"![x](/media/newsletters/{image.public_id})"
    newsletter.texts = {"en": {"subject": "x", "body": body}}
    frame = page.get(address(newsletter, "/text/frame?language=en")).text
    assert re.search('<img [^>]*width="60"', frame)


def test_a_picture_is_deleted_when_no_text_shows_it_and_only_then(page, marta):
    newsletter, other = a_newsletter(marta), a_newsletter(marta)
    image = images.add(newsletter, a_picture(size=(9, 9)), "x.jpg", "")
    shown = {"en": {"subject": "x", "body": f"![x](/media/newsletters/{image.public_id})"}}
    issue = NewsletterIssue(newsletter=newsletter, number=1, due_at=now(), texts={})
    db.session.add(issue)
    there = address(newsletter, f"/images/{image.public_id}/delete")
    for row in (newsletter, other, issue):  # written, in a copy, and in what was sent
        before, row.texts = dict(row.texts), shown
        db.session.commit()
        assert there not in page.get(address(newsletter, "/text")).text
        assert "Take it out of the text first" in said_on(page.get(page.post(there).location))
        row.texts = before
        db.session.commit()
    page.post(address(other, f"/images/{image.public_id}/delete"))
    assert db.session.scalar(select(func.count(NewsletterImage.id))) == 1
    assert there in page.get(address(newsletter, "/text")).text
    assert "Deleted." in said_on(page.get(page.post(there).location))
    assert page.post(there).status_code == 303
    assert db.session.scalar(select(func.count(NewsletterImage.id))) == 0


def test_what_shines_through_stays_so(session, marta):
    newsletter = a_newsletter(marta)
    image = images.add(newsletter, a_picture("RGBA", (50, 50), "PNG"), "x.webp", "")
    assert image.media_type == "image/png"


def test_whoever_does_not_get_it_is_listed_with_the_reason_of_the_gate(page, marta):
    a_contact(name="Sí", **LEFT)
    a_contact(name="Apagado", keep_in_touch=False, **LEFT)
    a_contact(name="Dijo no", newsletter=False, **LEFT)
    a_contact(name="Antigua", left_on=today("Europe/Madrid") - timedelta(days=2000))
    stopped = a_contact(name="Baja", **LEFT)
    suppressions.add(stopped.email, SuppressionReason.unsubscribed)
    a_contact(name="Muestra", client=a_client(is_sample=True), **LEFT)
    newsletter = a_newsletter(marta)
    reach = audiences.reach(newsletter.readers)
    assert [reader.name for reader in reach.getting] == ["Sí"]
    why = {reader.name: reader.why_not for reader in reach.readers}
    assert why == {
        "Sí": None,
        "Apagado": SkipReason.keep_in_touch_off,
        "Dijo no": SkipReason.no_consent,
        "Antigua": SkipReason.basis_ended,
        "Baja": SkipReason.suppressed,
    }
    said = said_on(page.get(address(newsletter, "/audience?why=basis_ended")))
    assert "Antigua" in said
    assert "Dijo no" not in said
    assert "Nobody of that name" in said_on(page.get(address(newsletter, "/audience?q=zzz")))


def test_the_choice_of_an_audience_is_kept(page, marta):
    newsletter = a_newsletter(marta)
    data = {
        "who": "all",
        "languages": ["es"],
        "reasons": ["price"],
        "reasons_of": "client",
        "score_from": "0",
        "merits_it": "y",
        "version": str(newsletter.version),
    }
    assert page.post(address(newsletter, "/audience"), data=data).status_code == 303
    db.session.expire_all()
    assert newsletter.readers == Audience(
        who=Who.all,
        languages=("es",),
        reasons=(Reason.price,),
        reasons_of=Side.client,
        score_from=0,
        merits_it=True,
    )
    wrong = page.post(address(newsletter, "/audience"), data={**data, "score_to": "11"})
    assert wrong.status_code == 422


def test_an_issue_is_paused_resumed_and_cancelled_on_its_page(page, marta):
    a_contact(**LEFT)
    newsletter = a_newsletter(marta)
    issue = newsletters.schedule(newsletter, None, Frequency.once, by=marta, was=newsletter.version)
    there = f"/newsletter-issues/{issue.public_id}"
    db.session.commit()
    scheduler.tick()
    assert 'http-equiv="refresh"' in page.get(there).text
    assert "Paused." in said_on(page.get(page.post(f"{there}/pause").location))
    assert 'http-equiv="refresh"' not in page.get(there).text
    assert "It goes on" in said_on(page.get(page.post(f"{there}/resume").location))
    assert "Cancelled." in said_on(page.get(page.post(f"{there}/cancel").location))
    assert "has changed" in said_on(page.get(page.post(f"{there}/resume").location))


def test_a_copy_is_a_draft_and_a_scheduled_one_is_not_deleted(page, marta):
    a_contact(**LEFT)
    newsletter = a_newsletter(marta)
    copy = said_on(page.get(page.post(address(newsletter, "/duplicate")).location))
    assert "Spring (copy)" in copy
    newsletters.schedule(newsletter, None, Frequency.once, by=marta, was=newsletter.version)
    db.session.commit()
    assert "Cancel it first" in said_on(
        page.get(page.post(address(newsletter, "/delete")).location)
    )
    page.post(address(newsletter, "/end"))
    assert page.post(address(newsletter, "/delete")).location == "/newsletters"
    assert page.get(address(newsletter)).status_code == 404


def test_a_test_mail_has_what_was_typed_and_its_pictures(page, marta):
    newsletter = a_newsletter(marta)
    image = images.add(newsletter, a_picture(), "x.jpg", "")
    body = f"Look: ![x](/media/newsletters/{image.public_id})"
    page.post(address(newsletter, "/text/test?language=en"), data={"subject": "Try", "body": body})
    row = db.session.scalars(select(OutboxMessage)).one()
    assert row.kind is MailKind.test_mail
    mail = render(row)
    assert mail.subject == "Try"
    assert "http://localhost/media/newsletters/" in decoded(mail.html)


def test_a_viewer_reads_everything_and_writes_nothing(client, marta):
    newsletter = a_newsletter(marta)
    viewer = logged_in(client, a_member(role=Role.viewer, language="en"))
    for rest in ("", "/text", "/audience"):
        said = said_on(viewer.get(address(newsletter, rest)))
        assert ">Save" not in said
        assert "Delete" not in said
