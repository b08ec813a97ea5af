"""Pictures of a newsletter: uploaded, to be put into its text; deleted when none shows them."""

from flask import Blueprint, flash, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from forms.newsletters import ImageForm
from service.models import Role
from service.newsletters.actions import images as actions
from service.newsletters.views.newsletters import the_newsletter
from service.web.access import requires
from service.web.acts import do

blueprint = Blueprint("newsletter_images", __name__, url_prefix="/newsletters/<newsletter>/images")


@blueprint.post("")
@requires(Role.member)
def upload(newsletter: str) -> Response:
    """Keep a picture, and say how it is put into the text."""
    row, form = the_newsletter(newsletter), ImageForm()
    if not form.validate():
        problems = [problem for errors in form.errors.values() for problem in errors]
        flash(str(problems[0]), "warning")
        return _back(newsletter)
    file = form.file.data
    octets = file.stream.read(actions.MOST_OCTETS + 1)
    file.close()
    done = _("The picture is here. Copy its line into the text where it is to stand.")
    do(lambda: actions.add(row, octets, file.filename or "", form.words.data or ""), done)
    return _back(newsletter)


@blueprint.post("/<image>/delete")
@requires(Role.member)
def delete(newsletter: str, image: str) -> Response:
    """Delete a picture that no text shows."""
    row = the_newsletter(newsletter)
    do(lambda: actions.delete(row, image), _("Deleted."))
    return _back(newsletter)


def _back(newsletter: str) -> Response:
    language = request.args.get("language")
    there = url_for("newsletter_texts.show", newsletter=newsletter, language=language)
    return redirect(there + "#pictures", 303)
