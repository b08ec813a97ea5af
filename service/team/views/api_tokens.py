"""Tokens for other programs: who has one, a new one shown once, revoking."""

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from forms.team import TokenForm
from service.current import settings
from service.errors import Refused
from service.extensions import db
from service.models import ApiScope, Role
from service.team import queries
from service.team.actions import api_tokens as actions
from service.web.access import current_member, requires

blueprint = Blueprint("api_tokens", __name__, url_prefix="/api-tokens")

Page = str | tuple[str, int] | Response


@blueprint.get("")
@requires(Role.owner)
def index() -> str:
    """Show the tokens, those that work first."""
    return _page()


@blueprint.get("/new")
@requires(Role.owner)
def new() -> str:
    """Ask which program it is for."""
    return render_template("provider/team/api_tokens/new.html", form=TokenForm())


@blueprint.post("/new")
@requires(Role.owner)
def create() -> Page:
    """Make a token and show it, on this answer alone: it is in no session and no database."""
    form = TokenForm()
    if form.validate():
        try:
            token, secret = actions.create(form.name.data or "", list(ApiScope), current_member())
        except Refused as refusal:
            form.name.errors = [str(refusal)]
        else:
            db.session.commit()
            return _page(fresh=token.name, secret=secret), 201
    return render_template("provider/team/api_tokens/new.html", form=form), 422


@blueprint.post("/<public_id>/revoke")
@requires(Role.owner)
def revoke(public_id: str) -> Response:
    """Make a token worth nothing."""
    token = queries.find_api_token(public_id) or abort(404)
    actions.revoke(token, current_member())
    db.session.commit()
    flash(_("The token of %(name)s opens nothing any more.", name=token.name), "success")
    return redirect(url_for(".index"), 303)


def _page(fresh: str = "", secret: str = "") -> str:
    return render_template(
        "provider/team/api_tokens/index.html",
        tokens=queries.api_tokens(),
        address=f"{settings().base_url}/api/v1",
        fresh=fresh,
        secret=secret,
    )
