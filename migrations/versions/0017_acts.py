"""what somebody did, to be undone within the hour: acts, and enrolments that wait until then"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "acts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=22), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("departure_id", sa.Integer(), nullable=True),
        sa.Column("member_id", sa.Integer(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undone_by_id", sa.Integer(), nullable=True),
        sa.Column("was", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["departure_id"],
            ["departures.id"],
            name=op.f("fk_acts_departure_id_departures"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["member_id"],
            ["providers.id"],
            name=op.f("fk_acts_member_id_providers"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["undone_by_id"],
            ["providers.id"],
            name=op.f("fk_acts_undone_by_id_providers"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_acts")),
        sa.UniqueConstraint("public_id", name=op.f("uq_acts_public_id")),
    )
    op.create_index("ix_acts_departure_id", "acts", ["departure_id"])
    op.create_index("ix_acts_until", "acts", ["until"])
    op.add_column("enrolments", sa.Column("not_before", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    held = sa.table("outbox", sa.column("state"))
    op.execute(held.update().where(held.c.state == "held").values(state="cancelled"))
    skipped = sa.table("outbox", sa.column("skip_reason"))
    too_long = skipped.c.skip_reason == "held_too_long"
    op.execute(skipped.update().where(too_long).values(skip_reason="by_provider"))
    op.drop_column("enrolments", "not_before")
    op.drop_table("acts")
