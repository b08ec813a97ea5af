"""apologies: by whom, on which day and how somebody apologised for what failed"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("recoveries") as batch_op:
        batch_op.add_column(sa.Column("apologised_on", sa.Date(), nullable=True))
        batch_op.add_column(sa.Column("apologised_by_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("apology_way", sa.String(length=20), nullable=True))
        for name in ("apology_why", "apology_note"):
            batch_op.add_column(sa.Column(name, sa.Text(), server_default="", nullable=False))
        batch_op.create_foreign_key(
            op.f("fk_recoveries_apologised_by_id_providers"),
            "providers",
            ["apologised_by_id"],
            ["id"],
            ondelete="SET NULL",
        )


def downgrade() -> None:
    with op.batch_alter_table("recoveries") as batch_op:
        batch_op.drop_constraint(
            op.f("fk_recoveries_apologised_by_id_providers"), type_="foreignkey"
        )
        for name in (
            "apology_note",
            "apology_why",
            "apology_way",
            "apologised_by_id",
            "apologised_on",
        ):
            batch_op.drop_column(name)
