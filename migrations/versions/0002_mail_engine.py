"""mail engine: priorities, outcomes, what comes in, scopes of suppressions, slower rates

SQLite copies a table to change it, and dropping the old copy fires ON DELETE on its children. So
tables that others point to only get plain ADD COLUMN and DROP COLUMN here.
"""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ramp_ups",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("started_on", sa.Date(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_ramp_ups")),
    )
    create_suppression_changes()
    create_inbound_mails()
    op.add_column("breakers", sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("companies", sa.Column("quiet_from", sa.Time(), nullable=True))
    op.add_column("companies", sa.Column("quiet_until", sa.Time(), nullable=True))
    op.add_column(
        "companies", sa.Column("daily_cap", sa.Integer(), nullable=False, server_default="4")
    )
    op.add_column("contacts", sa.Column("time_zone", sa.String(length=64), nullable=True))

    op.add_column(
        "outbox", sa.Column("priority", sa.SmallInteger(), nullable=False, server_default="1")
    )
    op.add_column("outbox", sa.Column("outcome_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "outbox", sa.Column("outcome_words", sa.Text(), nullable=False, server_default="")
    )
    op.drop_index("ix_outbox_state_due_at", "outbox")
    op.create_index("ix_outbox_state_priority_due_at", "outbox", ["state", "priority", "due_at"])
    op.create_index("ix_outbox_state_ended_at", "outbox", ["state", "ended_at"])
    op.create_index("ix_outbox_outcome_outcome_at", "outbox", ["outcome", "outcome_at"])
    # Without it each mail that is deleted looks for its reminders in the whole table.
    op.create_index("ix_outbox_reply_to_message_id", "outbox", ["reply_to_message_id"])

    op.add_column(
        "rate_buckets", sa.Column("slower", sa.Integer(), nullable=False, server_default="0")
    )
    op.add_column("rate_buckets", sa.Column("slower_at", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("rate_buckets") as batch_op:
        batch_op.alter_column(
            "name",
            existing_type=sa.String(length=40),
            type_=sa.String(length=280),
            existing_nullable=False,
        )
    widen_suppressions()


def create_suppression_changes() -> None:
    op.create_table(
        "suppression_changes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("address_hash", sa.String(length=64), nullable=False),
        sa.Column("scope", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("is_lifted", sa.Boolean(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("provider_id", sa.Integer(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["provider_id"],
            ["providers.id"],
            name=op.f("fk_suppression_changes_provider_id_providers"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suppression_changes")),
    )
    op.create_index(
        "ix_suppression_changes_address_hash_at", "suppression_changes", ["address_hash", "at"]
    )


def create_inbound_mails() -> None:
    op.create_table(
        "inbound_mails",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=22), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("door", sa.String(length=20), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("evidence", sa.String(length=20), nullable=True),
        sa.Column("outbox_id", sa.Integer(), nullable=True),
        sa.Column("contact_id", sa.Integer(), nullable=True),
        sa.Column("sender", sa.String(length=254), nullable=False),
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.Column("excerpt", sa.Text(), nullable=False),
        sa.Column("status_code", sa.String(length=20), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("looked_by_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["contact_id"],
            ["contacts.id"],
            name=op.f("fk_inbound_mails_contact_id_contacts"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["looked_by_id"],
            ["providers.id"],
            name=op.f("fk_inbound_mails_looked_by_id_providers"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["outbox_id"],
            ["outbox.id"],
            name=op.f("fk_inbound_mails_outbox_id_outbox"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbound_mails")),
        sa.UniqueConstraint("digest", name=op.f("uq_inbound_mails_digest")),
        sa.UniqueConstraint("public_id", name=op.f("uq_inbound_mails_public_id")),
    )
    op.create_index("ix_inbound_mails_contact_id", "inbound_mails", ["contact_id"])
    op.create_index("ix_inbound_mails_outbox_id", "inbound_mails", ["outbox_id"])
    op.create_index("ix_inbound_mails_kind_received_at", "inbound_mails", ["kind", "received_at"])


def widen_suppressions() -> None:
    """A scope in place of the one question whether it reaches transactional mails."""
    with op.batch_alter_table("suppressions") as batch_op:
        batch_op.add_column(sa.Column("public_id", sa.String(length=22), nullable=True))
        batch_op.add_column(sa.Column("address", sa.String(length=254), nullable=True))
        batch_op.add_column(
            sa.Column("scope", sa.String(length=20), nullable=False, server_default="unasked")
        )
        batch_op.add_column(
            sa.Column("source", sa.String(length=40), nullable=False, server_default="")
        )
        batch_op.add_column(sa.Column("provider_id", sa.Integer(), nullable=True))
    table = sa.table(
        "suppressions", *map(sa.column, ("id", "public_id", "scope", "reaches_transactional"))
    )
    connection = op.get_bind()
    connection.execute(
        table.update()
        .where(table.c.reaches_transactional.is_(sa.true()))
        .values(scope="everything")
    )
    for row_id in connection.scalars(sa.select(table.c.id)).all():
        connection.execute(
            table.update().where(table.c.id == row_id).values(public_id=secrets.token_urlsafe(16))
        )
    with op.batch_alter_table("suppressions") as batch_op:
        batch_op.alter_column("public_id", existing_type=sa.String(length=22), nullable=False)
        batch_op.drop_constraint(batch_op.f("uq_suppressions_address_hash"), type_="unique")
        batch_op.create_unique_constraint(
            batch_op.f("uq_suppressions_address_hash_scope_reason"),
            ["address_hash", "scope", "reason"],
        )
        batch_op.create_unique_constraint(batch_op.f("uq_suppressions_public_id"), ["public_id"])
        batch_op.create_foreign_key(
            batch_op.f("fk_suppressions_provider_id_providers"),
            "providers",
            ["provider_id"],
            ["id"],
            ondelete="SET NULL",
        )
        batch_op.drop_column("reaches_transactional")
    op.create_index("ix_suppressions_created_at", "suppressions", ["created_at"])


def downgrade() -> None:
    narrow_suppressions()
    with op.batch_alter_table("rate_buckets") as batch_op:
        batch_op.alter_column(
            "name",
            existing_type=sa.String(length=280),
            type_=sa.String(length=40),
            existing_nullable=False,
        )
    for column in ("slower_at", "slower"):
        op.drop_column("rate_buckets", column)

    for index in (
        "reply_to_message_id",
        "outcome_outcome_at",
        "state_ended_at",
        "state_priority_due_at",
    ):
        op.drop_index(f"ix_outbox_{index}", "outbox")
    op.create_index("ix_outbox_state_due_at", "outbox", ["state", "due_at"])
    for column in ("outcome_words", "outcome_at", "priority"):
        op.drop_column("outbox", column)

    op.drop_column("contacts", "time_zone")
    for column in ("daily_cap", "quiet_until", "quiet_from"):
        op.drop_column("companies", column)
    op.drop_column("breakers", "opened_at")
    for table in ("inbound_mails", "suppression_changes", "ramp_ups"):
        op.drop_table(table)


def narrow_suppressions() -> None:
    """Keep of each address one of the widest; one of a single purpose has no place there."""
    op.drop_index("ix_suppressions_created_at", "suppressions")
    with op.batch_alter_table("suppressions") as batch_op:
        batch_op.add_column(
            sa.Column(
                "reaches_transactional", sa.Boolean(), nullable=False, server_default=sa.false()
            )
        )
    table = sa.table(
        "suppressions", *map(sa.column, ("id", "address_hash", "scope", "reaches_transactional"))
    )
    dead = sa.select(table.c.address_hash).where(table.c.scope == "everything")
    connection = op.get_bind()
    connection.execute(table.delete().where(table.c.scope.not_in(["everything", "unasked"])))
    hashes = connection.scalars(dead).all()
    for address_hash in hashes:
        connection.execute(
            table.delete().where(table.c.address_hash == address_hash, table.c.scope == "unasked")
        )
    first = sa.select(sa.func.min(table.c.id)).group_by(table.c.address_hash)
    connection.execute(table.delete().where(table.c.id.not_in(first)))
    connection.execute(
        table.update().where(table.c.scope == "everything").values(reaches_transactional=sa.true())
    )
    with op.batch_alter_table("suppressions") as batch_op:
        batch_op.drop_constraint(
            batch_op.f("fk_suppressions_provider_id_providers"), type_="foreignkey"
        )
        batch_op.drop_constraint(batch_op.f("uq_suppressions_public_id"), type_="unique")
        batch_op.drop_constraint(
            batch_op.f("uq_suppressions_address_hash_scope_reason"), type_="unique"
        )
        batch_op.create_unique_constraint(
            batch_op.f("uq_suppressions_address_hash"), ["address_hash"]
        )
        for column in ("provider_id", "source", "scope", "address", "public_id"):
            batch_op.drop_column(column)
