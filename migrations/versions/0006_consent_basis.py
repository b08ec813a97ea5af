"""consent basis: when a contact left, last did something, and said yes to what; who noted it

What is known is carried over: events of the contact's own, answers to "keep in touch", preferences.
`contacts` and `companies` are pointed to by others, so they only get plain ADD COLUMN.
"""
# ruff: noqa: S608 - nothing but our own words goes into the statements

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

PURPOSES = ("newsletter", "greetings", "check_ins")
OWN_DOINGS = (
    "answer_saved",
    "answer_sent",
    "answer_changed",
    "wants_to_talk",
    "preferences_changed",
    "testimonial_submitted",
    "replied",
)


def upgrade() -> None:
    op.add_column("contacts", sa.Column("left_on", sa.Date(), nullable=True))
    moments = ("interacted_at", *(f"{purpose}_consent_at" for purpose in PURPOSES))
    for name in moments:
        op.add_column("contacts", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_contacts_interacted_at", "contacts", ["interacted_at"])
    op.create_index("ix_contacts_left_on", "contacts", ["left_on"])
    op.add_column(
        "companies", sa.Column("basis_months", sa.Integer(), nullable=False, server_default="24")
    )
    with op.batch_alter_table("consents") as batch_op:
        batch_op.add_column(sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("provider_id", sa.Integer(), nullable=True))
    op.execute("UPDATE consents SET recorded_at = given_at")
    with op.batch_alter_table("consents") as batch_op:
        batch_op.alter_column(
            "recorded_at", existing_type=sa.DateTime(timezone=True), nullable=False
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_consents_provider_id_providers"),
            "providers",
            ["provider_id"],
            ["id"],
            ondelete="SET NULL",
        )
    carry_over()


def carry_over() -> None:
    op.execute(
        "UPDATE contacts SET left_on = (SELECT max(coalesce(end_on, notice_on)) FROM departures"
        " WHERE departures.client_id = contacts.client_id"
        " AND stage NOT IN ('retained', 'returned'))"
    )
    op.execute(
        "UPDATE contacts SET basis = CASE WHEN left_on IS NULL"
        " THEN 'contract' ELSE 'legitimate_interest' END"
    )
    kinds = ", ".join(f"'{kind}'" for kind in OWN_DOINGS)
    op.execute(
        "UPDATE contacts SET interacted_at = (SELECT max(events.at) FROM events"
        " JOIN departures ON departures.id = events.departure_id"
        " WHERE departures.contact_id = contacts.id AND events.is_by_contact IS TRUE"
        f" AND events.kind IN ({kinds}))"
    )
    op.execute(
        "UPDATE contacts SET interacted_at = wants_to_talk_at WHERE wants_to_talk_at IS NOT NULL"
        " AND (interacted_at IS NULL OR interacted_at < wants_to_talk_at)"
    )
    for purpose in PURPOSES:
        # The yes to "write to me now and then, from a person" never spoke of a newsletter.
        asked = f"'{purpose}'" + ("" if purpose == "newsletter" else ", 'keep_in_touch'")
        newest = (
            f"SELECT max(id) FROM consents WHERE contact_id = contacts.id AND purpose IN ({asked})"
        )
        op.execute(
            f"UPDATE contacts SET {purpose}_consent_at = (SELECT given_at FROM consents"
            f" WHERE is_granted IS TRUE AND id = ({newest})) WHERE {purpose} IS TRUE"
        )


def downgrade() -> None:
    with op.batch_alter_table("consents") as batch_op:
        batch_op.drop_constraint(
            batch_op.f("fk_consents_provider_id_providers"), type_="foreignkey"
        )
        batch_op.drop_column("provider_id")
        batch_op.drop_column("recorded_at")
    op.drop_column("companies", "basis_months")
    op.drop_index("ix_contacts_left_on", "contacts")
    op.drop_index("ix_contacts_interacted_at", "contacts")
    for purpose in PURPOSES:
        op.drop_column("contacts", f"{purpose}_consent_at")
    op.drop_column("contacts", "interacted_at")
    op.drop_column("contacts", "left_on")
