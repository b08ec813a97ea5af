"""The description of the API for programs that write programs: OpenAPI 3.1, readable by anybody."""

from pathlib import Path

from flask import Response

from service.api import access

blueprint = access.room("openapi", __name__)

DESCRIPTION = Path(__file__).with_suffix(".json").read_text(encoding="utf-8")


@blueprint.get("/openapi.json")
def show() -> Response:
    """Send it."""
    return Response(DESCRIPTION, mimetype="application/json")
