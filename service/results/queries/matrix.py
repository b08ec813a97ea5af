"""The matrix as a table: a head, and one row of plain cells per departure."""

from zoneinfo import ZoneInfo

from sqlalchemy import select

from service.departures.queries.filters import Window
from service.exports.tables import Table
from service.extensions import db
from service.models import Question
from service.results.queries.cells import columns
from service.results.queries.lines import count, lines


def matrix(window: Window, zone: ZoneInfo, language: str) -> Table:
    """Return the matrix of `window`; moments as a clock in `zone` shows them, in `language`.

    The names are those of the language in force; `language` is for the provider's own questions.
    """
    questions = db.session.scalars(select(Question).order_by(Question.position, Question.id))
    shown = columns(list(questions), language)
    rows = ([column.cell(line) for column in shown] for line in lines(window, zone))
    return Table([column.name for column in shown], count(window), rows)
