"""The settings page, and the logo as it is served."""

import io
import subprocess
import sys
from datetime import time

import pytest
import time_machine
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from development.environment import ROOT
from forms.settings import SettingsForm
from service.business_hours import BusinessHours
from service.current import company
from service.extensions import db
from service.models import Company
from tests.builders import a_company, a_member, logged_in
from tests.pages import send


def a_picture(kind: str, colour: str = "#aa3300", **more: object) -> bytes:
    """A picture of 300 x 100 pixels in a format, with whatever else Pillow is to write."""
    made = io.BytesIO()
    Image.new("RGB", (300, 100), colour).save(made, kind, **more)
    return made.getvalue()


PLACE = "GPS 41.6523 -4.7245"
PROGRAM = b"<script>alert(document.domain)</script>"
EXIF = Image.Exif()
EXIF[0x010E] = PLACE  # ImageDescription
TEXTS = PngInfo()
TEXTS.add_text("Place", PLACE)
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script/></svg>'

FILLED = {
    "name": "Estudio Norte",
    "website": "estudionorte.example",
    "postal_address": "Calle Mayor 1\r\n47001 Valladolid",
    "accent": "#AA3300",
    "sender_email": "hola@estudionorte.example",
    "signature": "Estudio Norte\n983 000 000",
    "language": "en",
    "time_zone": "Atlantic/Canary",
    "business_days": ["0", "1", "2", "3", "5"],
    "business_from": "08:30",
    "business_until": "21:00",
    "holiday_country": "ES",
    "holiday_region": "CN",
    "daily_cap": "2",
}


@pytest.fixture
def owner(app, client):
    """An owner who is logged in and reads English."""
    member = a_member(language="en")
    logged_in(client, member)
    return member


def save(client, logo: bytes | None = None, **changes: object):
    data = {**FILLED, **changes}
    if logo is not None:
        data["logo"] = (io.BytesIO(logo), "logo.png")
    return send(client, "/settings", data)


def test_everything_that_is_filled_in_is_kept(client, owner):
    answer = save(client)
    assert answer.status_code == 303
    kept = company()
    assert (kept.name, kept.accent, kept.language) == ("Estudio Norte", "#aa3300", "en")
    assert kept.website == "https://estudionorte.example"
    assert kept.postal_address == "Calle Mayor 1\n47001 Valladolid"
    assert (kept.time_zone, kept.sender_email) == ("Atlantic/Canary", FILLED["sender_email"])
    assert kept.business_hours == BusinessHours(
        frozenset({0, 1, 2, 3, 5}), time(8, 30), time(21), "ES", "CN"
    )
    assert kept.daily_cap == 2
    again = client.get("/settings").text
    assert "47001 Valladolid" in again
    assert 'type="time" value="08:30"' in again
    assert 'value="Atlantic/Canary"' in again


def test_who_answers_when_nobody_is_named_is_chosen_among_those_who_can_log_in(client, owner):
    gone, ana = a_member(name="Gonzalo", is_active=False), a_member(name="Ana")
    db.session.commit()
    page = client.get("/settings").text
    assert "The first owner: Marta Ruiz" in page
    assert "Gonzalo" not in page
    assert save(client, default_responsible_id=str(gone.id)).status_code == 422
    assert save(client, default_responsible_id=str(ana.id)).status_code == 303
    assert company().default_responsible_id == ana.id
    assert save(client, default_responsible_id="").status_code == 303
    assert company().default_responsible_id is None


def test_the_settings_say_when_whoever_was_chosen_to_answer_has_left(client, owner):
    gone = a_member(name="Gonzalo")
    a_company(default_responsible_id=gone.id)
    gone.is_active = False
    db.session.commit()
    said = "Gonzalo has no login any more, so Marta Ruiz answers instead."
    assert said in client.get("/settings").text
    save(client, default_responsible_id="")
    assert said not in client.get("/settings").text


def test_each_field_of_the_settings_is_a_column_but_the_logos(app):
    with app.test_request_context():
        assert set(SettingsForm().company_values()) <= set(Company.__table__.columns.keys())


def test_before_the_first_save_every_setting_has_its_default(app):
    unsaved = company()
    kept = a_company(name=unsaved.name, time_zone=unsaved.time_zone, language=unsaved.language)
    for column in set(Company.__table__.columns.keys()) - {"created_at"}:
        assert getattr(unsaved, column) == getattr(kept, column), column


def test_the_name_is_all_that_is_needed_to_begin(client, owner):
    empty = dict.fromkeys(("website", "postal_address", "sender_email", "signature"), "")
    assert save(client, **empty).status_code == 303
    assert company().is_set_up


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "N" * 201},
        {"accent": "red"},
        {"accent": "#aa330"},
        {"accent": "#aa3300;}body{display:none"},
        {"website": "javascript:alert(1)"},
        {"website": "https://"},
        {"website": "https://user:secret@norte.example"},
        {"website": "http://[::1"},
        {"time_zone": "Europe/Nowhere"},
        {"time_zone": "../../etc/passwd"},
        {"time_zone": ""},
        {"language": "fr"},
        {"sender_email": "hola"},
        {"sender_email": "hola@norte.example, todos@norte.example"},
        {"sender_email": "hola@norte.example\nBcc: todos@norte.example"},
        {"signature": "x" * 1001},
        {"business_days": []},
        {"business_days": ["7"]},
        {"business_from": ""},
        {"business_until": ""},
        {"business_from": "25:00"},
        {"business_until": "late"},
        {"business_from": "19:00", "business_until": "09:00"},
        {"business_from": "09:00", "business_until": "09:00"},
        {"holiday_country": "XX"},
        {"daily_cap": "0"},
        {"daily_cap": "-1"},
        {"daily_cap": "2.5"},
        {"daily_cap": "many"},
        {"daily_cap": ""},
        {"daily_cap": "51"},
    ],
)
def test_a_mistake_is_named_and_what_was_typed_stays(client, owner, wrong):
    answer = save(client, **wrong)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert "47001 Valladolid" in answer.text
    assert "display:none" not in answer.text.split("<style")[1].split("</style>")[0]
    assert db.session.get(Company, 1) is None


def test_a_time_that_cannot_be_read_stays_as_it_was_typed(client, owner):
    answer = save(client, business_from="nine at night", daily_cap="lots").text
    assert 'value="nine at night"' in answer
    assert 'value="lots"' in answer
    assert "Write a time such as 21:00." in answer
    assert "Write a number from 1 to 50." in answer


@pytest.mark.parametrize("typed", ["21:00", "21.00", "21h00", "21", "21 h", "21:00:00"])
def test_a_time_of_day_is_read_as_people_write_it(client, owner, typed):
    save(client, business_until=typed)
    assert company().business_until == time(21)


def test_a_company_in_madrid_begins_with_office_hours_and_the_holidays_of_spain():
    code = """
from service.models import Company
from service.business_hours import BusinessHours
hours = Company.unsaved("Europe/Madrid", "es").business_hours
assert hours == BusinessHours(country="ES"), hours
"""  # in a process of its own: in this one mails go at any hour
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_a_country_offers_its_regions_and_another_one_takes_them_back(client, owner):
    save(client)
    page = client.get("/settings").text
    assert '<option selected value="CN">Canarias</option>' in page
    save(client, holiday_country="PT")
    assert (company().holiday_country, company().holiday_region) == ("PT", "")


@pytest.mark.parametrize("region", ["", "XX", "CN"])
def test_a_region_that_the_country_has_not_is_the_whole_country(client, owner, region):
    assert save(client, holiday_country="PT", holiday_region=region).status_code == 303
    assert company().holiday_region == ""


def test_the_next_holidays_are_named_so_that_a_wrong_region_is_seen(client, owner):
    save(client)
    with time_machine.travel("2026-12-01T12:00:00Z"):
        page = client.get("/settings").text
    assert "Tuesday, December 8, 2026: Immaculate Conception" in page


def test_a_sender_of_another_domain_is_said_to_be_risky(client, owner):
    assert "SPF" in save(client, name="").text
    same = save(client, name="", sender_email="hola@localhost.localdomain").text
    assert "is another domain" in same
    save(client, sender_email="")
    assert "is another domain" not in client.get("/settings").text


def test_a_colour_can_be_tried_without_keeping_it(client, owner):
    answer = save(client, accent="#ffee00", name="Otro nombre", action="preview")
    assert answer.status_code == 200
    assert "background:#ffee00;color:#26211c" in answer.text
    assert "Otro nombre" in answer.text
    assert "Links take the shade" in answer.text  # yellow cannot be read on white
    assert db.session.get(Company, 1) is None


def test_a_company_may_keep_a_zone_that_is_in_no_list(client, owner):
    a_company(time_zone="Etc/GMT+12")
    db.session.commit()
    assert save(client, time_zone="Etc/GMT+12").status_code == 303


@pytest.mark.parametrize(
    ("kind", "becomes"),
    [("PNG", "png"), ("JPEG", "jpeg"), ("GIF", "png"), ("WEBP", "jpeg")],
)
def test_a_picture_that_every_browser_shows_becomes_the_logo(client, owner, kind, becomes):
    assert save(client, a_picture(kind)).status_code == 303
    answer = client.get("/logo")
    assert (answer.status_code, answer.mimetype) == (200, f"image/{becomes}")
    shown = Image.open(io.BytesIO(answer.data))
    assert (shown.size, shown.format) == ((300, 100), becomes.upper())
    red, green, blue = shown.convert("RGB").getpixel((150, 50))
    assert (abs(red - 0xAA), abs(green - 0x33), abs(blue)) < (8, 8, 8)
    assert f'/logo/{company().logo_version}"' in client.get("/settings").text


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_a_logo_loses_what_a_camera_wrote_and_what_hides_behind_its_end(client, owner, kind):
    about = {
        "PNG": {"exif": EXIF, "pnginfo": TEXTS},
        "JPEG": {"exif": EXIF, "comment": PLACE.encode()},
        "GIF": {"comment": PLACE.encode()},
        "WEBP": {"exif": EXIF},
    }
    picture = a_picture(kind, **about[kind])
    assert PLACE.encode() in picture
    save(client, picture + PROGRAM)
    kept = client.get("/logo").data
    assert kept
    assert PLACE.encode() not in kept
    assert PROGRAM not in kept


def test_a_clear_ground_stays_clear(client, owner):
    made = io.BytesIO()
    Image.new("RGBA", (20, 20), (0, 0, 0, 0)).save(made, "WEBP", lossless=True)
    save(client, made.getvalue())
    assert Image.open(io.BytesIO(client.get("/logo").data)).getpixel((9, 9))[3] == 0


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (SVG, "Export the logo as PNG"),
        (b"<html><script>alert(1)</script>", "Not every browser shows this file"),
        (b"\x89PNG\r\n\x1a\n<script>", "Not every browser shows this file"),
        (a_picture("PNG") + b"\0" * 256 * 1024, "larger than 256 KB"),
        (a_picture("PNG")[:60], "damaged"),
        (a_picture("JPEG")[:700], "damaged"),
        (b"\xff\xd8\xff", "Not every browser shows this file"),
        (b"", "Not every browser shows this file"),
    ],
)
def test_any_other_file_is_refused_with_a_way_out(client, owner, file, words):
    answer = save(client, file, name="Otro nombre")
    assert answer.status_code == 422
    assert words in answer.text
    assert "Otro nombre" in answer.text  # kept on the page …
    assert db.session.get(Company, 1) is None  # … and nowhere else


def test_a_file_chosen_before_a_mistake_has_to_be_chosen_again_and_is_told(client, owner):
    assert "Choose logo.png again" in save(client, a_picture("PNG"), name="").text


def test_the_logo_is_served_so_that_it_can_do_nothing(client, owner):
    save(client, a_picture("PNG"))
    answer = client.get("/logo")
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Cookie" not in answer.headers.get("Vary", "")


def test_the_logo_is_cached_and_asked_for_again_by_its_etag(client, owner):
    save(client, a_picture("PNG"))
    first = client.get("/logo")
    assert first.headers["Cache-Control"] == "public, max-age=60"
    again = client.get("/logo", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    for_good = client.get(f"/logo/{company().logo_version}")
    assert "immutable" in for_good.headers["Cache-Control"]


def test_a_new_logo_has_a_new_address(client, owner):
    save(client, a_picture("PNG"))
    old = company().logo_version
    save(client, a_picture("GIF"))
    assert company().logo_version != old
    assert "immutable" not in client.get(f"/logo/{old}").headers["Cache-Control"]


def test_a_logo_can_be_removed(client, owner):
    save(client, a_picture("PNG"))
    save(client, remove_logo="y")
    assert client.get("/logo").status_code == 404
