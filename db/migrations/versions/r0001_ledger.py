"""The tables of the ledger."""

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
)

revision = "0001"
down_revision = None

_INTEGER = BigInteger().with_variant(Integer(), "sqlite")


def upgrade() -> None:
    """Create everything."""
    _create_roots()
    _create_tasks()
    _create_training()
    _create_parameters()
    _create_evaluations()


def _texts(*names: str, nullable: bool = False) -> list[Column[str]]:
    return [Column(name, Text(), nullable=nullable) for name in names]


def _integers(*names: str) -> list[Column[int]]:
    return [Column(name, _INTEGER, nullable=False) for name in names]


def _reals(*names: str, nullable: bool = False) -> list[Column[float]]:
    return [Column(name, Double(), nullable=nullable) for name in names]


def _task_key(column: str = "position") -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["run_id", column], ["tasks.run_id", "tasks.position"])


def _create_roots() -> None:
    op.create_table(
        "runs",
        *_integers("id"),
        *_texts("name", "status", "suite", "method"),
        Column("isolated", Boolean(), nullable=False),
        *_texts("task_names", "backbone", "backbone_sha256"),
        *_integers("backbone_params", "backbone_bytes"),
        *_texts("configuration", "environment", "created_at", "heartbeat_at"),
        *_texts("finished_at", nullable=True),
        *_texts("message"),
        PrimaryKeyConstraint("id"),
        UniqueConstraint("name"),
    )
    op.create_table(
        "blobs",
        *_texts("sha256"),
        *_integers("num_bytes"),
        Column("content", LargeBinary(), nullable=True),
        *_texts("path", nullable=True),
        PrimaryKeyConstraint("sha256"),
    )
    op.create_table("plans", *_texts("sha256", "content"), PrimaryKeyConstraint("sha256"))


def _create_tasks() -> None:
    op.create_table(
        "tasks",
        *_integers("run_id", "position"),
        *_texts("name", "title", "data", "labels"),
        *_integers("num_train", "num_valid", "num_test"),
        *_texts("fingerprint"),
        *_reals("truncated_fraction"),
        *_texts("metric"),
        *_reals("paper_adapters", "paper_fine_tuning", "bayes_accuracy", nullable=True),
        *_texts("notes", "seed"),
        *_texts("removed_at", nullable=True),
        PrimaryKeyConstraint("run_id", "position"),
        ForeignKeyConstraint(["run_id"], ["runs.id"]),
    )
    op.create_table(
        "test_sets",
        *_integers("run_id", "position"),
        *_texts("split", "sha256"),
        PrimaryKeyConstraint("run_id", "position", "split"),
        _task_key(),
        ForeignKeyConstraint(["sha256"], ["blobs.sha256"]),
    )
    op.create_index("ix_test_sets_sha256", "test_sets", ["sha256"])


def _create_training() -> None:
    op.create_table(
        "epochs",
        *_integers("run_id", "position", "attempt", "epoch"),
        *_reals("train_loss", "valid", nullable=True),
        *_reals("learning_rate"),
        *_integers("num_tokens"),
        *_reals("seconds"),
        PrimaryKeyConstraint("run_id", "position", "attempt", "epoch"),
        _task_key(),
    )
    op.create_table(
        "checkpoints",
        *_integers("run_id", "position", "step"),
        *_texts("path", "sha256"),
        *_integers("num_bytes"),
        PrimaryKeyConstraint("run_id", "position"),
        _task_key(),
    )


def _create_parameters() -> None:
    op.create_table(
        "parameters",
        *_integers("run_id", "position"),
        *_texts("owner", "sha256", "recipe_sha256"),
        *_integers("adapter_params", "layer_norm_params", "head_params", "other_params", "num_bytes"),
        Column("reads_backbone", Boolean(), nullable=False),
        *_integers("best_epoch"),
        *_reals("valid", "learned_value", nullable=True),
        *_texts("learned_logits_sha256", "learned_predictions_sha256", "plan_sha256"),
        *_reals("seconds"),
        *_integers("num_trained"),
        *_texts("notes"),
        *_texts("removed_at", nullable=True),
        Column("row_sha256", LargeBinary(32), nullable=False),
        PrimaryKeyConstraint("run_id", "position", "owner"),
        _task_key(),
        ForeignKeyConstraint(["learned_predictions_sha256"], ["blobs.sha256"]),
        ForeignKeyConstraint(["plan_sha256"], ["plans.sha256"]),
    )
    for column in ("sha256", "recipe_sha256", "learned_predictions_sha256"):
        op.create_index(f"ix_parameters_{column}", "parameters", [column])


def _create_evaluations() -> None:
    op.create_table(
        "evaluations",
        *_integers("run_id", "after_position", "on_position"),
        *_texts("split", "metric"),
        *_reals("value", nullable=True),
        *_texts("logits_sha256", "predictions_sha256", "plan_sha256"),
        *_integers("changed_predictions", "num_examples"),
        *_reals("seconds"),
        *_texts("secondary"),
        Column("row_sha256", LargeBinary(32), nullable=False),
        PrimaryKeyConstraint("run_id", "after_position", "on_position", "split"),
        _task_key("after_position"),
        _task_key("on_position"),
        ForeignKeyConstraint(["predictions_sha256"], ["blobs.sha256"]),
        ForeignKeyConstraint(["plan_sha256"], ["plans.sha256"]),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_evaluations_run_id_on_position_after_position",
        "evaluations",
        ["run_id", "on_position", "after_position"],
    )
