"""The page behind the link of the keep-in-touch mails: one button, "I'd like to talk"."""

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from forms.talk_requests import TalkRequestForm
from service.consent.public import contact_of
from service.departures.actions import talk_requests
from service.departures.actions.talk_requests import TalkDetails
from service.extensions import csrf, db
from service.labels import channel_name, day_part_name
from service.models import Channel, DayPart
from service.tokens import Purpose
from service.web import limits
from service.web.compression import compress

blueprint = Blueprint("talk", __name__)
csrf.exempt(blueprint)
blueprint.after_request(compress)


@blueprint.get("/d/<token>")
def show(token: str) -> str:
    """Show the button, or after the press who will be in touch; changes nothing."""
    contact_of(token, Purpose.talk)
    sent = request.args.get("sent")
    if sent:
        return render_template("public/departures/thanks.html", is_again=sent == "again")
    return render_template("public/departures/show.html", form=_form(), token=token)


@blueprint.post("/d/<token>")
@limits.sends
def ask_to_talk(token: str) -> Response | tuple[str, int]:
    """Record the wish and alert the responsible; ?m=… names the mail it came from (links.mark)."""
    contact = contact_of(token, Purpose.talk)
    form = _form()
    if not form.validate():
        return render_template("public/departures/show.html", form=form, token=token), 422
    was_known = talk_requests.ask_to_talk(contact, _details(form))
    db.session.commit()
    return redirect(url_for(".show", token=token, sent="again" if was_known else "yes"), 303)


def _form() -> TalkRequestForm:
    form = TalkRequestForm(request.form)
    form.channel.choices = [(channel.value, channel_name(channel)) for channel in Channel]
    form.day_part.choices = [(part.value, day_part_name(part)) for part in DayPart]
    return form


def _details(form: TalkRequestForm) -> TalkDetails:
    return TalkDetails(
        message=form.message.data or "",
        channel=Channel(form.channel.data) if form.channel.data else None,
        phone=form.phone.data or "",
        day_part=DayPart(form.day_part.data) if form.day_part.data else None,
        suits=form.suits.data or "",
        mark=request.args.get("m", "")[:40],
    )
