"""The pages of clients in a real browser: accessible, complete in one request, without a cookie."""

from datetime import timedelta

import pytest

from service import current
from service.clock import now
from service.models import InvitationKind, Testimonial
from service.tokens import Purpose
from tests.builders import (
    a_company,
    a_contact,
    a_departure,
    a_member,
    a_response,
    added,
    an_invitation,
)
from tests.live import (
    DESK,
    OF_COLOURS,
    PHONE,
    SMALL_PHONE,
    axe_violations,
    too_small_for_a_thumb,
    wider_than_its_window,
)

# What a page looks like does not depend on the database.
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture(params=["es", "en"])
def addresses(request, session) -> list[str]:
    """One address of each kind of page, for a contact of each language."""
    a_company(logo_version=None)
    responsible = a_member()

    def departure():
        return a_departure(contact=a_contact(language=request.param), responsible=responsible)

    survey = an_invitation(departure=departure())
    answered = a_response(invitation=an_invitation(departure=departure()))
    partial = a_response(invitation=an_invitation(departure=departure()), submitted_at=None)
    closed = an_invitation(departure=departure(), closes_at=now() - timedelta(days=1))
    asked = an_invitation(departure=departure(), kind=InvitationKind.testimonial)
    given = an_invitation(departure=departure(), kind=InvitationKind.testimonial)
    testimonial = added(
        Testimonial(
            departure=given.departure,
            quote="Llegamos sin un plan y salimos con uno.",
            edited_quote="Salimos con uno.",
            edit_sent_at=now(),
            language=request.param,
        )
    )
    session.commit()
    sign, contact = current.sign, survey.departure.contact
    return [
        f"/s/{sign(Purpose.survey, survey.public_id)}",
        f"/s/{sign(Purpose.survey, survey.public_id)}?score=9",
        f"/s/{sign(Purpose.survey, answered.invitation.public_id)}",
        f"/s/{sign(Purpose.survey, partial.invitation.public_id)}",
        f"/s/{sign(Purpose.survey, closed.public_id)}",
        f"/r/{sign(Purpose.answer, answered.public_id)}",
        f"/r/{sign(Purpose.answer, partial.public_id)}",
        f"/t/{sign(Purpose.testimonial, asked.public_id)}",
        f"/t/{sign(Purpose.testimonial, given.public_id)}",
        f"/q/{sign(Purpose.quote, testimonial.public_id)}",
        f"/p/{sign(Purpose.preferences, contact.public_id)}",
        f"/p/{sign(Purpose.preferences, contact.public_id)}/one-click",
        f"/d/{sign(Purpose.talk, contact.public_id)}",
        "/s/not-a-token",
    ]


def test_every_page_of_a_client_is_accessible_complete_and_sets_no_cookie(live, browser, addresses):
    """Each is opened once, on a phone, then in the dark, on a desk, and on the smallest phone."""
    wrong: list[str] = []
    page = browser(PHONE)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    for address in addresses:
        requests.clear()
        page.emulate_media(color_scheme="light")
        page.set_viewport_size(PHONE)
        page.goto(live.url + address)
        wrong += axe_violations(page)
        wrong += wider_than_its_window(page)
        page.emulate_media(color_scheme="dark")
        wrong += axe_violations(page, OF_COLOURS)
        page.set_viewport_size(DESK)
        wrong += wider_than_its_window(page)
        page.set_viewport_size(SMALL_PHONE)
        wrong += wider_than_its_window(page) + too_small_for_a_thumb(page)
        assert requests == [live.url + address], "one request, and none to another host"
    assert page.context.cookies() == []
    assert wrong == []
