"""How a run meets its tasks, and two more of the paper's figures beside each."""

from alembic import op
from sqlalchemy import Column, Double, Text

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns; no digest covers them, so those of recorded rows stay valid."""
    op.add_column("runs", Column("regime", Text(), nullable=False, server_default="stream"))
    op.add_column("tasks", Column("paper_no_bert", Double(), nullable=True))
    op.add_column("tasks", Column("paper_variable_fine_tuning", Double(), nullable=True))
