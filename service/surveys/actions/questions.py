"""The provider's own questions: written, ordered, switched, deleted and put back. Answers stay."""

from collections.abc import Sequence

from sqlalchemy import func, select

from service.clock import now
from service.extensions import db
from service.models import Answer, Question, QuestionKind

Texts = dict[str, str]
Lists = dict[str, list[str]]


def in_order() -> Sequence[Question]:
    """Return the questions in the order of the page, those switched off too."""
    return _ordered(is_deleted=False)


def deleted() -> Sequence[Question]:
    """Return the questions that can be put back."""
    return _ordered(is_deleted=True)


def add(kind: QuestionKind, text: Texts, options: Lists) -> Question:
    """Add a question after the others, switched on."""
    last = db.session.scalar(select(func.max(Question.position))) or 0
    question = Question(kind=kind, text=text, options=options, position=last + 1)
    db.session.add(question)
    db.session.flush()
    return question


def change(question: Question, kind: QuestionKind, text: Texts, options: Lists) -> Question:
    """Change a question's words; returns the question that holds them from now on.

    Answers name entries of a list by their place. So once there are answers, another kind or
    another list is another question in the same place, and the old one keeps its answers.
    """
    if (question.kind, question.options) == (kind, options) or not is_answered(question):
        question.kind, question.text, question.options = kind, text, options
        db.session.flush()
        return question
    if kind is question.kind and _only_adds_languages(question.options, options):
        question.text, question.options = text, options
        db.session.flush()
        return question
    successor = Question(
        kind=kind, text=text, options=options, position=question.position, is_on=question.is_on
    )
    question.deleted_at = now()
    db.session.add(successor)
    db.session.flush()
    return successor


def is_answered(question: Question) -> bool:
    """Say whether anybody has answered the question."""
    found = select(Answer.question_id).where(Answer.question_id == question.id).limit(1)
    return db.session.scalar(found) is not None


def move(question: Question, places: int) -> None:
    """Move a question so many places down (or up, when negative); the ends are the ends."""
    questions = [one for one in in_order() if one is not question]
    before = sum((one.position, one.id) < (question.position, question.id) for one in questions)
    questions.insert(max(0, before + places), question)
    for position, one in enumerate(questions, 1):
        one.position = position
    db.session.flush()


def switch(question: Question, *, is_on: bool) -> None:
    """Ask it from now on, or do not."""
    question.is_on = is_on
    db.session.flush()


def delete(question: Question) -> None:
    """Take a question away; `put_back` undoes it."""
    question.deleted_at = now()
    db.session.flush()


def put_back(question: Question) -> None:
    """Undo the deletion: it stands where it stood."""
    question.deleted_at = None
    db.session.flush()


def _ordered(*, is_deleted: bool) -> Sequence[Question]:
    there = Question.deleted_at.is_not(None) if is_deleted else Question.deleted_at.is_(None)
    query = select(Question).where(there).order_by(Question.position, Question.id)
    return db.session.scalars(query).all()


def _only_adds_languages(before: Lists, after: Lists) -> bool:
    return all(after.get(language) == entries for language, entries in before.items())
