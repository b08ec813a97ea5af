"""Write, order, switch, delete and restore the custom questions. Their answers always stay."""

from sqlalchemy import func, select

from service.clock import now
from service.extensions import db
from service.models import Question, QuestionKind
from service.surveys import queries

TextByLanguage = dict[str, str]
OptionsByLanguage = dict[str, list[str]]


def add(kind: QuestionKind, text: TextByLanguage, options: OptionsByLanguage) -> Question:
    """Add a question after the others, switched on."""
    last = db.session.scalar(select(func.max(Question.position))) or 0
    question = Question(kind=kind, text=text, options=options, position=last + 1)
    db.session.add(question)
    db.session.flush()
    return question


def change(
    question: Question, kind: QuestionKind, text: TextByLanguage, options: OptionsByLanguage
) -> Question:
    """Change a question and return the one that holds the new text.

    An answer names the options chosen by their index. So a question that has answers, when its kind
    or its options change, is deleted and replaced by another one, and keeps its answers.
    """
    is_same_list = kind is question.kind and all(
        options.get(language) == entries for language, entries in question.options.items()
    )
    if is_same_list or not queries.is_answered(question):
        question.kind, question.text, question.options = kind, text, options
        db.session.flush()
        return question
    successor = Question(
        kind=kind, text=text, options=options, position=question.position, is_on=question.is_on
    )
    question.deleted_at = now()
    db.session.add(successor)
    db.session.flush()
    return successor


def move(question: Question, places: int) -> None:
    """Move a question down by `places`, or up when negative, at most to the end of the list."""
    questions = [one for one in queries.questions() if one is not question]
    before = sum((one.position, one.id) < (question.position, question.id) for one in questions)
    questions.insert(max(0, before + places), question)
    for position, one in enumerate(questions, 1):
        one.position = position
    db.session.flush()


def switch(question: Question, *, is_on: bool) -> None:
    """Switch a question on or off."""
    question.is_on = is_on
    db.session.flush()


def delete(question: Question) -> None:
    """Delete a question; `put_back` undoes it."""
    question.deleted_at = now()
    db.session.flush()


def put_back(question: Question) -> None:
    """Undo a deletion: the question returns to its place."""
    question.deleted_at = None
    db.session.flush()
