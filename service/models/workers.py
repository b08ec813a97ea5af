"""The starts of workers, kept for a while: whether a worker comes up is told by its last ones."""

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from service.extensions import Model
from service.models.types import CreatedAt, Moment, PrimaryKey


class WorkerStart(Model):
    """One start of a worker process: begun, and then either ready for jobs or failed.

    One that is neither was killed, or is just starting.
    """

    __tablename__ = "worker_starts"
    __table_args__ = (Index("ix_worker_starts_began_at", "began_at"),)

    id: Mapped[PrimaryKey]
    host: Mapped[str] = mapped_column(String(60))  # the machine's name
    began_at: Mapped[CreatedAt]
    ready_at: Mapped[Moment | None]
    error: Mapped[str] = mapped_column(Text, default="")  # why it failed, in one line
