"""business hours in place of quiet hours: working days, hours and public holidays"""

from datetime import time

import sqlalchemy as sa
from alembic import op
from babel.core import get_global

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

NINE, SEVEN_PM = time(9), time(19)
COMPANIES = sa.table(
    "companies",
    sa.column("id", sa.Integer),
    sa.column("time_zone", sa.String),
    sa.column("quiet_from", sa.Time),
    sa.column("quiet_until", sa.Time),
    sa.column("business_from", sa.Time),
    sa.column("business_until", sa.Time),
    sa.column("holiday_country", sa.String),
)


def upgrade() -> None:
    with op.batch_alter_table("companies") as table:
        table.add_column(
            sa.Column("business_days", sa.String(7), nullable=False, server_default="01234")
        )
        table.add_column(
            sa.Column("business_from", sa.Time(), nullable=False, server_default="09:00:00")
        )
        table.add_column(
            sa.Column("business_until", sa.Time(), nullable=False, server_default="19:00:00")
        )
        table.add_column(
            sa.Column("holiday_country", sa.String(2), nullable=False, server_default="")
        )
        table.add_column(
            sa.Column("holiday_region", sa.String(20), nullable=False, server_default="")
        )
    connection = op.get_bind()
    for row in connection.execute(sa.select(COMPANIES)).all():
        quiet_from, quiet_until = row.quiet_from, row.quiet_until
        is_a_night = quiet_from and quiet_until and quiet_until < quiet_from
        begins, ends = (quiet_until, quiet_from) if is_a_night else (NINE, SEVEN_PM)
        country = get_global("zone_territories").get(row.time_zone, "")
        connection.execute(
            sa.update(COMPANIES)
            .where(COMPANIES.c.id == row.id)
            .values(business_from=begins, business_until=ends, holiday_country=country)
        )
    with op.batch_alter_table("companies") as table:
        for name in ("business_days", "business_from", "business_until"):
            table.alter_column(name, server_default=None)
        for name in ("holiday_country", "holiday_region"):
            table.alter_column(name, server_default=None)
        table.drop_column("quiet_until")
        table.drop_column("quiet_from")


def downgrade() -> None:
    with op.batch_alter_table("companies") as table:
        table.add_column(sa.Column("quiet_from", sa.Time(), nullable=True))
        table.add_column(sa.Column("quiet_until", sa.Time(), nullable=True))
    connection = op.get_bind()
    for row in connection.execute(sa.select(COMPANIES)).all():
        night = {"quiet_from": row.business_until, "quiet_until": row.business_from}
        connection.execute(sa.update(COMPANIES).where(COMPANIES.c.id == row.id).values(**night))
    with op.batch_alter_table("companies") as table:
        table.drop_column("holiday_region")
        table.drop_column("holiday_country")
        table.drop_column("business_until")
        table.drop_column("business_from")
        table.drop_column("business_days")
