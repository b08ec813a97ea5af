"""Importing in a real browser: dropped or chosen, looked at, confirmed; with script and without."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect
from sqlalchemy import func, select

from service.clock import today
from service.models import Client
from tests.browser.test_provider_pages import enter
from tests.builders import a_company, a_member
from tests.hostile import SCRIPTS
from tests.imports.lists import DATA, HEADER, WHO
from tests.live import DESK, PHONE, axe_violations

# What a page looks like does not depend on the database.
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

DROP = """text => {
  const form = document.querySelector('[data-drop]'), moved = new DataTransfer();
  moved.items.add(new File([text], 'dropped.csv', {type: 'text/csv'}));
  form.dispatchEvent(new DragEvent('drop', {dataTransfer: moved, bubbles: true, cancelable: true}));
}"""
LEFT = today("Europe/Madrid") - timedelta(days=1)
TELLING = (  # a departure that starts, and something to have a look at
    f"{HEADER};servicio;fin\n{WHO};SEO;{LEFT}\n"
    "Una empresa con un nombre que no cabe en una línea;Eva María de la Concepción;"
    f"una.direccion.larga@subdominio.empresa.example;Web;{LEFT}\nMuÃ±oz;Noa;noa@rios.example;;\n"
)


def clients(session) -> int:
    """Count the clients."""
    found = session.scalar(select(func.count(Client.id)))
    session.rollback()  # the server has the database to itself again
    return found


@pytest.fixture
def window_of(browser, client, live, session):
    """Return a function that opens a window on the import page."""
    a_company()

    def opened(language: str = "es", **how):
        page = enter(browser(**how), client, live, a_member(language=language))
        session.rollback()  # the server has the database to itself
        page.goto(f"{live.url}/imports")
        return page

    return opened


def test_a_dropped_list_is_looked_at_and_confirmed(window_of, session):
    page = window_of("en", size=DESK)

    page.evaluate(DROP, TELLING)
    expect(page.get_by_role("heading", level=1)).to_have_text("dropped.csv")
    assert clients(session) == 0
    page.get_by_role("button", name="Import it", exact=True).click()

    expect(page.locator(".note.success")).to_contain_text("Imported: 3 new clients")
    assert clients(session) == 3


def test_a_chosen_list_needs_no_script(window_of, session):
    page = window_of(script=False)

    page.get_by_label("Lista de clientes").set_input_files(DATA / "clientes-excel-es.csv")
    page.get_by_role("button", name="Ver en qué queda").click()
    page.get_by_role("button", name="Importar", exact=True).click()

    expect(page.locator(".note.success")).to_contain_text("30 clientes nuevos")
    assert clients(session) == 30


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("language", ["es", "en"])
def test_every_state_of_the_preview_is_accessible(window_of, live, tmp_path, language, size):
    telling = tmp_path / "list.csv"
    telling.write_text(TELLING)
    page = window_of(language, size=size, dark=language == "en")
    wrong = []
    for file in (DATA / "clientes-con-errores.csv", telling, DATA / "clientes.xlsx"):
        page.goto(f"{live.url}/imports")
        page.locator("#file").set_input_files(file)
        page.locator("form[data-drop] button").click()
        page.wait_for_url("**/imports/*")
        wrong += axe_violations(page)
        width = page.evaluate("document.documentElement.scrollWidth")
        wrong += [f"{file.name} is {width} px wide"] if width > size["width"] else []

    assert wrong == []


def test_what_a_list_says_never_runs(window_of, live, tmp_path):
    page, ran = window_of(size=DESK), []
    page.expose_function("ran", lambda: ran.append(page.url))
    quoted = [text.replace('"', '""') for text in SCRIPTS]
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text(
        f"{HEADER};servicio;fin\n"
        + "".join(f'"{text}";"{text}";a{n}@b.es;"{text}";{LEFT}\n' for n, text in enumerate(quoted))
    )
    bad.write_text(
        f'{HEADER};"{quoted[0]}"\n' + "".join(f'"{text}";A;"{text}";"{text}"\n' for text in quoted)
    )
    for file in (bad, good):
        page.goto(f"{live.url}/imports")
        page.locator("#file").set_input_files(
            {"name": f"{SCRIPTS[0]}.csv", "mimeType": "text/csv", "buffer": file.read_bytes()}
        )
        page.locator("form[data-drop] button").click()
        page.wait_for_url("**/imports/*")
        expect(page.locator("table").first).to_contain_text("ran()")
    page.get_by_role("button", name="Importar", exact=True).click()
    page.wait_for_url("**/departures")

    assert ran == []
