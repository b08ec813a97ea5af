"""Redis emptied, killed and absent: answers are kept and thanked, and each mail goes out once."""

import signal
from collections import Counter

import redis
from sqlalchemy import select

from service.extensions import db
from service.models import MailKind, MailState, OutboxMessage
from tests.faults.installs import Install, an_install, reckon, states
from tests.faults.people import Person, comments, invited
from tests.mail.scripted_process import scripted_process
from tests.servers import a_valkey

EACH_TIME = 3


def all_are_thanked(people: list[Person], install: Install) -> None:
    for person in people:
        sent = person.answers(install.url)
        assert sent.status == 303, sent.text
        assert person.opens(install.url, sent.location).status == 200


def test_answers_are_thanked_and_mails_go_out_whatever_becomes_of_redis(remade, settings, session):
    with (
        a_valkey() as valkey,
        scripted_process(RCPT=0.03, body=0.06) as smtp,
        remade(redis_url=valkey.url).app_context(),
        an_install(settings, smtp.port, REDIS_URL=valkey.url) as install,
    ):
        people = invited(4 * EACH_TIME)
        turns = [people[first : first + EACH_TIME] for first in range(0, len(people), EACH_TIME)]
        install.work()
        install.tick()
        install.serve()
        install.until_ready()
        all_are_thanked(turns[0], install)
        redis.Redis.from_url(valkey.url).flushall()
        all_are_thanked(turns[1], install)
        valkey.stop(signal.SIGKILL)
        all_are_thanked(turns[2], install)
        valkey.start()
        all_are_thanked(turns[3], install)
        install.until_all_ended()
        assert comments() == sorted(person.words for person in people)
        assert states() == {MailState.sent: 2 * len(people)}
        kinds = Counter(db.session.scalars(select(OutboxMessage.kind)))
        assert kinds[MailKind.answer_received] == len(people)
        reckon(smtp, deaths=0)
        assert set(smtp.taken().values()) == {1}
        assert smtp.taken().total() == 2 * len(people)
