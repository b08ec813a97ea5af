"""newsletters: what is written, its issues, its pictures; the issue of a mail of the outbox"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    create_newsletters()
    create_issues()
    create_images()
    # Others point to the outbox, so no copy of the table: a plain column, and an index by itself.
    op.add_column("outbox", sa.Column("issue_id", sa.Integer(), nullable=True))
    op.create_index("ix_outbox_issue_id_state", "outbox", ["issue_id", "state"])


def create_newsletters() -> None:
    op.create_table(
        "newsletters",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=22), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("texts", sa.JSON(), nullable=False),
        sa.Column("audience", sa.JSON(), nullable=False),
        sa.Column("recurrence", sa.String(length=200), nullable=True),
        sa.Column("first_at", sa.String(length=20), nullable=True),
        sa.Column("is_public", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("provider_id", sa.Integer(), nullable=True),
        sa.Column("deleted_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["provider_id"],
            ["providers.id"],
            name=op.f("fk_newsletters_provider_id_providers"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_newsletters")),
        sa.UniqueConstraint("public_id", name=op.f("uq_newsletters_public_id")),
    )


def create_issues() -> None:
    op.create_table(
        "newsletter_issues",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=22), nullable=False),
        sa.Column("newsletter_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("texts", sa.JSON(), nullable=False),
        sa.Column("audience", sa.JSON(), nullable=False),
        sa.Column("written_to", sa.Integer(), nullable=False),
        sa.Column("written_at", MOMENT, nullable=True),
        sa.Column("started_at", MOMENT, nullable=True),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("provider_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["newsletter_id"],
            ["newsletters.id"],
            name=op.f("fk_newsletter_issues_newsletter_id_newsletters"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["provider_id"],
            ["providers.id"],
            name=op.f("fk_newsletter_issues_provider_id_providers"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_newsletter_issues")),
        sa.UniqueConstraint(
            "newsletter_id", "number", name=op.f("uq_newsletter_issues_newsletter_id_number")
        ),
        sa.UniqueConstraint("public_id", name=op.f("uq_newsletter_issues_public_id")),
    )
    op.create_index("ix_newsletter_issues_state_due_at", "newsletter_issues", ["state", "due_at"])


def create_images() -> None:
    op.create_table(
        "newsletter_images",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=22), nullable=False),
        sa.Column("newsletter_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("media_type", sa.String(length=40), nullable=False),
        sa.Column("octets", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["newsletter_id"],
            ["newsletters.id"],
            name=op.f("fk_newsletter_images_newsletter_id_newsletters"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_newsletter_images")),
        sa.UniqueConstraint("public_id", name=op.f("uq_newsletter_images_public_id")),
    )
    op.create_index("ix_newsletter_images_newsletter_id", "newsletter_images", ["newsletter_id"])


def downgrade() -> None:
    op.execute("DELETE FROM outbox WHERE kind = 'newsletter'")  # a kind that nobody knew before
    op.drop_index("ix_outbox_issue_id_state", "outbox")
    op.drop_column("outbox", "issue_id")
    for table in ("newsletter_images", "newsletter_issues", "newsletters"):
        op.drop_table(table)
