"""Lists of those who get no mail: ours, Mailchimp's, Delighted's; whole or not, twice as once."""

import csv
import io
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event, func, select

from service.clock import now
from service.consent.queries import table
from service.errors import Refused
from service.exports import FORMATS
from service.extensions import db
from service.imports.actions import suppressions as lists
from service.imports.rules.suppressions import COLUMN_NAMES, Reading, read
from service.mail.policy import suppressions
from service.models import Suppression, SuppressionChange, SuppressionReason, SuppressionScope
from tests.builders import a_contact, a_member
from tests.imports.lists import table_of, workbook

MADRID = ZoneInfo("Europe/Madrid")
AT = datetime(2026, 11, 25, 12, tzinfo=UTC)
OF_ALL = (
    "MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP,GMTOFF,DSTOFF,TIMEZONE,CC,REGION"
)
UNSUBSCRIBED = (
    f'"Email Address","First Name",Address,{OF_ALL},UNSUB_TIME,UNSUB_CAMPAIGN_TITLE,'
    "UNSUB_CAMPAIGN_ID,UNSUB_REASON,UNSUB_REASON_OTHER,LEID,EUID,NOTES,TAGS\r\n"
    'ana@cruz.example,Ana,"Calle Mayor 1, Vigo",2,,,,,,,,,,"2024-02-03 10:00:00",Otoño,77a,'
    '"No longer interested",,1,aa,,"""vip"""\r\n'
    'eva@cruz.example,Eva,,2,,,,,,,,,,"2024-02-04 23:59:59",Otoño,77a,'
    '"The emails are spam and should be reported",,2,bb,,\r\n'
)
CLEANED = (
    f'"Email Address","First Name",{OF_ALL},CLEAN_TIME,CLEAN_CAMPAIGN_TITLE,CLEAN_CAMPAIGN_ID,'
    "LEID,EUID,NOTES,TAGS\r\n"
    'old@cruz.example,Old,2,,,,,,,,,,"2024-03-04 10:00:00",Invierno,78b,3,cc,,\r\n'
)
SUBSCRIBED = f'"Email Address",{OF_ALL},LAST_CHANGED,LEID,EUID\r\nana@cruz.example' + "," * 13


# What a file says does not depend on the database.
reads = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def reading_of(data: str | bytes) -> Reading:
    return read(table_of(data, COLUMN_NAMES), MADRID, AT)


def carried_out(reading: Reading, **more) -> lists.Plan:
    """Import what was read, in one transaction that is left open."""
    staged = lists.stage(reading, **more)
    lists.publish(staged)
    return staged.plan


def said(data: str | bytes) -> list[tuple[str, str, str, str, str]]:
    """What a list without problems says: address, reason, scope, moment in UTC, words."""
    reading = reading_of(data)
    assert [problem.reason for problem in reading.problems] == []
    return [
        (
            entry.email,
            entry.reason.value,
            entry.scope.value,
            entry.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M") if entry.at else "",
            entry.note,
        )
        for entry in reading.entries
    ]


def problems(data: str | bytes) -> list[tuple[int | None, str, str]]:
    return [(one.line, one.column, one.reason) for one in reading_of(data).problems]


def imported(data: str | bytes, **more) -> lists.Plan:
    done = carried_out(reading_of(data), **more)
    db.session.commit()
    return done


def how_many(model) -> int:
    return db.session.scalar(select(func.count()).select_from(model))


@reads
def test_those_who_unsubscribed_at_mailchimp_are_known_by_their_column(app):
    assert said(UNSUBSCRIBED) == [
        (
            "ana@cruz.example",
            "unsubscribed",
            "unasked",
            "2024-02-03 10:00",
            "Otoño · No longer interested",
        ),
        (
            "eva@cruz.example",
            "complaint",
            "unasked",
            "2024-02-04 23:59",
            "Otoño · The emails are spam and should be reported",
        ),
    ]


@reads
def test_those_that_mailchimp_cleaned_are_dead(app):
    assert said(CLEANED) == [
        ("old@cruz.example", "hard_bounce", "everything", "2024-03-04 10:00", "Invierno")
    ]


@reads
def test_the_subscribers_of_mailchimp_are_refused(app):
    ((line, _column, reason),) = problems(SUBSCRIBED)
    assert (line, "those who get mail" in reason or "los que reciben" in reason) == (1, True)


@reads
def test_a_line_without_a_date_of_leaving_may_be_a_subscriber(app):
    row = UNSUBSCRIBED.replace('"2024-02-04 23:59:59"', "")
    ((line, column, _reason),) = problems(row)
    assert (line, column) == (3, "UNSUB_TIME")


@reads
@pytest.mark.parametrize(
    ("header", "moment", "expected"),
    [
        ("Unsubscribed At", "2024-02-03 10:00:00 UTC", ("unsubscribed", "unasked")),
        ("unsubscribed_at", "1706954400", ("unsubscribed", "unasked")),
        ("Bounced At", "2024-02-03T11:00:00+01:00", ("hard_bounce", "everything")),
        ("bounced_at", "1706954400", ("hard_bounce", "everything")),
    ],
)
def test_the_lists_of_delighted_are_known_by_their_column(app, header, moment, expected):
    data = f"Person ID,Name,Email,{header}\n77,Ana Cruz,ana@cruz.example,{moment}\n"
    assert said(data) == [("ana@cruz.example", *expected, "2024-02-03 10:00", "")]


@reads
@pytest.mark.parametrize(
    ("header", "row", "expected"),
    [
        ("email", "a@b.es", ("imported", "unasked", "", "")),
        ("Correo;Motivo", "a@b.es;dirección muerta", ("hard_bounce", "everything", "", "")),
        ("email;reason", "a@b.es;Unsubscribed", ("unsubscribed", "unasked", "", "")),
        ("email;scope;note", "a@b.es;newsletter;Llamó", ("imported", "newsletter", "", "Llamó")),
        ("fecha;email", "03/02/2024;a@b.es", ("imported", "unasked", "2024-02-02 23:00", "")),
        ("date;email", "2024-07-03 10:30;a@b.es", ("imported", "unasked", "2024-07-03 08:30", "")),
    ],
)
def test_a_list_of_ones_own_has_few_columns_in_two_languages(app, header, row, expected):
    assert said(f"{header}\n{row}\n") == [("a@b.es", *expected)]


@reads
def test_a_workbook_and_windows_spanish_are_read_as_well(app):
    book = workbook([["Fecha", "Correo"], [date(2024, 2, 3), "ana@cruz.example"]])
    assert said(book)[0][3] == "2024-02-02 23:00"
    assert said("email;nota\nana@cruz.example;Llamó Iñaki\n".encode("cp1252"))[0][4] == (
        "Llamó Iñaki"
    )


def test_what_is_wrong_is_told_by_line_and_column_and_nothing_is_kept(app):
    data = (
        "email;motivo;fecha;alcance\n"
        "ana;unsubscribed;;\n"
        ";unsubscribed;;\n"
        "eva@cruz.example;because;31/02/2024;todo\n"
        "noa@cruz.example;;01/01/2030;;de más\n"
    )
    found = [(line, column) for line, column, _reason in problems(data)]
    assert found == [
        (2, "email"),
        (3, "email"),
        (4, "motivo"),
        (4, "alcance"),
        (4, "fecha"),
        (5, "fecha"),
        (5, ""),
    ]
    with pytest.raises(Refused):
        imported(data)
    assert how_many(Suppression) == 0


@reads
@pytest.mark.parametrize("data", ["", "ana@cruz.example\n", "name;phone\nAna;6\n", "email\n"])
def test_a_file_without_header_or_address_says_what_is_needed(app, data):
    assert len(problems(data)) == 1


@reads
def test_columns_that_are_left_out_are_told(app):
    reading = reading_of("email;client;contact\na@b.es;Cruz;Ana\n")
    assert [(one.line, one.typed) for one in reading.warnings] == [(1, "client, contact")]


def test_a_list_is_put_in_with_its_dates_doors_and_log(session):
    marta = a_member()
    a_contact(email="Ana@cruz.example")
    done = imported(UNSUBSCRIBED, file="unsubscribed.csv", by=marta)

    assert (len(done.rows), done.unchanged, done.contacts) == (2, 0, 1)
    row = suppressions.find("ana@cruz.example")
    assert (row.created_at, row.source, row.member) == (
        datetime(2024, 2, 3, 10, tzinfo=UTC),
        "import",
        marta,
    )
    changes = session.scalars(select(SuppressionChange)).all()
    assert [(one.source, one.is_lifted, one.member) for one in changes] == [
        ("import", False, marta)
    ] * 2


def test_entries_without_words_tell_their_file(session):
    imported("email\nana@cruz.example\n", file="bajas.csv")
    assert suppressions.find("ana@cruz.example").detail == "bajas.csv"


def test_the_same_list_twice_changes_nothing(session):
    imported(UNSUBSCRIBED)
    again = imported(UNSUBSCRIBED.replace("ana@", "ANA@") + UNSUBSCRIBED.split("\r\n", 1)[1])

    assert (again.rows, again.unchanged) == ([], 4)
    assert (how_many(Suppression), how_many(SuppressionChange)) == (2, 2)


def test_an_address_already_on_the_list_for_something_else_gets_that_too(session):
    suppressions.add("ana@cruz.example", SuppressionReason.by_provider)
    assert len(imported(UNSUBSCRIBED).rows) == 2
    assert [row.reason.value for row in suppressions.of("ana@cruz.example")] == [
        "unsubscribed",
        "by_provider",
    ]


def test_an_old_key_s_entries_count_as_being_there(session, remade):
    imported(UNSUBSCRIBED)
    rotated = remade(secret_keys=("a key for the tests only", "a newer key of length"))
    with rotated.app_context():
        assert imported(UNSUBSCRIBED).unchanged == 2


def test_a_long_list_needs_few_statements(session):
    rows = "".join(f"a{n}@b{n % 7}.example\n" for n in range(6_000))
    reading = reading_of(f"email\n{rows}")
    asked: list[str] = []

    def count(_connection, _cursor, statement, *_more):
        asked.append(statement)

    event.listen(db.engine, "before_cursor_execute", count)
    done = carried_out(reading)
    event.remove(db.engine, "before_cursor_execute", count)

    assert len(done.rows) == how_many(Suppression) == 6_000
    assert len(asked) < 20  # whatever the list: two more for each 5,000 rows (staging.AT_ONCE)


def exported() -> bytes:
    file = io.BytesIO()
    FORMATS["csv"].write(table(MADRID), file)
    return file.getvalue()


def test_an_export_has_all_columns_and_computes_nothing(session):
    marta = a_member(email="marta@norte.example")
    suppressions.add(
        "ana@cruz.example",
        SuppressionReason.by_provider,
        scope=SuppressionScope.greetings,
        detail="=1+1",
        source="provider",
        member=marta,
    )
    suppressions.add("+eva@cruz.example", SuppressionReason.complaint, source="ses")
    suppressions.add("old@cruz.example", SuppressionReason.unsubscribed, source="reply")
    suppressions.forget("old@cruz.example")

    ana, eva, old = csv.DictReader(io.StringIO(exported().decode("utf-8-sig")))

    today = now().astimezone(MADRID).strftime("%Y-%m-%d")
    assert ana.pop("date").startswith(today)
    assert ana == {
        "email": "ana@cruz.example",
        "scope": "greetings",
        "reason": "by_provider",
        "source": "provider",
        "note": "'=1+1",
        "by": "marta@norte.example",
        "hash": "",
    }
    assert eva["email"] == "'+eva@cruz.example"
    assert (old["email"], len(old["hash"])) == ("", 64)


def test_an_export_can_be_imported_elsewhere_erased_ones_included(session):
    suppressions.add("+ana@cruz.example", SuppressionReason.complaint, detail="=said so")
    suppressions.add(
        "old@cruz.example", SuppressionReason.hard_bounce, scope=SuppressionScope.everything
    )
    suppressions.forget("old@cruz.example")
    data = exported()
    db.session.query(Suppression).delete()

    reading = read(table_of(data, COLUMN_NAMES), MADRID, now())
    assert (list(reading.problems), list(reading.warnings)) == ([], [])
    carried_out(reading)

    assert suppressions.find("+ana@cruz.example").detail == "=said so"
    old = suppressions.find("old@cruz.example")
    assert (old.address, old.reason, old.scope) == (None, "hard_bounce", "everything")
    assert carried_out(reading).unchanged == 2
