"""greetings: what is wished each year, and the days of the year on which it is

`clients` and `contacts` are pointed to by others, so they only get plain ADD COLUMN.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("clients", sa.Column("started_day", sa.String(length=5), nullable=True))
    op.create_index("ix_clients_started_day", "clients", ["started_day"])
    op.add_column("contacts", sa.Column("birthday", sa.String(length=5), nullable=True))
    op.create_index("ix_contacts_birthday", "contacts", ["birthday"])
    # Both databases write a date as 2026-11-25 when it is made a text.
    op.execute(
        "UPDATE clients SET started_day = substr(CAST(started_on AS text), 6, 5)"
        " WHERE started_on IS NOT NULL"
    )
    op.create_table(
        "greetings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=22), nullable=False),
        sa.Column("occasion", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("day_key", sa.String(length=5), nullable=True),
        sa.Column("at", sa.Time(), nullable=False),
        sa.Column("circle", sa.String(length=20), nullable=False),
        sa.Column("is_on", sa.Boolean(), nullable=False),
        sa.Column("done_on", sa.Date(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_greetings")),
        sa.UniqueConstraint("public_id", name=op.f("uq_greetings_public_id")),
    )
    op.create_index("ix_greetings_is_on", "greetings", ["is_on"])


def downgrade() -> None:
    op.drop_table("greetings")
    op.drop_index("ix_contacts_birthday", "contacts")
    op.drop_column("contacts", "birthday")
    op.drop_index("ix_clients_started_day", "clients")
    op.drop_column("clients", "started_day")
