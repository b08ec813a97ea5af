"""The company's logo, public."""

from flask import Blueprint, Response, abort, request

from service.current import company

blueprint = Blueprint("logos", __name__)

A_MINUTE = "public, max-age=60"
FOR_GOOD = "public, max-age=31536000, immutable"


@blueprint.get("/logo", defaults={"version": None})
@blueprint.get("/logo/<version>")
def show(version: str | None) -> Response:
    """Return the picture; an address with its version may be kept for good."""
    owner = company()
    if owner.logo is None or owner.logo_type is None or owner.logo_version is None:
        abort(404)
    response = Response(owner.logo, mimetype=owner.logo_type)
    response.set_etag(owner.logo_version)
    response.headers["Cache-Control"] = FOR_GOOD if version == owner.logo_version else A_MINUTE
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Content-Disposition"] = "inline"
    response.make_conditional(request)
    return response
