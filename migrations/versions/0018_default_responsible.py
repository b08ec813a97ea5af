"""default responsible: who answers for clients that name nobody; none: the first owner"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

KEY = "fk_companies_default_responsible_id_providers"


def upgrade() -> None:
    with op.batch_alter_table("companies") as companies:
        companies.add_column(sa.Column("default_responsible_id", sa.Integer(), nullable=True))
        companies.create_foreign_key(
            KEY, "providers", ["default_responsible_id"], ["id"], ondelete="SET NULL"
        )


def downgrade() -> None:
    with op.batch_alter_table("companies") as companies:
        companies.drop_constraint(KEY, type_="foreignkey")
        companies.drop_column("default_responsible_id")
