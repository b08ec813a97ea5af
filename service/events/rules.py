"""The sentences for the events of a timeline. Reads nothing."""

from datetime import datetime
from typing import Any

from flask_babel import format_datetime
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from service.labels import channel_name, label, reason_of_return
from service.models import ActKind, Channel, Event, EventKind, MailKind, ReturnReason, Stage

# Field names in "changed" events, as forms call them.
FIELDS = {
    "service": lambda: _("service"),
    "notice_on": lambda: _("day of notice"),
    "end_on": lambda: _("end date"),
    "responsible_id": lambda: _("responsible"),
    "contact_id": lambda: _("contact"),
    "reasons": lambda: _("reasons"),
    "monthly_value": lambda: _("monthly fee"),
    "acquisition_cost": lambda: _("acquisition cost"),
    "margin": lambda: _("margin"),
    "notes": lambda: _("notes"),
}
# Kinds whose detail is what a person wrote.
WORDS_OF_PEOPLE = {
    EventKind.note,
    EventKind.wants_to_talk,
    EventKind.talk_held,
    EventKind.talk_declined,
    EventKind.recovery_closed,
    EventKind.replied,
    EventKind.auto_replied,
}
ABOUT_TALKS = {
    EventKind.wants_to_talk,
    EventKind.talk_planned,
    EventKind.talk_held,
    EventKind.talk_declined,
    EventKind.talk_reopened,
    EventKind.came_back,
}
ABOUT_MAILS = {
    EventKind.step_sent_now,
    EventKind.step_skipped,
    EventKind.step_put_back,
    EventKind.protocol_changed,
    EventKind.protocol_paused,
    EventKind.mail_resolved,
    EventKind.mail_bounced,
    EventKind.complained,
}
# Those that have one sentence, whoever it was and whatever it was about.
SENTENCES = {
    EventKind.recorded: _l("Recorded"),
    EventKind.protocol_stopped: _l("Farewell mails stopped"),
    EventKind.protocol_resumed: _l("Farewell mails go on"),
    EventKind.preferences_changed: _l("Changed their mail preferences"),
    EventKind.unsubscribed: _l("Unsubscribed"),
    EventKind.answer_saved: _l("Began to answer the survey"),
    EventKind.answer_sent: _l("Answered the survey"),
    EventKind.answer_changed: _l("Changed their answer"),
    EventKind.recovery_opened: _l("Something went wrong: put it right"),
    EventKind.recovery_closed: _l("What went wrong is closed"),
    EventKind.apology_removed: _l("The apology that was noted has not been made"),
    EventKind.testimonial_submitted: _l("Wrote a testimonial"),
    EventKind.testimonial_edited: _l("Testimonial shortened, waits for their yes"),
    EventKind.testimonial_confirmed: _l("Agreed to the shortened testimonial"),
    EventKind.testimonial_approved: _l("Testimonial approved"),
    EventKind.testimonial_rejected: _l("Testimonial not published"),
    EventKind.testimonial_withdrawn: _l("Took their testimonial back"),
    EventKind.replied: _l("Replied"),
    EventKind.auto_replied: _l("Automatic answer"),
    EventKind.note: _l("Note"),
}
UNDONE: dict[str, Any] = {
    ActKind.recorded: _l("Taken back: the recording"),
    ActKind.imported: _l("Taken back: what an import changed"),
    ActKind.moved: _l("Taken back: the change of stage"),
    ActKind.put_on: _l("Taken back: the change of protocol"),
    ActKind.resumed: _l("Taken back: letting the farewell mails go on"),
}


def sentence(event: Event) -> str:
    """Return what happened, in the language of the page."""
    if event.kind is EventKind.changed:
        fields = [FIELDS[name]() for name in event.detail.split(",") if name in FIELDS]
        return str(_("Changed: %(fields)s", fields=", ".join(fields)))
    if event.kind is EventKind.stage_changed:
        _was, _sep, to = event.detail.partition(">")
        return str(_("Now: %(stage)s", stage=label(Stage(to)) if to in list(Stage) else to))
    if event.kind is EventKind.apologised:
        way = event.detail
        made = channel_name(Channel(way)) if way in list(Channel) else way
        return str(_("Apology made: %(way)s", way=made))
    if event.kind is EventKind.undone:
        return str(UNDONE.get(event.detail, _("Taken back")))
    if event.kind in ABOUT_TALKS:
        return _of_talks(event)
    if event.kind in ABOUT_MAILS:
        return _of_mails(event)
    return str(SENTENCES[event.kind]) if event.kind in SENTENCES else event.kind.value


def _of_mails(event: Event) -> str:
    """Return what happened to one mail, or to all that the departure still gets."""
    mail = _mail_named(event.detail)
    sentences: dict[EventKind, str] = {
        EventKind.step_sent_now: _("Sent by hand: %(mail)s", mail=mail),
        EventKind.step_skipped: _("Skipped by hand: %(mail)s", mail=mail),
        EventKind.step_put_back: _("Put back: %(mail)s", mail=mail),
        EventKind.protocol_changed: _("Put on another protocol: %(name)s", name=event.detail),
        EventKind.protocol_paused: _paused(event),
        EventKind.mail_resolved: _("Mail looked after by hand: %(mail)s", mail=mail),
        EventKind.mail_bounced: _("Came back: %(mail)s", mail=mail),
        EventKind.complained: _("Marked as spam: %(mail)s", mail=mail),
    }
    return str(sentences[event.kind])


def _paused(event: Event) -> str:
    """Return why the mails are paused: by a member, or by the client's reply."""
    by_hand, by_reply = _("Farewell mails paused"), _("Farewell mails wait until you have read it")
    return str(by_hand if event.provider_id else by_reply)


def _mail_named(detail: str) -> str:
    """Return what the mail of a step, or of a kind, is called."""
    kind = detail.partition("-")[0]
    return label(MailKind(kind)) if kind in list(MailKind) else detail


def _of_talks(event: Event) -> str:
    """Return what happened to a talk request, or what it led to."""
    sentences: dict[EventKind, str] = {
        EventKind.wants_to_talk: _("Would like to talk"),
        EventKind.talk_planned: _("Talk planned: %(moment)s", moment=_moment(event.detail)),
        EventKind.talk_held: _("You have talked"),
        EventKind.talk_declined: _("There will be no talk"),
        EventKind.talk_reopened: _("The wish to talk waits again"),
        EventKind.came_back: _("What brought them back: %(reason)s", reason=_why(event.detail)),
    }
    return str(sentences[event.kind])


def _moment(detail: str) -> str:
    """Return the moment as the company's clock shows it."""
    try:
        moment = datetime.fromisoformat(detail)
    except ValueError:
        return ""
    return str(format_datetime(moment, _("EEEE, d MMMM, HH:mm")))


def _why(detail: str) -> str:
    known = detail in list(ReturnReason)
    return reason_of_return(ReturnReason(detail)) if known else ""
