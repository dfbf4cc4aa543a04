"""The tables, as typed SQLAlchemy models.

Rows never leave `db`; `db.rows` turns them into records and back. The schema itself is made by the
migrations; a test holds the two together. Hashes are lower-case hex, moments are ISO 8601 text in UTC and
structured values are JSON text, so that any SQLite tool can read them.
"""

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

ROW_DIGEST_BYTES = 32

# Alembic needs a name for every constraint that a later migration may drop.
_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


# SQLite's INTEGER has 64 bits already, and only a column of that name counts up as a primary key.
_INTEGER = BigInteger().with_variant(Integer(), "sqlite")


class Base(DeclarativeBase):
    """Base of all models; text is unbounded and keys are named."""

    metadata = MetaData(naming_convention=_NAMES)
    type_annotation_map = {str: Text(), int: _INTEGER, bytes: LargeBinary()}  # noqa: RUF012  # read by SQLAlchemy


class RunRow(Base):
    """One run."""

    __tablename__ = "runs"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    status: Mapped[str]
    suite: Mapped[str]
    method: Mapped[str]
    isolated: Mapped[bool]
    task_names: Mapped[str]
    backbone: Mapped[str]
    backbone_sha256: Mapped[str]
    backbone_params: Mapped[int]
    backbone_bytes: Mapped[int]
    configuration: Mapped[str]
    environment: Mapped[str]
    created_at: Mapped[str]
    heartbeat_at: Mapped[str]
    finished_at: Mapped[str | None]
    message: Mapped[str]
    regime: Mapped[str] = mapped_column(server_default="stream")


class BlobRow(Base):
    """Bytes stored once under their SHA-256: in the row, or beside the database as a file."""

    __tablename__ = "blobs"

    sha256: Mapped[str] = mapped_column(primary_key=True)
    num_bytes: Mapped[int]
    content: Mapped[bytes | None] = mapped_column(deferred=True)
    path: Mapped[str | None]
    """Relative to the folder beside the database."""


class PlanRow(Base):
    """One evaluation plan, shared by all runs."""

    __tablename__ = "plans"

    sha256: Mapped[str] = mapped_column(primary_key=True)
    content: Mapped[str]


class TaskRow(Base):
    """One task at its position in a run."""

    __tablename__ = "tasks"

    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    title: Mapped[str]
    data: Mapped[str]
    labels: Mapped[str]
    num_train: Mapped[int]
    num_valid: Mapped[int]
    num_test: Mapped[int]
    fingerprint: Mapped[str]
    truncated_fraction: Mapped[float]
    metric: Mapped[str]
    paper_adapters: Mapped[float | None]
    paper_fine_tuning: Mapped[float | None]
    bayes_accuracy: Mapped[float | None]
    notes: Mapped[str]
    seed: Mapped[str]
    """Decimal text: a seed may need 64 unsigned bits, more than an SQL integer holds."""
    removed_at: Mapped[str | None]
    paper_no_bert: Mapped[float | None]
    paper_variable_fine_tuning: Mapped[float | None]
    kind: Mapped[str] = mapped_column(server_default="classification")
    secondary: Mapped[str] = mapped_column(server_default="[]")
    published: Mapped[str] = mapped_column(server_default="{}")


def _task_key(column: str = "position") -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["run_id", column], ["tasks.run_id", "tasks.position"])


class TestSetRow(Base):
    """Tokens and labels of one split of a task, as a blob."""

    __tablename__ = "test_sets"
    __table_args__ = (_task_key(), Index(None, "sha256"))

    run_id: Mapped[int] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    split: Mapped[str] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(ForeignKey("blobs.sha256"))


class EpochRow(Base):
    """One epoch of training; an undefined loss (NaN) is NULL."""

    __tablename__ = "epochs"
    __table_args__ = (_task_key(),)

    run_id: Mapped[int] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    attempt: Mapped[int] = mapped_column(primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True)
    train_loss: Mapped[float | None]
    valid: Mapped[float | None]
    learning_rate: Mapped[float]
    num_tokens: Mapped[int]
    seconds: Mapped[float]


class ParametersRow(Base):
    """What one arrival learned for one owner; `sha256` names its blob until the task is removed."""

    __tablename__ = "parameters"
    __table_args__ = (
        _task_key(),
        Index(None, "sha256"),
        Index(None, "recipe_sha256"),
        Index(None, "learned_predictions_sha256"),
    )

    run_id: Mapped[int] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    owner: Mapped[str] = mapped_column(primary_key=True)
    sha256: Mapped[str]
    recipe_sha256: Mapped[str]
    adapter_params: Mapped[int]
    layer_norm_params: Mapped[int]
    head_params: Mapped[int]
    other_params: Mapped[int]
    num_bytes: Mapped[int]
    reads_backbone: Mapped[bool]
    best_epoch: Mapped[int]
    valid: Mapped[float | None]
    learned_value: Mapped[float | None]
    learned_logits_sha256: Mapped[str]
    learned_predictions_sha256: Mapped[str] = mapped_column(ForeignKey("blobs.sha256"))
    plan_sha256: Mapped[str] = mapped_column(ForeignKey("plans.sha256"))
    seconds: Mapped[float]
    num_trained: Mapped[int]
    notes: Mapped[str]
    removed_at: Mapped[str | None]
    row_sha256: Mapped[bytes] = mapped_column(LargeBinary(ROW_DIGEST_BYTES))


class LearnedSplitRow(Base):
    """What a further test split gave in memory; that of the main split stands in `parameters`."""

    __tablename__ = "learned_splits"
    __table_args__ = (_task_key(), Index(None, "predictions_sha256"))

    run_id: Mapped[int] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    split: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[float | None]
    logits_sha256: Mapped[str]
    predictions_sha256: Mapped[str] = mapped_column(ForeignKey("blobs.sha256"))
    plan_sha256: Mapped[str] = mapped_column(ForeignKey("plans.sha256"))
    row_sha256: Mapped[bytes] = mapped_column(LargeBinary(ROW_DIGEST_BYTES))


class EvaluationRow(Base):
    """R[after, on] of one split.

    Without a row id the primary key is the table itself, which saves a second copy of the key; half a
    million rows are workable. `row_sha256` is raw bytes for the same reason: only `db` reads it.
    """

    __tablename__ = "evaluations"
    __table_args__ = (
        _task_key("after_position"),
        _task_key("on_position"),
        Index(None, "run_id", "on_position", "after_position"),
        {"sqlite_with_rowid": False},
    )

    run_id: Mapped[int] = mapped_column(primary_key=True)
    after_position: Mapped[int] = mapped_column(primary_key=True)
    on_position: Mapped[int] = mapped_column(primary_key=True)
    split: Mapped[str] = mapped_column(primary_key=True)
    metric: Mapped[str]
    value: Mapped[float | None]
    logits_sha256: Mapped[str]
    predictions_sha256: Mapped[str] = mapped_column(ForeignKey("blobs.sha256"))
    plan_sha256: Mapped[str] = mapped_column(ForeignKey("plans.sha256"))
    changed_predictions: Mapped[int]
    num_examples: Mapped[int]
    seconds: Mapped[float]
    secondary: Mapped[str]
    row_sha256: Mapped[bytes] = mapped_column(LargeBinary(ROW_DIGEST_BYTES))


class CheckpointRow(Base):
    """The newest training checkpoint of an arrival that is not finished."""

    __tablename__ = "checkpoints"
    __table_args__ = (_task_key(),)

    run_id: Mapped[int] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    step: Mapped[int]
    path: Mapped[str]
    sha256: Mapped[str]
    num_bytes: Mapped[int]
