"""Keep who took data of persons out of the service: a row for each file."""

from collections.abc import Mapping
from datetime import timedelta

from service.extensions import db
from service.models import DataExport, ExportedData, TeamMember

KEPT = timedelta(days=2 * 365)  # they name members of the team


def record(
    what: ExportedData,
    kind: str,
    rows: int,
    by: TeamMember | None,
    filters: Mapping[str, str] | None = None,
) -> None:
    """Record an export of `rows` rows as a file of `kind`; without `by`, on the command line."""
    db.session.add(
        DataExport(
            what=what,
            format=kind,
            rows=rows,
            member_id=by and by.id,
            who=by.name if by else "",
            filters=dict(filters or {}),
        )
    )
    db.session.flush()
