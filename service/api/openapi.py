"""The description of the API as OpenAPI 3.1, readable without a token."""

from pathlib import Path

from flask import Response

from service.api import access

blueprint = access.api_blueprint("openapi", __name__)

DESCRIPTION = Path(__file__).with_suffix(".json").read_text(encoding="utf-8")


@blueprint.get("/openapi.json")
def show() -> Response:
    """Return the description."""
    return Response(DESCRIPTION, mimetype="application/json")
