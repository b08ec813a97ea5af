"""Protocols: named sequences of steps, and every version that each has had."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.extensions import Model
from service.models.clients import name_key
from service.models.departures import Reason
from service.models.steps import Step, StepsColumn
from service.models.team import TeamMember
from service.models.types import CreatedAt, Moment, PrimaryKey, PublicId, UtcDateTime


class Protocol(Model):
    """A sequence of steps as it is now. Its departures follow it from version to version.

    The one with the rules that fit a departure first (by `position`) is chosen when it is
    recorded, else the default. A deleted one is kept for the departures that are still in it.
    """

    __tablename__ = "protocols"

    id: Mapped[PrimaryKey]
    public_id: Mapped[PublicId]
    name: Mapped[str] = mapped_column(String(120), default="")  # empty: the built-in one's own
    built_in: Mapped[str | None] = mapped_column(String(40), unique=True)  # built_ins.BUILT_INS
    is_default: Mapped[bool] = mapped_column(default=False)
    position: Mapped[int] = mapped_column(default=0)
    services: Mapped[str] = mapped_column(Text, default="")  # rule: any of these, a line each
    reasons: Mapped[str] = mapped_column(Text, default="")  # rule: any of these codes, a line each
    steps: Mapped[tuple[Step, ...]] = mapped_column(StepsColumn)
    number: Mapped[int] = mapped_column(default=1)  # of the version that this is
    created_at: Mapped[CreatedAt]
    deleted_at: Mapped[Moment | None]

    __mapper_args__ = {"version_id_col": number, "version_id_generator": False}  # noqa: RUF012

    def fits(self, service: str, reasons: Collection[Reason]) -> bool:
        """Say whether its rules choose a departure: each kind of rule that it has must hold."""
        services, codes = self.services.splitlines(), self.reasons.splitlines()
        of_service = name_key(service) in map(name_key, services)
        of_reason = any(reason.value in codes for reason in reasons)
        has_rules = bool(services or codes)
        return has_rules and (of_service or not services) and (of_reason or not codes)


def fitting(
    protocols: Sequence[Protocol], service: str, reasons: Collection[Reason]
) -> Protocol | None:
    """Return the first whose rules fit, else the default; None means the built-in default."""
    default = next((protocol for protocol in protocols if protocol.is_default), None)
    return next((row for row in protocols if row.fits(service, reasons)), default)


class ProtocolVersion(Model):
    """What a protocol's steps were from `created_at` on; append-only, the newest is the present."""

    __tablename__ = "protocol_versions"
    __table_args__ = (UniqueConstraint("protocol_id", "number"),)

    id: Mapped[PrimaryKey]
    protocol_id: Mapped[int] = mapped_column(ForeignKey("protocols.id", ondelete="CASCADE"))
    number: Mapped[int]
    steps: Mapped[tuple[Step, ...]] = mapped_column(StepsColumn)
    provider_id: Mapped[int | None] = mapped_column(ForeignKey("providers.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)

    member: Mapped[TeamMember | None] = relationship()
