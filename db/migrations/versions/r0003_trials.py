"""Trials: single trainings of a task under one configuration, and their checkpoints."""

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

revision = "0003"
down_revision = "0002"

_INTEGER = BigInteger().with_variant(Integer(), "sqlite")
_KEY = ("run_id", "position", "recipe_sha256")


def upgrade() -> None:
    """Create both tables."""
    op.create_table(
        "trials",
        *_integers("run_id", "position"),
        *_texts("recipe_sha256"),
        *_integers("number"),
        *_texts("seed", "method", "options"),
        *_reals("learning_rate"),
        *_integers("num_epochs", "num_params"),
        *_texts("status"),
        *_integers("rung", nullable=True),
        *_texts("history"),
        *_integers("best_epoch", nullable=True),
        *_reals("valid", "standard_error", nullable=True),
        *_integers("num_trained", nullable=True),
        *_integers("num_steps", "num_tokens"),
        *_reals("seconds"),
        *_integers("reused_tokens"),
        *_reals("reused_seconds"),
        *_texts("predictions_sha256", "logits_sha256", "plan_sha256", "sha256", nullable=True),
        *_texts("source", "notes"),
        *_texts("removed_at", nullable=True),
        Column("row_sha256", LargeBinary(32), nullable=False),
        ForeignKeyConstraint(["run_id", "position"], ["tasks.run_id", "tasks.position"]),
        ForeignKeyConstraint(["predictions_sha256"], ["blobs.sha256"]),
        PrimaryKeyConstraint(*_KEY),
    )
    for column in ("sha256", "recipe_sha256", "predictions_sha256"):
        op.create_index(f"ix_trials_{column}", "trials", [column])
    op.create_table(
        "trial_checkpoints",
        *_integers("run_id", "position"),
        *_texts("recipe_sha256"),
        *_integers("step"),
        *_texts("path", "sha256"),
        *_integers("num_bytes"),
        ForeignKeyConstraint([*_KEY], [f"trials.{column}" for column in _KEY]),
        PrimaryKeyConstraint(*_KEY),
    )


def _texts(*names: str, nullable: bool = False) -> list[Column[str]]:
    return [Column(name, Text(), nullable=nullable) for name in names]


def _integers(*names: str, nullable: bool = False) -> list[Column[int]]:
    return [Column(name, _INTEGER, nullable=nullable) for name in names]


def _reals(*names: str, nullable: bool = False) -> list[Column[float]]:
    return [Column(name, Double(), nullable=nullable) for name in names]
