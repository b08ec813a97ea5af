"""The columns of the export: what each is called, and how its cell is read from a row."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _

from service.exports.tables import Cell
from service.labels import label, reason_of_return
from service.models import (
    MailKind,
    Question,
    QuestionKind,
    Reason,
    ReturnReason,
    Stage,
    Testimonial,
    TestimonialState,
)
from service.results.queries.export_rows import ExportRow

BETWEEN = " | "  # between several reasons in one cell, as an import reads them


@dataclass(frozen=True, slots=True)
class Column:
    """A name in the reader's language, and how to read its cell from a row."""

    name: str
    cell: Callable[[ExportRow], Cell]


class _Words:
    """The words that come in many cells, looked up once."""

    def __init__(self) -> None:
        self.names = {member: label(member) for member in (*Reason, *Stage)}
        self.mails = {kind: label(kind) for kind in MailKind}
        self.back_by = {reason: reason_of_return(reason) for reason in ReturnReason}
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

    def mail(self, kind: MailKind | None) -> str | None:
        return self.mails[kind] if kind else None

    def yes_or_no(self, value: Any) -> str | None:
        if value is None:
            return None
        return self.yes if value else self.no

    def state(self, testimonial: Testimonial | None) -> str | None:
        return self.states[testimonial.state] if testimonial else None


def columns(questions: list[Question], language: str) -> list[Column]:
    """Return the columns in order, those of the provider's own questions last.

    Those that an import knows carry the names it knows, so that an export can be read back.
    """
    words = _Words()
    own = [_own_column(question, language) for question in questions]
    return [*_of_the_departure(words), *_of_the_answer(words), *_of_what_followed(words), *own]


def _of_the_departure(words: _Words) -> list[Column]:
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
        Column(_("Stage"), lambda row: words.names[row.departure.stage]),
        Column(_("Reasons"), lambda row: words.reasons(row.guessed)),
        Column(_("Responsible"), lambda row: row.responsible),
        Column(_("Monthly value"), lambda row: row.departure.monthly_value),
        Column(_("Acquisition cost"), lambda row: row.departure.acquisition_cost),
        Column(_("Margin"), lambda row: row.departure.margin),
        Column(_("Keep in touch"), lambda row: words.yes_or_no(row.contact.keep_in_touch)),
        Column(_("Notes"), lambda row: row.departure.notes),
        Column(_("History"), lambda row: words.yes_or_no(row.departure.is_history)),
        Column(_("Sample data"), lambda row: words.yes_or_no(row.client.is_sample)),
    ]


def _of_the_answer(words: _Words) -> list[Column]:
    return [
        Column(_("Asked at"), lambda row: row.local(row.invited_at)),
        Column(_("Answered at"), lambda row: row.local(row.answered("submitted_at"))),
        Column(_("Score"), lambda row: row.answered("score")),
        Column(_("Satisfaction"), lambda row: row.answered("satisfaction")),
        Column(_("Handover"), lambda row: row.answered("handover")),
        Column(_("Reasons the client gave"), lambda row: words.reasons(row.said)),
        Column(_("Valued most"), lambda row: row.answered("valued_most")),
        Column(_("To improve"), lambda row: row.answered("to_improve")),
        Column(_("Comment"), lambda row: row.answered("comment")),
        Column(_("Likelihood to return"), lambda row: row.answered("return_likelihood")),
        Column(
            _("Wants to keep in touch"),
            lambda row: words.yes_or_no(row.answered("keep_in_touch")),
        ),
    ]


def _of_what_followed(words: _Words) -> list[Column]:
    return [
        Column(_("Recovery opened at"), lambda row: row.local(row.recovered("opened_at"))),
        Column(_("Recovery closed at"), lambda row: row.local(row.recovered("closed_at"))),
        Column(_("Resolved"), lambda row: words.yes_or_no(row.recovered("is_resolved"))),
        Column(_("What was done"), lambda row: row.recovered("note")),
        Column(_("Testimonial"), lambda row: words.state(row.testimonial)),
        Column(_("Quote"), lambda row: _quote(row.testimonial)),
        Column(_("Came back on"), lambda row: row.returned("returned_on")),
        Column(_("Came back for"), lambda row: row.returned("service")),
        Column(_("What brought them back"), lambda row: words.back(row.returned("reason"))),
        Column(_("Mail that led to it"), lambda row: words.mail(row.returned("mail_kind"))),
        Column(_("Note on the return"), lambda row: row.returned("note")),
    ]


def _own_column(question: Question, language: str) -> Column:
    options = question.options_in(language)

    def cell(row: ExportRow) -> Cell:
        value = row.own.get(question.id)
        if question.kind in (QuestionKind.one, QuestionKind.many):
            places = value if isinstance(value, list) else []
            return BETWEEN.join(options[place] for place in places if place < len(options))
        return value if isinstance(value, str | int) else None

    return Column(question.text_in(language), cell)


def _quote(testimonial: Testimonial | None) -> str | None:
    """Return the words, unless the contact took them back: then they leave every export."""
    if testimonial is None or testimonial.state is TestimonialState.withdrawn:
        return None
    return testimonial.shown_quote
