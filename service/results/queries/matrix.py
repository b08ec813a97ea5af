"""The matrix as a table: a head, and one row of plain cells per departure."""

from zoneinfo import ZoneInfo

from sqlalchemy import select

from service.departures.queries.filters import DepartureFilters
from service.exports.tables import Table
from service.extensions import db
from service.models import Question
from service.results.queries.export_columns import columns
from service.results.queries.export_rows import count, export_rows


def matrix(filters: DepartureFilters, zone: ZoneInfo, language: str) -> Table:
    """Return the matrix of the departures that pass `filters`, with moments in `zone`.

    Column names are in the language in force; `language` is for the provider's own questions.
    """
    questions = db.session.scalars(select(Question).order_by(Question.position, Question.id))
    shown = columns(list(questions), language)
    rows = ([column.cell(row) for column in shown] for row in export_rows(filters, zone))
    return Table([column.name for column in shown], count(filters), rows)
