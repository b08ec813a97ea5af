"""The matrix as a table: a head, and one row of plain cells per departure."""

from zoneinfo import ZoneInfo

from sqlalchemy import select

from service.departures.queries.filters import DepartureFilters
from service.exports.tables import Table
from service.extensions import db
from service.models import Question
from service.results.queries.cells import columns
from service.results.queries.lines import count, lines


def matrix(filters: DepartureFilters, zone: ZoneInfo, language: str) -> Table:
    """Return the matrix of the departures that pass `filters`, with moments in `zone`.

    Column names are in the language in force; `language` is for the provider's own questions.
    """
    questions = db.session.scalars(select(Question).order_by(Question.position, Question.id))
    shown = columns(list(questions), language)
    rows = ([column.cell(line) for column in shown] for line in lines(filters, zone))
    return Table([column.name for column in shown], count(filters), rows)
