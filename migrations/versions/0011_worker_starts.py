"""worker starts: whether a worker comes up"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "worker_starts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("host", sa.String(length=60), nullable=False),
        sa.Column("began_at", MOMENT, nullable=False),
        sa.Column("ready_at", MOMENT, nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_worker_starts")),
    )
    op.create_index("ix_worker_starts_began_at", "worker_starts", ["began_at"])


def downgrade() -> None:
    op.drop_table("worker_starts")
