"""The published testimonials for the company's website: a JSON feed and a snippet of HTML.

Caches may keep them for a minute, so that a withdrawn one is out of every page within five.
"""

from flask import Blueprint, Response, make_response, request

from service.testimonials import queries

blueprint = Blueprint("feeds", __name__)
CACHE = "public, max-age=60, stale-while-revalidate=60"


@blueprint.get("/testimonials.json")
def as_json() -> Response:
    """Return the published testimonials as JSON, readable from any site."""
    return _cacheable(queries.as_json(queries.published()), "application/json")


@blueprint.get("/testimonials.html")
def as_html() -> Response:
    """Return the published testimonials as a snippet of HTML with JSON-LD."""
    return _cacheable(queries.as_html(queries.published()), "text/html; charset=utf-8")


def _cacheable(body: str, content_type: str) -> Response:
    response = make_response(body)
    response.headers["Content-Type"] = content_type
    response.headers["Cache-Control"] = CACHE
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.vary.add("Accept-Language")
    response.add_etag()
    response.make_conditional(request)
    return response
