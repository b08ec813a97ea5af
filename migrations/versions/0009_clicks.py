"""clicks: whether the links of a newsletter are counted, and how often each was opened

Newsletters and their issues are few and only get a plain ADD COLUMN; no table is copied.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

COUNTING = ("newsletters", "newsletter_issues")


def upgrade() -> None:
    for table in COUNTING:
        op.add_column(
            table,
            sa.Column("counts_links", sa.Boolean(), nullable=False, server_default=sa.false()),
        )
    op.create_table(
        "newsletter_links",
        sa.Column("issue_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("openings", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["issue_id"],
            ["newsletter_issues.id"],
            name=op.f("fk_newsletter_links_issue_id_newsletter_issues"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("issue_id", "number", name=op.f("pk_newsletter_links")),
    )


def downgrade() -> None:
    op.drop_table("newsletter_links")
    for table in COUNTING:
        op.drop_column(table, "counts_links")
