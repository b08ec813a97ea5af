"""Where a counted link of a newsletter leads on: to the address that was frozen with its issue.

The one GET by a link that changes a row, by one: a total that is about nobody, that nothing is
decided by, and that no more than a hint is made of. A reader's click cannot be a form that is sent,
so the only choices are this and not to count. Openings are counted behind the answers.
"""

import re

from flask import Blueprint, abort, redirect, request
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from service.extensions import db
from service.newsletters.actions import issues
from service.newsletters.queries import newsletters as queries
from service.web.background import BackgroundWriter

blueprint = Blueprint("newsletter_links", __name__)

Opening = tuple[int, int]  # the issue's id, the link's number


def _count(connection: Connection, opening: Opening, times: int) -> None:
    issues.count_openings(connection, *opening, times)


openings = BackgroundWriter[Opening]("openings", _count)

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
        openings.add(db.engine, (link.issue_id, link.number))
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
