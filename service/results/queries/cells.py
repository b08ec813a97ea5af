"""The columns of the matrix: what each is called, and how its cell is read off a line."""

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
from service.results.queries.lines import Line

BETWEEN = " | "  # between several reasons in one cell, as an import reads them


@dataclass(frozen=True, slots=True)
class Column:
    """A name in the reader's language, and how to read its cell off a line."""

    name: str
    cell: Callable[[Line], Cell]


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
        Column(_("Client"), lambda line: line.client.name),
        Column(_("Contact"), lambda line: line.contact.name),
        Column(_("Email"), lambda line: line.contact.email),
        Column(_("Language"), lambda line: line.contact.language),
        Column(_("Phone"), lambda line: line.contact.phone),
        Column(_("Group"), lambda line: line.client.group),
        Column(_("Service"), lambda line: line.departure.service),
        Column(_("Started on"), lambda line: line.client.started_on),
        Column(_("Notice on"), lambda line: line.departure.notice_on),
        Column(_("End on"), lambda line: line.departure.end_on),
        Column(_("Stage"), lambda line: words.names[line.departure.stage]),
        Column(_("Reasons"), lambda line: words.reasons(line.guessed)),
        Column(_("Responsible"), lambda line: line.responsible),
        Column(_("Monthly value"), lambda line: line.departure.monthly_value),
        Column(_("Acquisition cost"), lambda line: line.departure.acquisition_cost),
        Column(_("Margin"), lambda line: line.departure.margin),
        Column(_("Keep in touch"), lambda line: words.yes_or_no(line.contact.keep_in_touch)),
        Column(_("Notes"), lambda line: line.departure.notes),
        Column(_("History"), lambda line: words.yes_or_no(line.departure.is_history)),
        Column(_("Sample data"), lambda line: words.yes_or_no(line.client.is_sample)),
    ]


def _of_the_answer(words: _Words) -> list[Column]:
    return [
        Column(_("Asked at"), lambda line: line.local(line.invited_at)),
        Column(_("Answered at"), lambda line: line.local(line.answered("submitted_at"))),
        Column(_("Score"), lambda line: line.answered("score")),
        Column(_("Satisfaction"), lambda line: line.answered("satisfaction")),
        Column(_("Handover"), lambda line: line.answered("handover")),
        Column(_("Reasons the client gave"), lambda line: words.reasons(line.said)),
        Column(_("Valued most"), lambda line: line.answered("valued_most")),
        Column(_("To improve"), lambda line: line.answered("to_improve")),
        Column(_("Comment"), lambda line: line.answered("comment")),
        Column(_("Likelihood to return"), lambda line: line.answered("return_likelihood")),
        Column(
            _("Wants to keep in touch"),
            lambda line: words.yes_or_no(line.answered("keep_in_touch")),
        ),
    ]


def _of_what_followed(words: _Words) -> list[Column]:
    return [
        Column(_("Recovery opened at"), lambda line: line.local(line.recovered("opened_at"))),
        Column(_("Recovery closed at"), lambda line: line.local(line.recovered("closed_at"))),
        Column(_("Resolved"), lambda line: words.yes_or_no(line.recovered("is_resolved"))),
        Column(_("What was done"), lambda line: line.recovered("note")),
        Column(_("Testimonial"), lambda line: words.state(line.testimonial)),
        Column(_("Quote"), lambda line: _quote(line.testimonial)),
        Column(_("Came back on"), lambda line: line.returned("returned_on")),
        Column(_("Came back for"), lambda line: line.returned("service")),
        Column(_("What brought them back"), lambda line: words.back(line.returned("reason"))),
        Column(_("Mail that led to it"), lambda line: words.mail(line.returned("mail_kind"))),
        Column(_("Note on the return"), lambda line: line.returned("note")),
    ]


def _own_column(question: Question, language: str) -> Column:
    options = question.options_in(language)

    def cell(line: Line) -> Cell:
        value = line.own.get(question.id)
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
