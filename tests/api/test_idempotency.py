"""A POST that is sent again does once what it asks, and gets the same answer."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select

from service import scheduler
from service.api import answers as api_answers
from service.clock import now
from service.extensions import db
from service.models import ApiAnswer, ApiScope, Suppression, SuppressionChange
from service.team.actions import api_tokens
from tests.api.callers import ANA, SUPPRESSIONS, Caller, how_many, problem_of
from tests.builders import a_member

NEW = {"email": ANA, "scope": "unasked", "note": "She called."}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("key", ["", "ñ", "a b", "x" * 256, "\t"])
def test_a_post_needs_a_key(crm, key):
    headers = {"Authorization": f"Bearer {crm.secret}"}
    headers |= {"Idempotency-Key": key} if key else {}
    answer = crm.client.post(SUPPRESSIONS, json=NEW, headers=headers)
    assert problem_of(answer)["status"] == 400
    assert "Idempotency-Key" in answer.json["detail"]
    assert how_many(Suppression) == 0


def test_the_same_request_gets_the_same_answer_whatever_happened_since(crm):
    first = crm.send(NEW, key="one")
    crm.send({"reason": "x"}, f"{SUPPRESSIONS}/{first.json['id']}/lift")

    again = crm.send(NEW, key="one")

    assert (again.status_code, again.data, again.location) == (201, first.data, first.location)
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert how_many(Suppression) == 0
    assert how_many(SuppressionChange) == 2


def test_lifting_twice_with_one_key_is_told_the_same(crm):
    path = f"{SUPPRESSIONS}/{crm.send(NEW).json['id']}/lift"
    first, again = (crm.send({"reason": "x"}, path, key="one") for _ in range(2))
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.data == again.data


@pytest.mark.parametrize("other", [{**NEW, "scope": "newsletter"}, {**NEW, "note": "x"}])
def test_a_key_cannot_be_used_for_something_else(crm, other):
    crm.send(NEW, key="one")
    assert problem_of(crm.send(other, key="one"))["status"] == 422
    assert how_many(Suppression) == 1


def test_a_key_of_one_address_is_not_good_for_another(crm):
    made = crm.send(NEW, key="one").json
    answer = crm.send(NEW, f"{SUPPRESSIONS}/{made['id']}/lift", key="one")
    assert problem_of(answer)["status"] == 422


def test_a_refused_request_leaves_its_key_free(crm):
    assert crm.send({**NEW, "scope": "all"}, key="one").status_code == 422
    assert how_many(ApiAnswer) == 0
    assert crm.send(NEW, key="one").status_code == 201


def test_each_program_has_its_own_keys(crm):
    token, secret = api_tokens.create("Shop", list(ApiScope), a_member())
    db.session.commit()
    shop = Caller(crm.client, secret, token.id)
    crm.send(NEW, key="one")
    assert shop.send({**NEW, "email": "eva@cruz.example"}, key="one").status_code == 201


def test_a_key_is_free_again_after_a_day_and_its_answer_gone(crm):
    crm.send(NEW, key="one")
    with time_machine.travel(now() + api_answers.KEPT - timedelta(minutes=1), tick=False):
        scheduler.tick()
        assert crm.send({**NEW, "note": "x"}, key="one").status_code == 422
    with time_machine.travel(now() + api_answers.KEPT + timedelta(minutes=1), tick=False):
        answer = crm.send({**NEW, "note": "x"}, key="one")
        assert (answer.status_code, "Idempotent-Replayed" in answer.headers) == (200, False)
    with time_machine.travel(now() + 3 * api_answers.KEPT, tick=False):
        scheduler.tick()
    assert how_many(ApiAnswer) == 0


def test_what_is_kept_names_nobody(crm):
    crm.send(NEW, key="one")
    db.session.rollback()
    kept = db.session.scalars(select(ApiAnswer)).one()
    said = f"{kept.body} {kept.location} {kept.key}"
    assert ANA not in said
    assert "called" not in said
    raw = f"POST\n{SUPPRESSIONS}\n".encode()
    assert kept.fingerprint != hashlib.sha256(raw).hexdigest()


def test_twenty_at_once_with_one_key_do_it_once_and_hear_the_same(app, crm):
    crm.ask()  # the first use of the day is noted
    secret, token_id = crm.secret, crm.token_id
    db.session.rollback()

    def one(_number: int) -> tuple[int, bytes]:
        with app.app_context():
            answer = Caller(app.test_client(), secret, token_id).send(NEW, key="one")
            return answer.status_code, answer.data

    with ThreadPoolExecutor(20) as programs:
        answers = set(programs.map(one, range(20)))

    assert len(answers) == 1
    assert next(iter(answers))[0] == 201
    assert (how_many(Suppression), how_many(SuppressionChange), how_many(ApiAnswer)) == (1, 1, 1)


def test_of_two_at_once_with_one_key_and_other_words_one_is_refused(app, crm):
    crm.ask()
    secret, token_id = crm.secret, crm.token_id
    db.session.rollback()

    def one(number: int) -> int:
        with app.app_context():
            caller = Caller(app.test_client(), secret, token_id)
            return caller.send({**NEW, "email": f"a{number}@cruz.example"}, key="one").status_code

    with ThreadPoolExecutor(2) as programs:
        codes = sorted(programs.map(one, range(2)))

    assert codes == [201, 422]
    assert how_many(Suppression) == 1
