"""Requests that nobody would make by hand, to every page, link and form: no answer is a 5xx.

The first visit is an honest one and notes what there is (tests/web/walk.py). Each request then
spoils one address or form of those. A few are made here on each run; ten thousand with `-m long`.
"""

from io import BytesIO
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.extensions import db
from tests import hostile
from tests.web.walk import Target, Visitor, fill, unhindered

A_FEW = 200
TEN_THOUSAND = 10_000
MOST_VIEWS = 180  # of some 230; the others are behind steps with tests of their own
SAYS_503 = "health.readyz"  # because no worker runs here
FORM = "application/x-www-form-urlencoded"
# What a column refuses differs: PostgreSQL knows the size of a number, and no NUL.
pytestmark = pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)

ODD = st.one_of(
    st.sampled_from([*hostile.SCRIPTS, *hostile.NAMES, *hostile.NUMBERS, *hostile.DATES]),
    st.text(max_size=40),
    st.sampled_from(hostile.BYTES),
).map(lambda odd: odd if isinstance(odd, bytes) else odd.encode("utf-8", "surrogatepass"))
NAMES = st.sampled_from([b"q", b"page", b"sort", b"next", b"lang", b"period", b"x\0"]) | ODD
FILES = st.binary(max_size=200) | st.sampled_from(hostile.FILES)
FILE_NAMES = st.sampled_from(["a.csv", "a.xlsx", "../../x", "ñ\u202e.png", "a" * 300, "a.svg"])
METHODS = st.sampled_from(["HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "POST", "GET"])
KINDS_OF_BODY = st.sampled_from([FORM] * 6 + ["application/json", "multipart/form-data", "a/b; c"])
HEADERS = st.dictionaries(
    st.sampled_from(hostile.HEADERS),
    st.sampled_from(["*/*;q=x", "es;q=9,,;", "bytes=9-1,-", '"', "Bearer x", "session=x; a"])
    | st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=30),
    max_size=2,
)


@st.composite
def spoilt(draw: st.DrawFn, targets: list[Target]) -> dict[str, Any]:
    """A request for one of `targets` with some of its parts made odd."""
    target = draw(st.sampled_from(targets))
    fields = [(name.encode(), value.encode()) for name, value in target.fields]
    for place in draw(st.sets(st.integers(0, len(fields) - 1), max_size=2)) if fields else ():
        name, value = fields[place]
        fields[place] = draw(st.sampled_from([(name, draw(ODD)), (draw(NAMES), value)]))
    fields += draw(st.lists(st.tuples(NAMES, ODD), max_size=1))
    fields = fields[draw(st.sampled_from([0, 0, 0, 1])) :]
    path = target.path
    if draw(st.integers(0, 4)) == 0:
        parts = path.split("/")
        parts[draw(st.integers(1, len(parts) - 1))] = quote(draw(ODD)[:500], safe="")
        path = "/".join(parts)
    method = draw(METHODS) if draw(st.integers(0, 15)) == 0 else target.method
    request: dict[str, Any] = {"method": method, "path": path, "headers": draw(HEADERS)}
    if target.method == "GET":
        request["path"] += ("&" if "?" in path else "?") + urlencode(fields)
    elif target.files and draw(st.booleans()):
        files = {name: (BytesIO(draw(FILES)), draw(FILE_NAMES)) for name in target.files}
        texts = {name.decode("latin-1"): value.decode("latin-1") for name, value in fields}
        request |= {"data": texts | files, "content_type": "multipart/form-data"}
    else:
        request |= {"data": urlencode(fields), "content_type": draw(KINDS_OF_BODY)}
    return request


@pytest.fixture
def visitor(app, client, monkeypatch) -> Visitor:
    return unhindered(client, monkeypatch)


def targets_of(visitor: Visitor) -> list[Target]:
    """Return what an owner and clients come to, and what no page leads to: the webhooks."""
    start = fill(visitor)
    for rule in visitor.client.application.url_map.iter_rules():
        if not rule.arguments and "POST" in (rule.methods or ()):
            start.append(Target("POST", rule.rule))
    return visitor.walk(start, most=2)


def no_request_fails(visitor: Visitor, how_many: int) -> None:
    """Make so many requests; fail with the first that the service does not stand."""
    targets = targets_of(visitor)
    assert len({visitor.view_of(target) for target in targets}) >= MOST_VIEWS
    bounds = settings(max_examples=how_many, deadline=None, database=None)

    @settings(bounds, suppress_health_check=list(HealthCheck))
    @given(spoilt(targets))
    def each(request: dict[str, Any]) -> None:
        answer = visitor.client.open(**request, buffered=True)
        db.session.rollback()
        if (answer.location or "").startswith("/login"):
            visitor.enter()
        is_failure = answer.status_code >= 500
        said = f"{request['method']} {request['path']} answers {answer.status}"
        assert not is_failure or visitor.view_of(Target("GET", request["path"])) == SAYS_503, said

    each()


def test_no_request_makes_the_service_fail(visitor):
    no_request_fails(visitor, A_FEW)


@pytest.mark.long
def test_ten_thousand_requests_do_not_make_the_service_fail(visitor):
    no_request_fails(visitor, TEN_THOUSAND)
