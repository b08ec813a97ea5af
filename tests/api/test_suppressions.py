"""Who gets no mail, over the API: listed, asked about, stopped, lifted with a reason."""

import pytest
from sqlalchemy import select

from service.extensions import db
from service.mail.policy import suppressions
from service.models import (
    MailState,
    SkipReason,
    Suppression,
    SuppressionChange,
    SuppressionReason,
    SuppressionScope,
)
from tests.api.callers import ANA, SUPPRESSIONS, how_many, problem_of
from tests.builders import a_contact, a_member, logged_in
from tests.mail.deliveries import a_mail, deliver, fresh

NEW = {"email": ANA, "scope": "unasked"}
# What is refused before anything is asked does not depend on the database.
reads = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def suppressed(email: str = ANA, reason: str = "unsubscribed", **more) -> str:
    row = suppressions.add(email, SuppressionReason(reason), **more)
    db.session.commit()
    public_id = row.public_id
    db.session.rollback()
    return public_id


def log() -> list[SuppressionChange]:
    db.session.rollback()
    return list(db.session.scalars(select(SuppressionChange).order_by(SuppressionChange.id)))


def faults_of(answer) -> dict[str, str]:
    said = problem_of(answer)
    assert said["status"] == 422
    return {fault["field"]: fault["detail"] for fault in said["errors"]}


def test_an_empty_list_is_a_list(crm):
    assert crm.ask().json == {"data": [], "next_cursor": None}


def test_the_list_says_all_that_is_known_of_each(crm):
    suppressed(reason="complaint", source="ses", detail="abuse")
    (one,) = crm.ask().json["data"]
    assert one.pop("created_at").endswith("Z")
    assert len(one.pop("id")) == 22
    assert one == {
        "email": ANA,
        "scope": "unasked",
        "reason": "complaint",
        "source": "ses",
        "note": "abuse",
        "explanation": "They marked one of our mails as spam.",
    }


def test_pages_follow_one_another_though_rows_come_and_go(crm):
    for number in range(5):
        suppressed(f"a{number}@cruz.example")
    first = crm.ask(limit=2).json
    suppressed("late@cruz.example")
    last_shown = first["data"][-1]["email"]
    suppressions.lift(suppressions.of(last_shown)[0], "x", source="provider")
    db.session.commit()
    second = crm.ask(limit=2, cursor=first["next_cursor"]).json
    third = crm.ask(limit=2, cursor=second["next_cursor"]).json

    shown = [row["email"] for page in (first, second, third) for row in page["data"]]
    assert shown == [f"a{number}@cruz.example" for number in (4, 3, 2, 1, 0)]
    assert third["next_cursor"] is None


def test_an_address_is_asked_about_in_any_spelling_though_it_was_erased(crm):
    suppressed()
    suppressed(reason="hard_bounce", scope=SuppressionScope.everything)
    suppressed("eva@cruz.example")
    suppressions.forget(ANA)
    db.session.commit()

    said = crm.ask(email="Ana@CRUZ.example").json

    assert [(row["scope"], row["reason"], row["email"]) for row in said["data"]] == [
        ("everything", "hard_bounce", None),
        ("unasked", "unsubscribed", None),
    ]
    assert crm.ask(email="nobody@cruz.example").json["data"] == []


@reads
@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"emial": ANA}, "emial"),
        ({"email": "ana cruz"}, "email"),
        ({"email": ANA, "limit": 2}, "limit"),
        ({"limit": 0}, "limit"),
        ({"limit": 101}, "limit"),
        ({"limit": "²"}, "limit"),
        ({"limit": "9" * 5000}, "limit"),
        ({"cursor": "x"}, "cursor"),
        ({"cursor": ""}, "cursor"),
        ({"cursor": "ñ"}, "cursor"),
        ({"cursor": "czk5OTk5OTk5OTk5OTk"}, "cursor"),
    ],
)
def test_a_query_that_is_not_understood_is_refused_and_says_why(crm, query, field):
    assert field in faults_of(crm.ask(**query))


def test_an_address_is_stopped_and_the_log_names_the_token(crm):
    answer = crm.send({**NEW, "note": "She called on Tuesday."})

    assert answer.status_code == 201
    said = answer.json
    assert answer.location == f"{SUPPRESSIONS}/{said['id']}"
    assert (said["scope"], said["reason"], said["source"]) == ("unasked", "by_provider", "api:CRM")
    assert ANA not in answer.text
    shown = crm.ask(answer.location).json
    assert (shown["email"], shown["note"]) == (ANA, "She called on Tuesday.")
    (change,) = log()
    assert (change.source, change.why, change.provider_id) == (
        "api:CRM",
        "She called on Tuesday.",
        None,
    )


def test_stopping_it_once_more_changes_nothing(crm):
    first = crm.send(NEW)
    again = crm.send({**NEW, "email": "Ana@cruz.EXAMPLE", "note": "again"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json == again.json
    assert len(log()) == 1


@pytest.mark.parametrize("scope", list(SuppressionScope))
def test_every_scope_can_be_stopped(crm, scope):
    assert crm.send({"email": ANA, "scope": scope.value}).json["scope"] == scope


@reads
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "email"),
        ({"scope": "unasked"}, "email"),
        ({"email": ANA}, "scope"),
        ({**NEW, "email": "ana"}, "email"),
        ({**NEW, "email": f"{'a' * 300}@cruz.example"}, "email"),
        ({**NEW, "email": f"{ANA}\r\nBcc: x@y.example"}, "email"),
        ({**NEW, "email": None}, "email"),
        ({**NEW, "email": [ANA]}, "email"),
        ({**NEW, "scope": "all"}, "scope"),
        ({**NEW, "scope": 1}, "scope"),
        ({**NEW, "note": "x" * 2001}, "note"),
        ({**NEW, "note": {"a": 1}}, "note"),
        ({**NEW, "reason": "complaint"}, "reason"),
        ({**NEW, "Scope": "unasked"}, "Scope"),
    ],
)
def test_what_is_wrong_with_a_body_is_said_by_field_and_nothing_changes(crm, body, field):
    assert field in faults_of(crm.send(body))
    assert how_many(Suppression) == 0


def test_a_wrong_scope_is_told_which_there_are(crm):
    said = faults_of(crm.send({**NEW, "scope": "all"}))["scope"]
    assert said == "Write one of: everything, unasked, newsletter, greetings, check_ins."


@reads
@pytest.mark.parametrize(
    ("octets", "media_type", "code"),
    [
        (b"", "application/json", 400),
        (b"{", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b'{"email": "\xf1"}', "application/json", 400),
        (b"[" * 60_000, "application/json", 400),
        (b"9" * 5_000, "application/json", 400),
        (b"[]", "application/json", 400),
        (b"null", "application/json", 400),
        (b'{"note": "' + b"x" * 70_000 + b'"}', "application/json", 413),
        (b"email=ana@cruz.example&scope=unasked", "application/x-www-form-urlencoded", 415),
        (b"{}", "text/plain", 415),
        (b"{}", None, 415),
    ],
)
def test_a_body_that_is_no_small_json_object_is_refused(crm, octets, media_type, code):
    headers = {"Authorization": f"Bearer {crm.secret}", "Idempotency-Key": "k"}
    answer = crm.client.post(SUPPRESSIONS, data=octets, content_type=media_type, headers=headers)
    assert problem_of(answer)["status"] == code
    assert how_many(Suppression) == 0


@pytest.mark.parametrize("odd", ["a\u0000b", "\ud800", "\u202eñ\u2028😀", "'; DROP TABLE x; --"])
def test_odd_words_are_kept_or_made_fit_never_an_error(crm, odd):
    answer = crm.send({**NEW, "note": odd})
    assert answer.status_code == 201
    kept = crm.ask(answer.location).json["note"]
    assert kept == odd.replace("\u0000", "").replace("\ud800", "")


def test_what_the_api_stops_does_not_leave(crm, smtp_server):
    contact = a_contact(email=ANA)
    stopped, other = a_mail(contact=contact), a_mail()
    db.session.rollback()

    assert crm.send({**NEW, "scope": "everything"}).status_code == 201
    deliver(stopped, other)

    assert (fresh(stopped).state, fresh(stopped).skip_reason) == (
        MailState.skipped,
        SkipReason.suppressed,
    )
    assert fresh(other).state is MailState.sent


def test_a_mail_goes_again_once_it_is_lifted(crm, smtp_server):
    made = crm.send({**NEW, "scope": "everything"}).json
    lifted = crm.send({"reason": "They asked for it."}, f"{SUPPRESSIONS}/{made['id']}/lift")
    assert lifted.status_code == 200
    mail = a_mail(contact=a_contact(email=ANA))
    deliver(mail)
    assert fresh(mail).state is MailState.sent


@pytest.mark.parametrize("reason", list(SuppressionReason))
def test_whatever_the_page_may_lift_with_a_reason_the_api_may(crm, reason):
    public_id = suppressed(reason=reason.value)
    answer = crm.send({"reason": "They called and asked."}, f"{SUPPRESSIONS}/{public_id}/lift")

    assert answer.status_code == 200
    assert answer.json["is_lifted"] is True
    assert how_many(Suppression) == 0
    change = log()[-1]
    assert (change.is_lifted, change.why, change.source, change.reason) == (
        True,
        "They called and asked.",
        "api:CRM",
        reason,
    )


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": " \n"}, {"reason": "x" * 2001}])
def test_lifting_needs_a_reason(crm, body):
    public_id = suppressed()
    assert "reason" in faults_of(crm.send(body, f"{SUPPRESSIONS}/{public_id}/lift"))
    assert how_many(Suppression) == 1
    assert len(log()) == 1


def test_lifting_one_leaves_the_others_and_cannot_be_done_twice(crm):
    dead = suppressed(reason="hard_bounce", scope=SuppressionScope.everything)
    suppressed()
    path = f"{SUPPRESSIONS}/{dead}/lift"
    assert crm.send({"reason": "It works again."}, path).status_code == 200
    assert problem_of(crm.send({"reason": "It works again."}, path))["status"] == 404
    assert [row["reason"] for row in crm.ask(email=ANA).json["data"]] == ["unsubscribed"]


def test_whoever_lifts_at_the_same_moment_as_the_team_is_told(crm, monkeypatch):
    public_id = suppressed()
    monkeypatch.setattr("service.mail.policy.suppressions.lift", lambda *_args, **_more: False)
    answer = crm.send({"reason": "x"}, f"{SUPPRESSIONS}/{public_id}/lift")
    assert problem_of(answer)["status"] == 409


def test_the_page_says_which_program_it_was(crm):
    crm.send(NEW)
    page = logged_in(crm.client, a_member(language="en"))
    assert "another program: CRM" in page.get("/suppressions").text
    public_id = suppressions.of(ANA)[0].public_id
    db.session.rollback()
    assert "Through: another program: CRM" in page.get(f"/suppressions/{public_id}").text


def test_the_log_of_the_service_has_no_address_and_no_token(crm, caplog):
    caplog.set_level("DEBUG")
    crm.send({**NEW, "note": "Her name is Ana."})
    crm.send({**NEW, "scope": "all"})
    crm.ask(email=ANA)
    crm.client.get(SUPPRESSIONS, headers={"Authorization": "Bearer hl_" + "b" * 43})
    said = "\n".join(record.getMessage() for record in caplog.records)
    for secret in (ANA, "Ana", crm.secret, "b" * 43):
        assert secret not in said
    assert "api_token_refused" in said
