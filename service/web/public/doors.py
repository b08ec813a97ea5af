"""Door open: one button, "I'd like to talk"."""

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from forms.doors import DoorForm
from service.actions import doors
from service.extensions import csrf, db
from service.tokens import Purpose
from service.web.public import limits
from service.web.public.compression import compress
from service.web.public.preferences import contact_of

blueprint = Blueprint("door", __name__)
csrf.exempt(blueprint)
blueprint.after_request(compress)


@blueprint.get("/d/<token>")
def show(token: str) -> str:
    """Show the button, or after the press who will be in touch; changes nothing."""
    contact_of(token, Purpose.door)
    template = "thanks.html" if request.args.get("sent") else "show.html"
    return render_template(f"public/doors/{template}", form=DoorForm(), token=token)


@blueprint.post("/d/<token>")
@limits.sends
def ask_to_talk(token: str) -> Response | tuple[str, int]:
    """Tell the responsible."""
    contact = contact_of(token, Purpose.door)
    form = DoorForm(request.form)
    if not form.validate():
        return render_template("public/doors/show.html", form=form, token=token), 422
    doors.ask_to_talk(contact, form.message.data or "", form.how.data or "")
    db.session.commit()
    return redirect(url_for(".show", token=token, sent="yes"), 303)
