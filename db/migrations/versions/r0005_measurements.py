"""Measurements: what studies found beside the stream."""

from alembic import op
from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
)

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "measurements",
        Column("run_id", BigInteger().with_variant(Integer(), "sqlite"), nullable=False),
        Column("study", Text(), nullable=False),
        Column("key", Text(), nullable=False),
        Column("content", Text(), nullable=False),
        Column("row_sha256", LargeBinary(32), nullable=False),
        PrimaryKeyConstraint("run_id", "study", "key"),
        ForeignKeyConstraint(["run_id"], ["runs.id"]),
    )
