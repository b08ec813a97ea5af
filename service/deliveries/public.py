"""Webhooks: what mail providers post about our mails, each proven by that provider's scheme.

The signature is the authority, so there is no CSRF token; without its setting a provider's address
does not exist (404).
"""

import logging
from collections.abc import Callable, Sequence

from flask import Blueprint, abort, request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import HTTPException, Unauthorized

from service import named_leases
from service.clock import now
from service.current import settings
from service.deliveries.actions import inbound
from service.extensions import csrf, db, limiter
from service.mail.inbound.webhooks import mailgun, postmark, sendgrid, ses
from service.mail.inbound.webhooks.events import AHEAD, Forged, Malformed, WebhookEvent
from service.mail.inbound.webhooks.ses import Unfetched
from service.models import InboundSource

blueprint = Blueprint("inbound", __name__, url_prefix="/inbound")
csrf.exempt(blueprint)
TOKENS_KEPT = mailgun.OLDEST + AHEAD  # after that they are too old anyway
limited = limiter.limit("3000/minute")

log = logging.getLogger(__name__)


@blueprint.post("/ses")
@limited
def from_ses() -> tuple[str, int]:
    """Take a notification of Amazon SES, by way of SNS."""
    topic = settings().ses_topic or abort(404)
    return _taken(InboundSource.ses, lambda: ses.events(request.get_data(), topic))


@blueprint.post("/sendgrid")
@limited
def from_sendgrid() -> tuple[str, int]:
    """Take a batch of SendGrid's events."""
    key = settings().sendgrid_key or abort(404)
    return _taken(
        InboundSource.sendgrid,
        lambda: sendgrid.events(request.get_data(), dict(request.headers), key, now()),
    )


@blueprint.post("/postmark")
@limited
def from_postmark() -> tuple[str, int]:
    """Take an event of Postmark's."""
    login = settings().postmark_login or abort(404)
    authorization = request.headers.get("Authorization", "")
    return _taken(
        InboundSource.postmark,
        lambda: postmark.events(request.get_data(), authorization, login),
        Unauthorized(www_authenticate=WWWAuthenticate("basic", {"realm": "webhooks"})),
    )


@blueprint.post("/mailgun")
@limited
def from_mailgun() -> tuple[str, int]:
    """Take an event of Mailgun's."""
    key = settings().mailgun_key or abort(404)
    body = request.get_data()
    return _taken(
        InboundSource.mailgun,
        lambda: mailgun.events(body, key, now()),
        is_new=lambda: named_leases.take_once("mailgun", mailgun.token_of(body), TOKENS_KEPT),
    )


def _taken(
    source: InboundSource,
    read: Callable[[], Sequence[WebhookEvent]],
    no: HTTPException | None = None,
    is_new: Callable[[], bool] = lambda: True,
) -> tuple[str, int]:
    """Record the events and answer 200; after any other answer the provider sends them again.

    So a proof that was used before, which is not new, gets 200 as well, and changes nothing.
    """
    try:
        events = read()
    except Forged as why:
        log.warning("webhook_refused source=%s why=%s", source, why)
        raise no or abort(403) from why
    except Malformed as why:
        log.warning("webhook_malformed source=%s why=%s", source, why)
        return "", 400
    except Unfetched as why:
        log.warning("webhook_unproven source=%s why=%s", source, why)
        return "", 503
    if not is_new():
        log.warning("webhook_repeated source=%s", source)
        events = []
    for event in events:
        inbound.record_reported(event, source)
    db.session.commit()
    return "", 200
