"""The export of the results: one row per departure, as the columns of a table.

A column is one line in `columns`: its name, and how its cell is read from an ExportRow. A field of
the departure, the client, the contact, the response, the recovery, the testimonial or the return
needs no other line, because ExportRow holds these whole.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import gettext as _
from sqlalchemy import Row, Select, and_, func, select
from sqlalchemy.orm import aliased, lazyload

from service.departures.queries.filters import DepartureFilters
from service.exports.tables import Cell, Table
from service.extensions import db
from service.labels import channel_name, label, reason_of_return
from service.models import (
    Answer,
    Channel,
    Client,
    Contact,
    Departure,
    DepartureReason,
    Invitation,
    InvitationKind,
    MailKind,
    Question,
    QuestionKind,
    Reason,
    Recovery,
    Response,
    ResponseReason,
    Return,
    ReturnReason,
    Stage,
    TeamMember,
    Testimonial,
    TestimonialState,
)

BETWEEN = " | "  # between several reasons in one cell, as an import reads them
CHUNK = 1000  # departures read at a time
RowSelect = Select[*tuple[Any, ...]]
_apologiser = aliased(TeamMember)


def matrix(filters: DepartureFilters, zone: ZoneInfo, language: str) -> Table:
    """Return the table of the departures that pass `filters`, with moments in `zone`.

    The names of columns are in the language in force; custom questions are in `language`.
    """
    questions = db.session.scalars(select(Question).order_by(Question.position, Question.id))
    shown = columns(list(questions), language)
    count = db.session.scalar(
        select(func.count()).select_from(Departure).where(*filters.conditions)
    )
    rows = ([column.cell(row) for column in shown] for row in export_rows(filters, zone))
    return Table([column.name for column in shown], count or 0, rows)


@dataclass(frozen=True, slots=True)
class ExportRow:
    """One departure with its people, answer, recovery, testimonial and return."""

    departure: Departure
    client: Client
    contact: Contact
    responsible: str | None
    invited_at: datetime | None
    response: Response | None
    recovery: Recovery | None
    apologised_by: str | None
    testimonial: Testimonial | None
    came_back: Return | None
    guessed: list[Reason]  # reasons that the team gave
    said: list[Reason]  # reasons that the client gave
    custom: dict[int, Any]  # answers to the custom questions, by the question's id
    zone: ZoneInfo

    def answered(self, name: str) -> Any:
        """Return a field of the response; None without one."""
        return getattr(self.response, name) if self.response else None

    def recovered(self, name: str) -> Any:
        """Return a field of the recovery; None without one."""
        return getattr(self.recovery, name) if self.recovery else None

    def returned(self, name: str) -> Any:
        """Return a field of the return; None without one."""
        return getattr(self.came_back, name) if self.came_back else None

    def local(self, moment: datetime | None) -> datetime | None:
        """Return `moment` in the company's time zone."""
        return moment.astimezone(self.zone) if moment else None


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name in the reader's language, and how to read its cell from a row."""

    name: str
    cell: Callable[[ExportRow], Cell]


def columns(questions: list[Question], language: str) -> list[Column]:
    """Return the columns in order, those of the custom questions last.

    A column that an import knows has the name that the import knows, so that an export can be
    imported again.
    """
    texts = _Texts()
    return [
        Column(_("Client"), lambda row: row.client.name),
        Column(_("Contact"), lambda row: row.contact.name),
        Column(_("Email"), lambda row: row.contact.email),
        Column(_("Language"), lambda row: row.contact.language),
        Column(_("Phone"), lambda row: row.contact.phone),
        Column(_("Group"), lambda row: row.client.group),
        Column(_("Service"), lambda row: row.departure.service),
        Column(_("Started on"), lambda row: row.client.started_on),
        Column(_("Notice on"), lambda row: row.departure.notice_on),
        Column(_("End on"), lambda row: row.departure.end_on),
        Column(_("Stage"), lambda row: texts.names[row.departure.stage]),
        Column(_("Reasons"), lambda row: texts.reasons(row.guessed)),
        Column(_("Responsible"), lambda row: row.responsible),
        Column(_("Monthly value"), lambda row: row.departure.monthly_value),
        Column(_("Acquisition cost"), lambda row: row.departure.acquisition_cost),
        Column(_("Margin"), lambda row: row.departure.margin),
        Column(_("Keep in touch"), lambda row: texts.yes_or_no(row.contact.keep_in_touch)),
        Column(_("Notes"), lambda row: row.departure.notes),
        Column(_("History"), lambda row: texts.yes_or_no(row.departure.is_history)),
        Column(_("Sample data"), lambda row: texts.yes_or_no(row.client.is_sample)),
        Column(_("Asked at"), lambda row: row.local(row.invited_at)),
        Column(_("Answered at"), lambda row: row.local(row.answered("submitted_at"))),
        Column(_("Score"), lambda row: row.answered("score")),
        Column(_("Satisfaction"), lambda row: row.answered("satisfaction")),
        Column(_("Handover"), lambda row: row.answered("handover")),
        Column(_("Reasons the client gave"), lambda row: texts.reasons(row.said)),
        Column(_("Valued most"), lambda row: row.answered("valued_most")),
        Column(_("To improve"), lambda row: row.answered("to_improve")),
        Column(_("Comment"), lambda row: row.answered("comment")),
        Column(_("Likelihood to return"), lambda row: row.answered("return_likelihood")),
        Column(
            _("Wants to keep in touch"),
            lambda row: texts.yes_or_no(row.answered("keep_in_touch")),
        ),
        Column(_("Recovery opened at"), lambda row: row.local(row.recovered("opened_at"))),
        Column(_("Recovery closed at"), lambda row: row.local(row.recovered("closed_at"))),
        Column(_("Resolved"), lambda row: texts.yes_or_no(row.recovered("is_resolved"))),
        Column(_("What was done"), lambda row: row.recovered("note")),
        Column(_("Apologised on"), lambda row: row.recovered("apologised_on")),
        Column(_("Apologised by"), lambda row: row.apologised_by),
        Column(_("Way of the apology"), lambda row: texts.way(row.recovered("apology_way"))),
        Column(_("Why by call"), lambda row: row.recovered("apology_why")),
        Column(_("What was said"), lambda row: row.recovered("apology_note")),
        Column(_("Testimonial"), lambda row: texts.state(row.testimonial)),
        Column(_("Quote"), lambda row: _quote(row.testimonial)),
        Column(_("Came back on"), lambda row: row.returned("returned_on")),
        Column(_("Came back for"), lambda row: row.returned("service")),
        Column(_("What brought them back"), lambda row: texts.back(row.returned("reason"))),
        Column(_("Mail that led to it"), lambda row: texts.mail(row.returned("mail_kind"))),
        Column(_("Note on the return"), lambda row: row.returned("note")),
        *(Column(q.text_in(language), _custom_cell(q, language)) for q in questions),
    ]


class _Texts:
    """Cells of names and yes or no, translated once for all rows."""

    def __init__(self) -> None:
        self.names = {member: label(member) for member in (*Reason, *Stage)}
        self.mails = {kind: label(kind) for kind in MailKind}
        self.back_by = {reason: reason_of_return(reason) for reason in ReturnReason}
        self.ways = {way: channel_name(way) for way in Channel}
        self.yes, self.no = str(_("yes")), str(_("no"))
        self.states = {
            TestimonialState.submitted: str(_("to be read")),
            TestimonialState.approved: str(_("approved")),
            TestimonialState.rejected: str(_("rejected")),
            TestimonialState.withdrawn: str(_("withdrawn")),
        }

    def reasons(self, reasons: list[Reason]) -> str:
        return BETWEEN.join(self.names[reason] for reason in Reason if reason in reasons)

    def back(self, reason: ReturnReason | None) -> str | None:
        return self.back_by[reason] if reason else None

    def way(self, way: Channel | None) -> str | None:
        return self.ways[way] if way else None

    def mail(self, kind: MailKind | None) -> str | None:
        return self.mails[kind] if kind else None

    def yes_or_no(self, value: Any) -> str | None:
        if value is None:
            return None
        return self.yes if value else self.no

    def state(self, testimonial: Testimonial | None) -> str | None:
        return self.states[testimonial.state] if testimonial else None


def _custom_cell(question: Question, language: str) -> Callable[[ExportRow], Cell]:
    options = question.options_in(language)

    def cell(row: ExportRow) -> Cell:
        value = row.custom.get(question.id)
        if question.kind in (QuestionKind.one, QuestionKind.many):
            places = value if isinstance(value, list) else []
            return BETWEEN.join(options[place] for place in places if place < len(options))
        return value if isinstance(value, str | int) else None

    return cell


def _quote(testimonial: Testimonial | None) -> str | None:
    """Return the quote to show; None when the contact withdrew it, from every export."""
    if testimonial is None or testimonial.state is TestimonialState.withdrawn:
        return None
    return testimonial.shown_quote


def export_rows(filters: DepartureFilters, zone: ZoneInfo) -> Iterator[ExportRow]:
    """Yield the rows in the order of recording; only one chunk is held in memory."""
    last = 0
    while rows := db.session.execute(_chunk(filters, last)).all():
        last = rows[-1][0].id
        yield from _with_lists(rows, zone)


def _chunk(filters: DepartureFilters, after: int) -> RowSelect:
    is_survey = Invitation.kind == InvitationKind.survey
    is_sent = Response.submitted_at.is_not(None)
    return (
        select(
            Departure,
            Client,
            Contact,
            TeamMember.email,
            Invitation.created_at,
            Response,
            Recovery,
            _apologiser.email,
            Testimonial,
            Return,
        )
        .join(Client, Client.id == Departure.client_id)
        .join(Contact, Contact.id == Departure.contact_id)
        .outerjoin(TeamMember, TeamMember.id == Departure.responsible_id)
        .outerjoin(Invitation, and_(Invitation.departure_id == Departure.id, is_survey))
        .outerjoin(Response, and_(Response.departure_id == Departure.id, is_sent))
        .outerjoin(Recovery, Recovery.departure_id == Departure.id)
        .outerjoin(_apologiser, _apologiser.id == Recovery.apologised_by_id)
        .outerjoin(Testimonial, Testimonial.departure_id == Departure.id)
        .outerjoin(Return, Return.departure_id == Departure.id)
        .where(Departure.id > after, *filters.conditions)
        .order_by(Departure.id)
        .limit(CHUNK)
        .options(lazyload("*"))
    )


def _with_lists(rows: Sequence[Row[*tuple[Any, ...]]], zone: ZoneInfo) -> Iterator[ExportRow]:
    """Yield a chunk's rows with their reasons and custom answers, read in three statements."""
    between = rows[0][0].id, rows[-1][0].id
    answers = Response.departure_id.between(*between)
    guessed = _grouped(
        select(DepartureReason.departure_id, DepartureReason.reason).where(
            DepartureReason.departure_id.between(*between)
        )
    )
    said = _grouped(
        select(Response.departure_id, ResponseReason.reason)
        .join(ResponseReason, ResponseReason.response_id == Response.id)
        .where(answers)
    )
    custom = _grouped(
        select(Response.departure_id, Answer.question_id, Answer.value)
        .join(Answer, Answer.response_id == Response.id)
        .where(answers)
    )
    for row in rows:
        departure, client, contact, email, invited_at, response, *followed = row
        recovery, apologised_by, testimonial, came_back = followed
        number = departure.id
        yield ExportRow(
            departure,
            client,
            contact,
            email,
            invited_at,
            response,
            recovery,
            apologised_by,
            testimonial,
            came_back,
            guessed=[reason for (reason,) in guessed[number]],
            said=[reason for (reason,) in said[number]] if response else [],
            custom=dict(custom[number]) if response else {},
            zone=zone,
        )


def _grouped(query: RowSelect) -> dict[int, list[tuple[Any, ...]]]:
    """Return the rows by their first column, without it."""
    found: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for number, *rest in db.session.execute(query):
        found[number].append(tuple(rest))
    return found
