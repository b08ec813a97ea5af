"""Testimonials: the contact's words, what may be shown of them, and where."""

from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text, and_
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column, relationship
from sqlalchemy.sql.elements import ColumnElement

from service.extensions import Model
from service.models.departures import Departure
from service.models.types import CreatedAt, Moment, PrimaryKey, PublicId, text_enum


class TestimonialState(StrEnum):
    """Nothing is public before the contact's consent and the provider's approval."""

    __test__ = False  # pytest: not a test class

    submitted = "submitted"
    approved = "approved"
    rejected = "rejected"
    withdrawn = "withdrawn"


class Testimonial(Model):
    """One contact's words about one collaboration.

    `quote` is the contact's; `edited_quote` is the provider's shorter version and counts only once
    the contact has confirmed it (`edit_confirmed_at`).
    """

    __tablename__ = "testimonials"
    __table_args__ = (Index("ix_testimonials_state_submitted_at", "state", "submitted_at"),)
    __test__ = False

    id: Mapped[PrimaryKey]
    public_id: Mapped[PublicId]
    departure_id: Mapped[int] = mapped_column(
        ForeignKey("departures.id", ondelete="CASCADE"), unique=True
    )
    state: Mapped[TestimonialState] = mapped_column(
        text_enum(TestimonialState, 20), default=TestimonialState.submitted
    )
    quote: Mapped[str] = mapped_column(Text)
    edited_quote: Mapped[str] = mapped_column(Text, default="")
    edit_sent_at: Mapped[Moment | None]
    edit_confirmed_at: Mapped[Moment | None]
    display_name: Mapped[str] = mapped_column(String(200), default="")
    display_role: Mapped[str] = mapped_column(String(200), default="")
    display_company: Mapped[str] = mapped_column(String(200), default="")
    publish_website: Mapped[bool] = mapped_column(default=False)
    publish_brochure: Mapped[bool] = mapped_column(default=False)
    publish_social: Mapped[bool] = mapped_column(default=False)
    language: Mapped[str] = mapped_column(String(5))
    submitted_at: Mapped[CreatedAt]
    changed_at: Mapped[Moment | None]
    approved_at: Mapped[Moment | None]
    approved_by_id: Mapped[int | None] = mapped_column(
        ForeignKey("providers.id", ondelete="SET NULL")
    )
    withdrawn_at: Mapped[Moment | None]
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012

    departure: Mapped[Departure] = relationship()

    @hybrid_property
    def is_published(self) -> bool:
        """Whether the website may show it: approved here, allowed there, and not taken back."""
        return self.state is TestimonialState.approved and self.publish_website

    @is_published.inplace.expression
    @classmethod
    def _is_published(cls) -> ColumnElement[bool]:
        return and_(cls.state == TestimonialState.approved, cls.publish_website)

    @property
    def shown_quote(self) -> str:
        """The words to show: the shorter version only after the contact confirmed it."""
        return self.edited_quote if self.edited_quote and self.edit_confirmed_at else self.quote

    @property
    def signature(self) -> str:
        """Name, role and company as the contact wants them shown; empty when none is."""
        return ", ".join(filter(None, (self.display_name, self.display_role, self.display_company)))

    @property
    def is_withdrawn(self) -> bool:
        """Whether the contact has withdrawn it."""
        return self.state is TestimonialState.withdrawn

    @property
    def awaits_decision(self) -> bool:
        """Whether the team has neither approved nor rejected it yet."""
        return self.state is TestimonialState.submitted

    @property
    def awaits_confirmation(self) -> bool:
        """Whether the contact has a shorter version to confirm or to refuse."""
        return bool(self.edited_quote) and self.edit_confirmed_at is None
