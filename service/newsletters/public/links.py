"""Where a counted link of a newsletter leads on: to the address that was frozen with its issue.

The one GET of the service that changes a row, by one: a total that is about nobody, that nothing
is decided by, and that no more than a hint is made of. A reader's click cannot be a form that is
sent, so the only choices are this and not to count. Openings are counted behind the answers, by a
thread of the process, so nobody waits for a busy database. What a process has not written when it
ends, milliseconds as a rule, is not counted.
"""

import logging
import re
from collections import Counter
from queue import Empty, Full, Queue
from threading import Lock, Thread

from flask import Blueprint, abort, redirect, request
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response

from service import database
from service.extensions import db
from service.newsletters.actions import issues
from service.newsletters.queries import newsletters as queries

blueprint = Blueprint("newsletter_links", __name__)

log = logging.getLogger(__name__)

MOST = 10_000  # openings that wait while the database is locked

Opening = tuple[Engine, int, int]  # the database, the issue's id, the link's number


class Openings:
    """What waits to be counted. The thread begins with the first, in the process that has it."""

    def __init__(self) -> None:
        self._waiting: Queue[Opening] = Queue(MOST)
        self._thread: Thread | None = None
        self._beginning = Lock()

    def add(self, engine: Engine, issue_id: int, number: int) -> None:
        """Have an opening counted soon; one that too many wait before is not."""
        try:
            self._waiting.put_nowait((engine, issue_id, number))
        except Full:
            log.warning("opening_not_counted error=Full")
        with self._beginning:
            if self._thread is None or not self._thread.is_alive():
                self._thread = Thread(target=self._work, name="openings", daemon=True)
                self._thread.start()

    def settle(self) -> None:
        """Wait until nothing waits."""
        self._waiting.join()

    def _work(self) -> None:
        while True:
            taken = self._take()
            for (engine, issue_id, number), times in Counter(taken).items():
                try:
                    with database.statement_by_statement(engine) as connection:
                        issues.count_openings(connection, issue_id, number, times)
                except SQLAlchemyError as error:  # the readers are where they wanted to be
                    log.warning("opening_not_counted error=%s", type(error).__name__)
            for _ in taken:
                self._waiting.task_done()

    def _take(self) -> list[Opening]:
        taken = [self._waiting.get()]
        while True:
            try:
                taken.append(self._waiting.get_nowait())
            except Empty:
                return taken


openings = Openings()

# Robots that say so. "Cubot" is a telephone.
_ROBOTS = re.compile(
    r"(?<!cu)bot\b|crawl|spider|preview|scan|headless|curl|wget|python", re.IGNORECASE
)


@blueprint.get("/n/<public_id>/<int(max=99999):number>")
def follow(public_id: str, number: int) -> Response:
    """Lead on to where the link goes; nothing of the request says where."""
    link = queries.link(public_id, number)
    if link is None:
        abort(404)
    answer = redirect(link.address, 302)
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["X-Robots-Tag"] = "noindex, nofollow"
    if _is_opened_by_somebody():
        openings.add(db.engine, link.issue_id, link.number)
    return answer


def _is_opened_by_somebody() -> bool:
    """Whether this can be a person's click: no HEAD, nothing fetched ahead, no known robot."""
    headers = request.headers
    ahead = " ".join(headers.get(name, "") for name in ("Sec-Purpose", "Purpose", "X-Moz"))
    program = headers.get("User-Agent", "")
    return (
        request.method == "GET"
        and "prefetch" not in ahead.lower()
        and bool(program)
        and not _ROBOTS.search(program)
    )
