"""The mail catcher takes real SMTP, keeps files, and shows them without letting them out."""

import asyncio
import smtplib
import threading
from collections.abc import Iterator
from email.message import EmailMessage

import pytest

from service.catcher.mails import Mails
from service.catcher.pages import create_pages
from service.catcher.reception import listen


def a_mail(subject: str = "Gracias, Ana", html: str = "") -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = "Lola <lola@example.com>"
    mail["To"] = "Ana Núñez <ana@example.com>"
    mail["Subject"] = subject
    mail.set_content("Hola, Ana.\nhttps://example.com/s/abc?score=9.\n")
    if html:
        mail.add_alternative(html, subtype="html")
    return mail


@pytest.fixture
def mails(tmp_path) -> Mails:
    return Mails(tmp_path / "mails")


@pytest.fixture
def pages(mails):
    return create_pages(mails.directory, "Europe/Madrid", ("es", "en")).test_client()


@pytest.fixture
def smtp_port(mails) -> Iterator[int]:
    loop = asyncio.new_event_loop()  # in a thread: a browser's may run in this one
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(listen(mails, "127.0.0.1", 0), loop).result(10)
    yield server.sockets[0].getsockname()[1]
    loop.call_soon_threadsafe(server.close)
    asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def keep(mails: Mails, mail: EmailMessage) -> str:
    return mails.keep("lola@example.com", ["ana@example.com"], mail.as_bytes())


def test_a_mail_handed_over_by_smtp_is_a_file_with_its_envelope(mails, smtp_port):
    with smtplib.SMTP("127.0.0.1", smtp_port, timeout=5) as client:
        client.sendmail("bounce@example.com", ["a@example.com", "b@example.com"], b"X: y\r\n\r\nz")

    (path,) = mails.directory.glob("*.eml")
    head, _, rest = path.read_bytes().partition(b"X: y")
    assert rest == b"\r\n\r\nz\r\n"
    assert head.decode().splitlines() == [
        "Return-Path: <bounce@example.com>",
        "Delivered-To: a@example.com",
        "Delivered-To: b@example.com",
    ]


def test_the_newest_mail_comes_first(mails, pages):
    keep(mails, a_mail("The first"))
    keep(mails, a_mail("The second"))

    page = pages.get("/").text
    assert page.index("The second") < page.index("The first")


def test_the_search_finds_words_in_any_case_and_keeps_them_in_its_links(mails, pages):
    keep(mails, a_mail("Gracias"))
    keep(mails, a_mail("Otra cosa"))

    page = pages.get("/?q=NÚÑEZ gracias").text
    assert "Gracias" in page
    assert "Otra cosa" not in page
    assert "?q=N%C3%9A%C3%91EZ+gracias" in page


def test_a_search_without_a_find_says_so(mails, pages):
    keep(mails, a_mail())

    assert "nowhere" in pages.get("/?q=nowhere", headers={"Accept-Language": "en"}).text


def test_a_mail_is_shown_in_a_sandbox_where_no_script_runs(mails, pages):
    name = keep(mails, a_mail(html="<html><head></head><script>alert(1)</script><p>Hola</html>"))

    assert (
        'sandbox="allow-popups allow-popups-to-escape-sandbox"' in pages.get(f"/mails/{name}").text
    )
    frame = pages.get(f"/mails/{name}/frame")
    policy = frame.headers["Content-Security-Policy"]
    assert "sandbox allow-popups" in policy
    assert "default-src 'none'" in policy
    assert "script" not in policy


def test_links_of_a_mail_open_beside_it(mails, pages):
    name = keep(mails, a_mail(html="<html><head></head><body><a href='https://e.com'>x</a></html>"))

    assert '<head><base target="_blank">' in pages.get(f"/mails/{name}/frame").text
    text = pages.get(f"/mails/{name}?as=text").text
    assert '<a href="https://example.com/s/abc?score=9" target="_blank"' in text


def test_a_mail_without_html_is_shown_as_text(mails, pages):
    name = keep(mails, a_mail())

    assert "Hola, Ana." in pages.get(f"/mails/{name}").text
    assert pages.get(f"/mails/{name}/frame").status_code == 404


def test_headers_and_source_are_shown_and_escaped(mails, pages):
    name = keep(mails, a_mail("<b>bold</b>"))

    assert "&lt;b&gt;bold&lt;/b&gt;" in pages.get(f"/mails/{name}?as=headers").text
    assert "Delivered-To: ana@example.com" in pages.get(f"/mails/{name}?as=source").text
    assert pages.get(f"/mails/{name}.eml").data == mails.source(name)


@pytest.mark.parametrize(
    "name", ["x", "..", "%2e%2e%2fsecret_key", "20261122T100000000000-0123abcd"]
)
def test_only_caught_mails_can_be_read(pages, name):
    assert pages.get(f"/mails/{name}").status_code == 404


def test_a_mail_that_is_no_mail_is_shown_as_far_as_it_goes(mails, pages):
    name = mails.keep(
        "", ["ana@example.com"], b"\xff\xfe\x00 nonsense\r\nContent-Type: text/html; charset=no"
    )

    for view in ("", "?as=text", "?as=headers", "?as=source"):
        assert pages.get(f"/mails/{name}{view}").status_code == 200
    assert pages.get("/").status_code == 200


def test_the_page_speaks_the_language_of_the_browser(mails, pages):
    assert 'lang="es"' in pages.get("/", headers={"Accept-Language": "es-ES,en;q=0.5"}).text
    assert 'lang="en"' in pages.get("/", headers={"Accept-Language": "en-GB"}).text


def test_another_host_name_is_refused(pages):
    assert pages.get("/", headers={"Host": "evil.example.com"}).status_code == 400
