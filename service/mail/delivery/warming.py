"""Fill the caches that a worker's jobs inherit when it forks them; changes nothing.

Compiling the templates and the queries anew in each job would cost it most of a second.
"""

import gc

from service.config import LANGUAGES
from service.extensions import db
from service.mail.delivery import breaker, delivery, leases, prepared
from service.mail.rendering import rendering
from service.mail.rendering.samples import sample
from service.models import MailKind, TeamMember


def warm() -> None:
    """Render a sample of every kind and ask the queries of a batch, for nobody."""
    facts = rendering.company_facts()
    nobody = TeamMember(name="Marta Ruiz", email="marta@example.com", is_active=True)
    for kind in MailKind:
        for language in LANGUAGES:
            rendering.render_context(sample(kind, language, nobody, facts.company), facts)
    delivery.deliver([0])
    breaker.reached()
    with leases.leasing() as nothing:
        prepared.draft(nothing, nothing.take(0))
    db.session.rollback()
    gc.freeze()  # what is loaded now stays, so no job need collect it
