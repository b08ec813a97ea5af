"""Clients (companies) and their contacts (the people there who get mail)."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

from sqlalchemy import ForeignKey, Index, Numeric, String, Text, UniqueConstraint
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.orm import Mapped, mapped_column, relationship, validates

from service.extensions import Model
from service.models.team import TeamMember
from service.models.types import CreatedAt, Moment, PrimaryKey, PublicId, text_enum
from service.yearly import key_of


def name_key(name: str) -> str:
    """Return what two spellings of one name share: case and runs of space do not count."""
    return " ".join(name.split()).casefold()


class Basis(StrEnum):
    """Why we may write to a contact (GDPR, art. 6.1)."""

    contract = "contract"  # handling the departure itself
    legitimate_interest = "legitimate_interest"  # former client, similar services
    consent = "consent"


def _day_of_start(context: DefaultExecutionContext) -> str | None:
    """Return the day of the year for rows that are inserted without the class, as imports do."""
    start = context.get_current_parameters().get("started_on")  # type: ignore[no-untyped-call]
    return key_of(start) if start else None


class Client(Model):
    """A company that is or was a client."""

    __tablename__ = "clients"
    __table_args__ = (Index("ix_clients_name_key", "name_key", unique=True),)

    id: Mapped[PrimaryKey]
    public_id: Mapped[PublicId]
    name: Mapped[str] = mapped_column(String(200))
    name_key: Mapped[str] = mapped_column(String(400))  # models.clients.name_key(name)
    group: Mapped[str] = mapped_column("client_group", String(200), default="", index=True)
    service: Mapped[str] = mapped_column(String(200), default="", index=True)
    started_on: Mapped[date | None]
    started_day: Mapped[str | None] = mapped_column(  # its "MM-DD", to find anniversaries by
        String(5), index=True, default=_day_of_start
    )
    monthly_value: Mapped[Decimal | None] = mapped_column(Numeric(12, 2))
    acquisition_cost: Mapped[Decimal | None] = mapped_column(Numeric(12, 2))
    margin: Mapped[Decimal | None] = mapped_column(Numeric(5, 2))  # percent
    responsible_id: Mapped[int | None] = mapped_column(
        ForeignKey("providers.id", ondelete="SET NULL"), index=True
    )
    notes: Mapped[str] = mapped_column(Text, default="")
    is_sample: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[CreatedAt]

    contacts: Mapped[list["Contact"]] = relationship(
        back_populates="client", order_by="Contact.id", cascade="all, delete-orphan"
    )

    @validates("started_on")
    def _keep_day(self, _name: str, start: date | None) -> date | None:
        self.started_day = key_of(start) if start else None
        return start


class Contact(Model):
    """The person at a client who gets mail. The three purposes can be switched one by one."""

    __tablename__ = "contacts"
    __table_args__ = (UniqueConstraint("client_id", "email_key"),)

    id: Mapped[PrimaryKey]
    public_id: Mapped[PublicId]
    client_id: Mapped[int] = mapped_column(ForeignKey("clients.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(200))
    email: Mapped[str] = mapped_column(String(254))
    email_key: Mapped[str] = mapped_column(String(254), index=True)  # email.casefold()
    language: Mapped[str] = mapped_column(String(5))
    phone: Mapped[str] = mapped_column(String(60), default="")
    birthday: Mapped[str | None] = mapped_column(String(5), index=True)  # "MM-DD"; never the year
    time_zone: Mapped[str | None] = mapped_column(String(64))  # None: not known, so the company's
    keep_in_touch: Mapped[bool] = mapped_column(default=True)  # the provider's wish
    newsletter: Mapped[bool] = mapped_column(default=True)  # the contact's, purpose by purpose
    greetings: Mapped[bool] = mapped_column(default=True)
    check_ins: Mapped[bool] = mapped_column(default=True)
    # When a yes to the purpose that still stands was given; without one, no basis but `basis`.
    newsletter_consent_at: Mapped[Moment | None]
    greetings_consent_at: Mapped[Moment | None]
    check_ins_consent_at: Mapped[Moment | None]
    basis: Mapped[Basis] = mapped_column(text_enum(Basis), default=Basis.contract)  # of left_on
    source: Mapped[str] = mapped_column(String(100), default="")  # how the address came to us
    left_on: Mapped[date | None] = mapped_column(index=True)  # None: a client, still or again
    interacted_at: Mapped[Moment | None] = mapped_column(index=True)  # the contact did something
    wants_to_talk_at: Mapped[Moment | None] = mapped_column(index=True)  # the last time
    created_at: Mapped[CreatedAt]

    client: Mapped[Client] = relationship(back_populates="contacts")

    def zone(self, otherwise: str) -> str:
        """Return the zone in which their days are counted; `otherwise` when it is not known."""
        try:
            return ZoneInfo(self.time_zone).key if self.time_zone else otherwise
        except (KeyError, ValueError, OSError):  # a zone that this machine's tables do not have
            return otherwise

    @property
    def first_name(self) -> str:
        """The name to greet with."""
        return self.name.split()[0] if self.name.split() else self.name


class ConsentPurpose(StrEnum):
    """What a contact can say yes or no to, each apart."""

    newsletter = "newsletter"
    greetings = "greetings"
    check_ins = "check_ins"
    keep_in_touch = "keep_in_touch"
    publish_website = "publish_website"
    publish_brochure = "publish_brochure"
    publish_social = "publish_social"


CUSTOM_WORDING = "own"  # as a version: the wording is a text of the team, not one of ours


class Consent(Model):
    """One yes or no, as it was given: append-only, with the exact wording that was shown."""

    __tablename__ = "consents"

    id: Mapped[PrimaryKey]
    contact_id: Mapped[int] = mapped_column(
        ForeignKey("contacts.id", ondelete="CASCADE"), index=True
    )
    purpose: Mapped[ConsentPurpose] = mapped_column(text_enum(ConsentPurpose))
    is_granted: Mapped[bool]
    wording: Mapped[str] = mapped_column(Text)
    wording_version: Mapped[str] = mapped_column(String(20))
    language: Mapped[str] = mapped_column(String(5))
    channel: Mapped[str] = mapped_column(String(40))  # survey page, preferences page, phone …
    given_at: Mapped[CreatedAt]
    recorded_at: Mapped[CreatedAt]  # later than given, when it was given elsewhere
    provider_id: Mapped[int | None] = mapped_column(
        ForeignKey("providers.id", ondelete="SET NULL")
    )  # who of the team wrote it down; None: the contact's own press

    member: Mapped[TeamMember | None] = relationship()

    @property
    def has_custom_wording(self) -> bool:
        """Whether the team typed the wording, which then has no version."""
        return self.wording_version == CUSTOM_WORDING
