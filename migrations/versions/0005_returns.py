"""returns: conversations, what led to a return, and the address of one's calendar"""

import secrets
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_conversations()
    keep_who_waits()
    create_returns()
    # Others point to providers, so no copy of the table: plain columns, and an index by itself.
    op.add_column("providers", sa.Column("calendar_key", sa.String(length=22), nullable=True))
    op.add_column(
        "providers",
        sa.Column("calendar_is_teams", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.create_index("ix_providers_calendar_key", "providers", ["calendar_key"], unique=True)


def create_conversations() -> None:
    op.create_table(
        "conversations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=22), nullable=False),
        sa.Column("contact_id", sa.Integer(), nullable=False),
        sa.Column("departure_id", sa.Integer(), nullable=True),
        sa.Column("outbox_id", sa.Integer(), nullable=True),
        sa.Column("asked_on", sa.Date(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=True),
        sa.Column("phone", sa.String(length=60), nullable=False),
        sa.Column("day_part", sa.String(length=20), nullable=True),
        sa.Column("suits", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("planned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Integer(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"],
            ["contacts.id"],
            name=op.f("fk_conversations_contact_id_contacts"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["departure_id"],
            ["departures.id"],
            name=op.f("fk_conversations_departure_id_departures"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["outbox_id"],
            ["outbox.id"],
            name=op.f("fk_conversations_outbox_id_outbox"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["provider_id"],
            ["providers.id"],
            name=op.f("fk_conversations_provider_id_providers"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversations")),
        sa.UniqueConstraint(
            "contact_id", "asked_on", name=op.f("uq_conversations_contact_id_asked_on")
        ),
        sa.UniqueConstraint("public_id", name=op.f("uq_conversations_public_id")),
    )
    for name in ("departure_id", "outbox_id", "planned_at"):
        op.create_index(f"ix_conversations_{name}", "conversations", [name])
    op.create_index("ix_conversations_state_asked_at", "conversations", ["state", "asked_at"])


def keep_who_waits() -> None:
    """Whoever asked to talk in the last two weeks stood on the first page, and still does."""
    contacts = sa.table(
        "contacts", sa.column("id"), sa.column("wants_to_talk_at", sa.DateTime(timezone=True))
    )
    departures = sa.table("departures", sa.column("id"), sa.column("contact_id"))
    conversations = sa.table(
        "conversations",
        *map(sa.column, ("public_id", "contact_id", "departure_id", "message", "phone", "suits")),
        *map(sa.column, ("state", "note", "version")),
        sa.column("asked_on", sa.Date()),
        sa.column("asked_at", sa.DateTime(timezone=True)),
        sa.column("changed_at", sa.DateTime(timezone=True)),
    )
    connection = op.get_bind()
    since = datetime.now(UTC) - timedelta(days=14)
    newest = (
        sa.select(sa.func.max(departures.c.id))
        .where(departures.c.contact_id == contacts.c.id)
        .scalar_subquery()
    )
    rows = connection.execute(
        sa.select(contacts.c.id, contacts.c.wants_to_talk_at, newest).where(
            contacts.c.wants_to_talk_at > since
        )
    ).all()
    for contact_id, at, departure_id in rows:
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
        connection.execute(
            conversations.insert().values(
                public_id=secrets.token_urlsafe(16),
                contact_id=contact_id,
                departure_id=departure_id,
                asked_on=at.date(),
                asked_at=at,
                changed_at=at,
                message="",
                phone="",
                suits="",
                note="",
                state="open",
                version=1,
            )
        )


def create_returns() -> None:
    op.create_table(
        "returns",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=22), nullable=False),
        sa.Column("departure_id", sa.Integer(), nullable=False),
        sa.Column("returned_on", sa.Date(), nullable=False),
        sa.Column("service", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("outbox_id", sa.Integer(), nullable=True),
        sa.Column("mail_kind", sa.String(length=40), nullable=True),
        sa.Column("step", sa.String(length=60), nullable=True),
        sa.Column("was", sa.String(length=20), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("provider_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["departure_id"],
            ["departures.id"],
            name=op.f("fk_returns_departure_id_departures"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["outbox_id"],
            ["outbox.id"],
            name=op.f("fk_returns_outbox_id_outbox"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["provider_id"],
            ["providers.id"],
            name=op.f("fk_returns_provider_id_providers"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_returns")),
        sa.UniqueConstraint("departure_id", name=op.f("uq_returns_departure_id")),
        sa.UniqueConstraint("public_id", name=op.f("uq_returns_public_id")),
    )
    op.create_index("ix_returns_returned_on", "returns", ["returned_on"])
    op.create_index("ix_returns_outbox_id", "returns", ["outbox_id"])


def downgrade() -> None:
    op.drop_index("ix_providers_calendar_key", "providers")
    for column in ("calendar_is_teams", "calendar_key"):
        op.drop_column("providers", column)
    for table in ("returns", "conversations"):
        op.drop_table(table)
