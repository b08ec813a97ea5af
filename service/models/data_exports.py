"""Files with data of persons that were taken out of the service."""

from enum import StrEnum

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from service.extensions import Model
from service.models.types import CreatedAt, PrimaryKey, text_enum


class ExportedData(StrEnum):
    """What was taken out."""

    departures = "departures"  # with contacts, their addresses and answers
    suppressions = "suppressions"


class DataExport(Model):
    """One export: who made it, of what, how much. Its filters and itself name no client."""

    __tablename__ = "data_exports"

    id: Mapped[PrimaryKey]
    at: Mapped[CreatedAt] = mapped_column(index=True)
    member_id: Mapped[int | None] = mapped_column(ForeignKey("providers.id", ondelete="SET NULL"))
    who: Mapped[str] = mapped_column(String(200))  # their name then; empty on the command line
    what: Mapped[ExportedData] = mapped_column(text_enum(ExportedData, 20))
    format: Mapped[str] = mapped_column(String(8))
    rows: Mapped[int]
    filters: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
