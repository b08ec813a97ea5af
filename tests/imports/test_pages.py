"""The import page: choose a list, see what it comes to, confirm."""

import io
import os
import re
import time
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from service import scheduler
from service.clock import today
from service.imports.actions import uploads
from service.imports.rules import too_large
from service.imports.views import imports as page_module
from service.imports.views import uploads as views
from service.models import Client, Contact, Departure, Enrolment, Event, Role
from tests.builders import a_company, a_member, logged_in
from tests.imports.lists import DATA, HEADER, WHO
from tests.imports.test_hostile_files import formats

TODAY = today("Europe/Madrid")


@pytest.fixture
def browser_of(client):
    """Return a function that logs a provider in, speaking a language."""
    a_company()
    return lambda language="en", role=Role.member: logged_in(
        client, a_member(language=language, role=role)
    )


def uploaded(browser, data: bytes | str, name: str = "list.csv") -> str:
    """Upload a list and return the address of its preview."""
    data = data.encode() if isinstance(data, str) else data
    answer = browser.post("/imports", data={"file": (io.BytesIO(data), name)})
    assert answer.status_code == 303, answer.text
    return answer.location


def shown(page: str) -> dict[str, str]:
    """Return the hidden fields of the form that confirms."""
    found = dict(re.findall(r'type="hidden" name="(since|shown)" value="([^"]*)"', page))
    assert "shown" in found
    return found


def how_many(session, table) -> int:
    """Count the rows of a table."""
    session.rollback()
    return session.scalar(select(func.count()).select_from(table))


def leaving(days_ago: int) -> str:
    """Return a list of one client who left that many days ago."""
    return f"{HEADER};servicio;fin\n{WHO};SEO;{TODAY - timedelta(days=days_ago)}\n"


def test_a_list_is_uploaded_looked_at_and_imported(browser_of, session):
    browser = browser_of()
    address = uploaded(browser, (DATA / "clientes.xlsx").read_bytes(), "clientes.xlsx")

    preview = browser.get(address)
    assert preview.status_code == 200
    assert "clientes.xlsx" in preview.text
    assert how_many(session, Client) == 0

    answer = browser.post(address, data=shown(preview.text))
    assert (answer.status_code, answer.location) == (303, "/departures")
    assert how_many(session, Client) == 30
    assert "Imported: 30 new clients, 10 new departures." in browser.get("/imports").text


def test_what_was_imported_says_who_did_it_and_where_it_came_from(browser_of, session):
    browser = browser_of()
    address = uploaded(browser, leaving(1), "mis clientes.csv")
    browser.post(address, data=shown(browser.get(address).text))

    session.rollback()
    assert session.scalars(select(Event)).one().member.name == "Marta Ruiz"
    assert session.scalars(select(Contact)).one().source == "import: mis clientes.csv"


def test_looking_changes_nothing_however_often(browser_of, session):
    browser = browser_of()
    address = uploaded(browser, leaving(1))

    for _ in range(3):
        assert browser.get(address).status_code == 200
        assert browser.head(address).status_code == 200

    assert how_many(session, Client) == 0


def test_a_bad_list_is_shown_line_by_line_and_cannot_be_confirmed(browser_of, session):
    browser = browser_of("es")
    address = uploaded(browser, (DATA / "clientes-con-errores.csv").read_bytes())

    preview = browser.get(address)

    assert preview.status_code == 422
    assert "Antes hay que corregir 7 cosas" in preview.text
    for words in ("contacto705 arroba daz.example", "31/02/2026", "mal_tiempo", "mil"):
        assert words in preview.text
    assert 'name="shown"' not in preview.text
    assert browser.post(address, data={"shown": ""}).status_code == 303
    assert how_many(session, Client) == 0


def test_a_file_that_is_no_table_is_refused_in_the_reader_s_language(browser_of):
    browser = browser_of("es")
    address = uploaded(browser, b"%PDF-1.7", "clientes.xlsx")

    assert "Esto no es una tabla, sino un archivo PDF." in browser.get(address).text


def test_the_list_itself_cannot_write_on_the_page(browser_of):
    browser = browser_of()
    script = "<script>alert(1)</script>"
    bad = uploaded(browser, f"{HEADER};{script}\n{script};Ana;{script}\n", f"{script}.csv")
    good = uploaded(
        browser, f"{HEADER};fin;grupo\n{script};{script};a@b.es;{TODAY};{script}\n", script
    )

    for address in (bad, good):
        page = browser.get(address).text
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert" in page


def test_only_who_gets_mail_is_listed_and_the_day_can_be_chosen(browser_of, session):
    browser = browser_of()
    address = uploaded(browser, leaving(40))

    assert "noa@rios.example" not in browser.get(address).text
    since = str(TODAY - timedelta(days=50))
    preview = browser.get(address, query_string={"since": since}).text
    assert "noa@rios.example" in preview
    browser.post(address, data=shown(preview))

    assert how_many(session, Enrolment) == 1


def test_a_day_that_is_none_is_said_and_counts_for_nothing(browser_of):
    browser = browser_of()
    address = uploaded(browser, leaving(40))

    preview = browser.get(address, query_string={"since": "soon"}).text

    assert "Write a day such as" in preview
    assert "noa@rios.example" not in preview


def test_what_changed_since_the_preview_is_shown_again_and_not_imported(browser_of, session):
    browser = browser_of()
    first, second = uploaded(browser, leaving(1)), uploaded(browser, leaving(1))
    fields = shown(browser.get(second).text)
    browser.post(first, data=shown(browser.get(first).text))

    answer = browser.post(second, data=fields)

    assert answer.location == second
    page = browser.get(second).text
    assert "Something changed since you looked" in page
    assert "All of it is here already" in page
    assert how_many(session, Departure) == 1


def test_pressing_twice_imports_once_and_explains(browser_of, session):
    browser = browser_of()
    address = uploaded(browser, leaving(1))
    fields = shown(browser.get(address).text)

    browser.post(address, data=fields)
    again = browser.post(address, data=fields)

    assert (again.status_code, "imported already" in again.text) == (410, True)
    assert how_many(session, Departure) == 1


def test_no_file_is_a_kind_answer(browser_of):
    answer = browser_of().post("/imports", data={})

    assert (answer.status_code, "Choose the file first." in answer.text) == (422, True)


def test_a_file_that_is_too_large_is_refused_before_it_is_kept(browser_of, app, monkeypatch):
    monkeypatch.setattr(page_module, "MOST_BYTES", 100)
    browser = browser_of()

    answer = browser.post("/imports", data={"file": (io.BytesIO(b"x" * 101), "list.csv")})

    assert (answer.status_code, "import it in parts" in answer.text) == (413, True)
    assert too_large(101) in answer.text.replace("&#39;", "'")


@pytest.mark.parametrize("key", ["x", "a" * 22, "..%2F..%2Fsecret_key", "%00"])
def test_a_key_that_was_never_given_finds_nothing(browser_of, key):
    browser = browser_of()

    assert browser.get(f"/imports/{key}").status_code in (404, 410)
    assert browser.post(f"/imports/{key}", data={"shown": ""}).status_code in (404, 410)


def test_a_list_is_kept_for_a_day(browser_of, settings):
    browser = browser_of()
    address = uploaded(browser, leaving(1))
    path = settings.data_dir / "imports" / f"{address.rsplit('/', 1)[1]}.rows"
    yesterday = time.time() - uploads.KEPT_FOR.total_seconds() - 60
    os.utime(path, (yesterday, yesterday))

    assert browser.get(address).status_code == 410
    scheduler.tick()
    assert not path.exists()


def test_a_kept_list_can_be_read_by_its_owner_only(browser_of, settings):
    address = uploaded(browser_of(), leaving(1))

    path = settings.data_dir / "imports" / f"{address.rsplit('/', 1)[1]}.rows"
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


@pytest.mark.parametrize(("language", "header"), [("es", "cliente;contacto"), ("en", "client,co")])
def test_an_empty_list_to_fill_in_speaks_the_reader_s_language(browser_of, language, header):
    answer = browser_of(language).get("/imports/example.csv")

    assert answer.data.decode("utf-8-sig").startswith(header)
    assert uploaded(browser_of(language), answer.data)


def test_a_viewer_cannot_import(browser_of):
    browser = browser_of(role=Role.viewer)

    assert browser.get("/imports").status_code == 403
    assert browser.post("/imports", data={}).status_code == 403


def test_an_upload_needs_its_form(browser_of):
    browser = browser_of()
    del browser.environ_base["HTTP_X_CSRFTOKEN"]

    assert browser.post("/imports", data={"file": (io.BytesIO(b"x"), "x.csv")}).status_code == 400


def test_one_list_is_read_at_a_time_and_the_next_is_asked_to_wait(browser_of):
    browser = browser_of()

    with views.reading:  # another thread of the server reads one
        answer = browser.post("/imports", data={"file": (io.BytesIO(b"x"), "list.csv")})

    assert (answer.status_code, "Try again in a minute" in answer.text) == (503, True)


def test_a_workbook_made_to_eat_the_machine_is_refused_on_the_page(browser_of):
    browser = browser_of("es")
    address = uploaded(browser, formats(), "clientes.xlsx")

    preview = browser.get(address)

    assert (preview.status_code, "guárdala como CSV" in preview.text) == (422, True)
