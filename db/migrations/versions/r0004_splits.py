"""Several test splits and metrics of a task, its kind, and what others published of it."""

from alembic import op
from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
)

revision = "0004"
down_revision = "0003"

_INTEGER = BigInteger().with_variant(Integer(), "sqlite")


def upgrade() -> None:
    """Add a table and columns; no digest covers them, so those of recorded rows stay valid."""
    op.add_column("tasks", Column("kind", Text(), nullable=False, server_default="classification"))
    op.add_column("tasks", Column("secondary", Text(), nullable=False, server_default="[]"))
    op.add_column("tasks", Column("published", Text(), nullable=False, server_default="{}"))
    op.create_table(
        "learned_splits",
        Column("run_id", _INTEGER, nullable=False),
        Column("position", _INTEGER, nullable=False),
        Column("split", Text(), nullable=False),
        Column("value", Double(), nullable=True),
        Column("logits_sha256", Text(), nullable=False),
        Column("predictions_sha256", Text(), nullable=False),
        Column("plan_sha256", Text(), nullable=False),
        Column("row_sha256", LargeBinary(32), nullable=False),
        PrimaryKeyConstraint("run_id", "position", "split"),
        ForeignKeyConstraint(["run_id", "position"], ["tasks.run_id", "tasks.position"]),
        ForeignKeyConstraint(["predictions_sha256"], ["blobs.sha256"]),
        ForeignKeyConstraint(["plan_sha256"], ["plans.sha256"]),
    )
    op.create_index("ix_learned_splits_predictions_sha256", "learned_splits", ["predictions_sha256"])
