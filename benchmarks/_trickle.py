"""Write a mail every 50 ms, as a web server does for visitors that come one by one.

`python -m benchmarks._trickle FIRST COUNT` writes to the contacts from FIRST on. Every second mail
is due a little later, so that no hint names it. Prints [public id, when it was due or committed,
whether it was due later] of each mail, as JSON.
"""

import json
import logging
import sys
import time
from datetime import timedelta

from service.app import create_app
from service.clock import now
from service.extensions import db
from service.mail import outbox
from service.models import Departure, MailKind

PAUSE = 0.05  # seconds
LATER = timedelta(seconds=2)


def main(first: int, count: int) -> None:
    """Write `count` mails and print them."""
    app = create_app()
    logging.getLogger("service").setLevel(logging.ERROR)
    written = []
    began = time.monotonic()
    with app.app_context():
        for number in range(count):
            time.sleep(max(0.0, began + number * PAUSE - time.monotonic()))
            is_later = bool(number % 2)
            written.append([*one(first + number, is_later), is_later])
    print(json.dumps(written))


def one(departure_id: int, is_later: bool) -> tuple[str, float]:
    """Write a mail and commit; return its public id, and the moment from which its lag counts."""
    departure = db.session.get_one(Departure, departure_id)
    due_at = now() + LATER if is_later else None
    row = outbox.write(
        MailKind.thank_you,
        departure.contact,
        subject=f"departure:{departure_id}",
        departure=departure,
        due_at=due_at,
    )
    if row is None:
        raise SystemExit("this mail stands there already")
    public_id = row.public_id
    db.session.commit()
    return public_id, due_at.timestamp() if due_at else time.time()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
