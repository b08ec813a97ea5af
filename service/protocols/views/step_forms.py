"""Between the form of a step and the step: choices, values, and a name for a new one."""

from datetime import time
from typing import Any

from forms.protocols import StepForm
from service.labels import label
from service.models import MailKind, Protocol
from service.models.steps import EVERY_DAY, NATURES, Anchor, Condition, Step, Unit
from service.protocols.rules.step_names import step_name
from service.protocols.rules.step_words import ANCHORS, CONDITIONS, UNITS, WEEKDAYS
from service.tokens import new_public_id

LONGEST_NAME = 60
OF_A_STEP = "step:"  # before the name of the step that is counted from


def of_new(protocol: Protocol) -> StepForm:
    """Return the form for a step to add: a word a week after the end, at ten."""
    first = {
        "kind": MailKind.own_text.value,
        "count": 7,
        "unit": Unit.days.value,
        "anchor": Anchor.end.value,
        "at": time(10),
        "weekdays": [str(day) for day in sorted(EVERY_DAY)],
        "stale_after": 7,
        "was": str(protocol.number),
    }
    form = StepForm(data=first)
    _prepare(form, protocol, "")
    there = {step.kind for step in protocol.steps if step.nature.is_once}
    form.kind.choices = [(kind.value, label(kind)) for kind in NATURES if kind not in there]
    return form


def of(protocol: Protocol, name: str, step: Step | None) -> StepForm:
    """Return the form for the step `name`; its kind is in its name and stays."""
    form = StepForm(data=_values(step) | {"was": str(protocol.number)})
    _prepare(form, protocol, name)
    kind = MailKind(name.partition("-")[0])
    form.kind.choices = [(kind.value, label(kind))]
    form.kind.data = kind.value
    return form


def step_from(form: StepForm, name: str) -> Step:
    """Return the step that a valid form describes."""
    anchor = form.anchor.data
    is_after = anchor.startswith(OF_A_STEP)
    kind = MailKind(form.kind.data)
    return Step(
        name=name,
        kind=kind,
        anchor=Anchor.step if is_after else Anchor(anchor),
        count=form.count.data or 0,
        unit=Unit(form.unit.data),
        at=form.at.data,  # type: ignore[arg-type]  # the form asks for it
        stale_after=form.stale_after.data or 0,
        after=anchor.removeprefix(OF_A_STEP) if is_after else "",
        weekdays=frozenset(int(day) for day in form.weekdays.data or []),
        only_if=_chosen(form, kind),
        title="" if NATURES[kind].is_once else form.title.data or "",
    )


def new_name(kind: MailKind) -> str:
    """Return the name of a new step: once and for all, in whatever protocol it stands."""
    return kind.value if NATURES[kind].is_once else f"{kind.value}-{new_public_id()[:12]}"


def _chosen(form: StepForm, kind: MailKind) -> tuple[Condition, ...]:
    chosen = set(form.only_if.data or []) - set(NATURES[kind].needs)
    return tuple(condition for condition in Condition if condition in chosen)


def _values(step: Step | None) -> dict[str, Any]:
    if step is None:
        return {}
    after = OF_A_STEP + step.after
    return {
        "title": step.title,
        "count": step.count,
        "unit": step.unit.value,
        "anchor": after if step.anchor is Anchor.step else step.anchor.value,
        "at": step.at,
        "weekdays": [str(day) for day in sorted(step.weekdays)],
        "only_if": [condition.value for condition in step.conditions],
        "stale_after": step.stale_after,
    }


def _prepare(form: StepForm, protocol: Protocol, name: str) -> None:
    days = [(anchor.value, str(words)) for anchor, words in ANCHORS.items()]
    mails = [
        (OF_A_STEP + step.name, f"“{step_name(step)}”")
        for step in protocol.steps
        if step.name != name
    ]
    form.anchor.choices = [one for one in days if one[0] != Anchor.step.value] + mails
    form.unit.choices = [(unit.value, str(words)) for unit, words in UNITS.items()]
    form.weekdays.choices = [(str(day), str(words)) for day, words in enumerate(WEEKDAYS)]
    form.only_if.choices = [(one.value, str(words)) for one, words in CONDITIONS.items()]
