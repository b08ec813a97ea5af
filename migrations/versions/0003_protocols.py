"""protocols as rows with versions; enrolments follow one; days of conversation and handover

The built-in protocols are written here as they were when this migration was made. SQLite copies a
table to change it, and dropping the old copy fires ON DELETE on its children; nothing points to an
enrolment.
"""

import json

import sqlalchemy as sa
from alembic import op

from service.clock import now
from service.tokens import new_public_id

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BUILT_INS = [
    (
        "default",
        [
            {
                "name": "thank_you",
                "kind": "thank_you",
                "anchor": "notice",
                "count": 1,
                "unit": "days",
                "at": "09:00",
                "stale_after": 14,
            },
            {
                "name": "closing_letter",
                "kind": "closing_letter",
                "anchor": "closing",
                "count": 0,
                "unit": "days",
                "at": "09:00",
                "stale_after": 14,
            },
            {
                "name": "survey_invitation",
                "kind": "survey_invitation",
                "anchor": "end",
                "count": 1,
                "unit": "days",
                "at": "10:00",
                "stale_after": 21,
            },
            {
                "name": "survey_reminder_1",
                "kind": "survey_reminder_1",
                "anchor": "step",
                "count": 3,
                "unit": "days",
                "at": "10:00",
                "stale_after": 2,
                "after": "survey_invitation",
            },
            {
                "name": "survey_reminder_2",
                "kind": "survey_reminder_2",
                "anchor": "step",
                "count": 7,
                "unit": "days",
                "at": "10:00",
                "stale_after": 7,
                "after": "survey_invitation",
            },
            {
                "name": "testimonial_request",
                "kind": "testimonial_request",
                "anchor": "answer",
                "count": 1,
                "unit": "days",
                "at": "09:00",
                "stale_after": 14,
                "only_if": ["no_quality_reason"],
            },
            {
                "name": "testimonial_reminder",
                "kind": "testimonial_reminder",
                "anchor": "step",
                "count": 5,
                "unit": "days",
                "at": "09:00",
                "stale_after": 7,
                "after": "testimonial_request",
            },
            {
                "name": "door_open-1m",
                "kind": "door_open",
                "anchor": "end",
                "count": 1,
                "unit": "months",
                "at": "10:00",
                "stale_after": 21,
            },
            {
                "name": "door_open-6m",
                "kind": "door_open",
                "anchor": "end",
                "count": 6,
                "unit": "months",
                "at": "10:00",
                "stale_after": 30,
            },
        ],
    ),
    (
        "short",
        [
            {
                "name": "thank_you",
                "kind": "thank_you",
                "anchor": "notice",
                "count": 1,
                "unit": "days",
                "at": "09:00",
                "stale_after": 14,
            },
            {
                "name": "survey_invitation",
                "kind": "survey_invitation",
                "anchor": "end",
                "count": 1,
                "unit": "days",
                "at": "10:00",
                "stale_after": 21,
            },
            {
                "name": "survey_reminder_1",
                "kind": "survey_reminder_1",
                "anchor": "step",
                "count": 3,
                "unit": "days",
                "at": "10:00",
                "stale_after": 2,
                "after": "survey_invitation",
            },
        ],
    ),
    (
        "project_finished",
        [
            {
                "name": "closing_letter",
                "kind": "closing_letter",
                "anchor": "closing",
                "count": 0,
                "unit": "days",
                "at": "09:00",
                "stale_after": 14,
            },
            {
                "name": "survey_invitation",
                "kind": "survey_invitation",
                "anchor": "end",
                "count": 1,
                "unit": "days",
                "at": "10:00",
                "stale_after": 21,
            },
            {
                "name": "survey_reminder_1",
                "kind": "survey_reminder_1",
                "anchor": "step",
                "count": 3,
                "unit": "days",
                "at": "10:00",
                "stale_after": 2,
                "after": "survey_invitation",
            },
            {
                "name": "testimonial_request",
                "kind": "testimonial_request",
                "anchor": "answer",
                "count": 1,
                "unit": "days",
                "at": "09:00",
                "stale_after": 14,
                "only_if": ["no_quality_reason"],
            },
            {
                "name": "testimonial_reminder",
                "kind": "testimonial_reminder",
                "anchor": "step",
                "count": 5,
                "unit": "days",
                "at": "09:00",
                "stale_after": 7,
                "after": "testimonial_request",
            },
            {
                "name": "door_open-6m",
                "kind": "door_open",
                "anchor": "end",
                "count": 6,
                "unit": "months",
                "at": "10:00",
                "stale_after": 30,
            },
        ],
    ),
]


def upgrade() -> None:
    protocols, versions = create_protocols(), create_versions()
    op.add_column("departures", sa.Column("conversation_on", sa.Date(), nullable=True))
    op.add_column("departures", sa.Column("handover_on", sa.Date(), nullable=True))
    with op.batch_alter_table("enrolments") as batch_op:
        batch_op.add_column(sa.Column("protocol_id", sa.Integer(), nullable=True))
        batch_op.create_foreign_key(
            "fk_enrolments_protocol_id_protocols",
            "protocols",
            ["protocol_id"],
            ["id"],
            ondelete="SET NULL",
        )
    op.create_index("ix_enrolments_protocol_id", "enrolments", ["protocol_id"])
    seed(protocols, versions)


def downgrade() -> None:
    op.drop_index("ix_enrolments_protocol_id", "enrolments")
    with op.batch_alter_table("enrolments") as batch_op:
        batch_op.drop_constraint("fk_enrolments_protocol_id_protocols", type_="foreignkey")
        batch_op.drop_column("protocol_id")
    op.drop_column("departures", "handover_on")
    op.drop_column("departures", "conversation_on")
    op.drop_table("protocol_versions")
    op.drop_table("protocols")


def create_protocols() -> sa.Table:
    return op.create_table(
        "protocols",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=22), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("built_in", sa.String(length=40), nullable=True),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("services", sa.Text(), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("steps", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_protocols")),
        sa.UniqueConstraint("public_id", name=op.f("uq_protocols_public_id")),
        sa.UniqueConstraint("built_in", name=op.f("uq_protocols_built_in")),
    )


def create_versions() -> sa.Table:
    return op.create_table(
        "protocol_versions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("protocol_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("steps", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["protocol_id"],
            ["protocols.id"],
            name=op.f("fk_protocol_versions_protocol_id_protocols"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["provider_id"],
            ["providers.id"],
            name=op.f("fk_protocol_versions_provider_id_providers"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_protocol_versions")),
        sa.UniqueConstraint(
            "protocol_id", "number", name=op.f("uq_protocol_versions_protocol_id_number")
        ),
    )


def seed(protocols: sa.Table, versions: sa.Table) -> None:
    """Write the built-in protocols; who was on the fixed one follows the default."""
    at = now()
    shared = {"name": "", "services": "", "reasons": "", "number": 1, "created_at": at}
    rows = [
        {
            "id": position,
            "public_id": new_public_id(),
            "built_in": code,
            "is_default": position == 1,
            "position": position,
            "steps": json.dumps(steps),
            **shared,
        }
        for position, (code, steps) in enumerate(BUILT_INS, start=1)
    ]
    op.bulk_insert(protocols, rows)
    op.bulk_insert(
        versions,
        [
            {"protocol_id": row["id"], "number": 1, "steps": row["steps"], "created_at": at}
            for row in rows
        ],
    )
    if op.get_bind().dialect.name == "postgresql":  # ids were given, so its counter lags behind
        op.execute("SELECT setval('protocols_id_seq', (SELECT max(id) FROM protocols))")
    op.execute("UPDATE enrolments SET protocol_id = 1")
