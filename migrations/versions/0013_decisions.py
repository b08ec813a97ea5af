"""decisions: what decided about a mail, written when it is decided; older rows have none"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("outbox", sa.Column("decision", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("outbox", "decision")
