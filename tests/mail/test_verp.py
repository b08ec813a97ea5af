"""Bounce addresses name one mail of ours, and nobody else can make one."""

import pytest

from service.config import SettingError, Settings
from service.mail import verp
from service.models import MailKind
from service.tokens import new_public_id
from tests.builders import a_member
from tests.mail import deliveries
from tests.mail.mails import a_mail, received


def token_in(address: str) -> str:
    return address.partition("+")[2].partition("@")[0]


def test_a_bounce_address_names_its_mail_and_fits_where_addresses_go(bouncing):
    public_id = new_public_id()
    address = verp.address(public_id)

    assert verp.ids_in([f"Rebotes <{address}>"]) == [public_id]
    assert address.endswith("@norte.example")
    assert len(address.partition("@")[0]) <= 64
    assert address == address.lower()


def test_servers_may_write_it_in_capitals(bouncing):
    public_id = new_public_id()
    assert verp.ids_in([verp.address(public_id).upper()]) == [public_id]


def test_no_octet_of_it_can_be_changed(bouncing):
    token = verp.token(new_public_id())
    for place in range(len(token) - 1):  # of the last character three bits say nothing
        other = "a" if token[place] != "a" else "b"
        assert verp.read(token[:place] + other + token[place + 1 :]) is None


@pytest.mark.parametrize("text", ["", "a" * 39, "7" * 39, "a" * 3000, "á" * 39, "1" * 39])
def test_what_nobody_signed_names_nothing(bouncing, text):
    assert verp.ids_in([f"rebotes+{text}@norte.example"]) == []


def test_an_older_key_still_reads(bouncing):
    public_id = new_public_id()
    address = verp.address(public_id)
    bouncing(secret_keys=("a key for the tests only", "another key of today"))
    assert verp.ids_in([address]) == [public_id]
    bouncing(secret_keys=("another key of today",))
    assert verp.ids_in([address]) == []


def test_without_the_setting_there_is_no_such_address(app):
    assert verp.address(new_public_id()) is None


def test_an_address_too_long_to_sign_is_said_at_start():
    settings = {"MAIL_BOUNCE_ADDRESS": f"{'r' * 25}@norte.example", "SECRET_KEY": "k" * 16}
    with pytest.raises(SettingError, match="MAIL_BOUNCE_ADDRESS: use at most 24"):
        Settings.from_environment(settings)


def test_every_mail_leaves_with_an_envelope_that_names_it(bouncing, mailbox):
    row = deliveries.a_mail()
    to_us = deliveries.a_mail(MailKind.test_mail, to=a_member())
    deliveries.deliver(row, to_us)

    also, taken = mailbox.messages()  # what somebody waits for goes first
    assert verp.ids_in([taken.mail_from]) == [row.public_id]
    assert verp.ids_in([also.mail_from]) == [to_us.public_id]
    assert taken.message["From"].addresses[0].addr_spec != taken.mail_from


def test_without_the_setting_the_envelope_is_as_it_was(app, mailbox):
    deliveries.deliver(deliveries.a_mail())
    assert mailbox.messages()[0].mail_from == "hasta-luego@localhost"


def test_the_address_that_unsubscribes_by_mail_is_signed_too(bouncing):
    row = a_mail(MailKind.survey_invitation)
    header = received(row)["List-Unsubscribe"]
    assert f"<mailto:{verp.address(row.public_id)}?subject=unsubscribe>" in header


def test_an_answer_reaches_the_responsible_and_us(bouncing):
    row = a_mail(MailKind.thank_you)
    responsible, ours = received(row)["Reply-To"].addresses
    assert responsible.display_name == "Marta Ruiz"
    assert verp.ids_in([ours.addr_spec]) == [row.public_id]
    to_the_team = received(a_mail(MailKind.alert_new_answer))
    assert to_the_team["Reply-To"] is None
