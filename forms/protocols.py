"""Protocols: add one, name it and set its rules, delete it; one step. Choices are passed in."""

from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, RadioField, SelectField, StringField, TextAreaField
from wtforms.validators import ValidationError

from forms.fields import CountField, HourField, LinesField
from forms.texts import at_most, tidied

MOST_SERVICES = 50


class NewForm(FlaskForm):
    """A new protocol: its name, and which one it begins as a copy of."""

    name = StringField(_l("Name"), [at_most(120)], filters=[tidied])
    copy_of = SelectField(_l("Begin with"))

    def validate_name(self, field: Any) -> None:
        """A protocol is chosen by its name."""
        if not field.data:
            raise ValidationError(gettext("Give it a name, such as “Website finished”."))


class RulesForm(FlaskForm):
    """The name and the rules of a protocol; `was` is a digest of them as the form was made."""

    name = StringField(_l("Name"), [at_most(120)], filters=[tidied])
    services = TextAreaField(_l("When one of these services ends"), filters=[tidied])
    reasons = LinesField(_l("When one of these is the reason"))
    was = HiddenField()

    needs_name = True  # False: a built-in one has a name already

    @property
    def lines(self) -> list[str]:
        """The services, each once, as typed."""
        typed = (" ".join(line.split()) for line in (self.services.data or "").splitlines())
        return list(dict.fromkeys(line for line in typed if line))

    def validate_name(self, field: Any) -> None:
        """A protocol is chosen by its name."""
        if self.needs_name and not field.data:
            raise ValidationError(gettext("Give it a name, such as “Website finished”."))

    def validate_services(self, _field: Any) -> None:
        """A few services, no longer than a departure's own."""
        if len(self.lines) > MOST_SERVICES:
            raise ValidationError(gettext("Write %(most)s at most.", most=MOST_SERVICES))
        if any(len(line) > 200 for line in self.lines):
            raise ValidationError(gettext("Shorten it to %(most)s characters.", most=200))


class StepForm(FlaskForm):
    """One step; `was` is the version edited. step_checks decides which values go together."""

    kind = SelectField(_l("Mail"))
    title = StringField(_l("Title for your team"), filters=[tidied])
    count = CountField(_l("How long after"), low=0, high=1830)
    unit = SelectField(_l("Counted in"))
    anchor = SelectField(_l("Counted from"))
    at = HourField(_l("Time of day"))
    weekdays = LinesField(_l("Days of the week it may go on"))
    only_if = LinesField(_l("It goes"))
    stale_after = CountField(_l("How many days late is too late"), low=1, high=365)
    was = HiddenField()

    def validate_count(self, field: Any) -> None:
        """A delay is a number, 0 too."""
        if field.data is None and not field.process_errors:
            raise ValidationError(gettext("Write a number, such as 3."))

    def validate_stale_after(self, field: Any) -> None:
        """Every step is too late some day."""
        if field.data is None and not field.process_errors:
            raise ValidationError(gettext("Write a number, such as 7."))

    def validate_at(self, field: Any) -> None:
        """A mail goes at a time of day."""
        if field.data is None and not field.process_errors:
            raise ValidationError(gettext("Write a time such as 10:00."))

    def complain(self, name: str, sentence: str) -> None:
        """Add an error to the field `name`, or above all fields when there is no such one."""
        if name in self:
            self[name].errors = [*self[name].errors, sentence]
        else:
            self.form_errors.append(sentence)


class DeleteForm(FlaskForm):
    """What becomes of the departures in a protocol that is deleted."""

    fate = RadioField(_l("The departures in it"), default="finish")
    to = SelectField(_l("Which one"))
