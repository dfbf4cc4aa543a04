"""The tables of trials and of their checkpoints; see `db.tables`."""

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.runs import ROW_DIGEST_BYTES, Base


class TrialRow(Base):
    """One training of the task at a position; `sha256` names its blob until the task is removed."""

    __tablename__ = "trials"
    __table_args__ = (
        ForeignKeyConstraint(["run_id", "position"], ["tasks.run_id", "tasks.position"]),
        Index(None, "sha256"),
        Index(None, "recipe_sha256"),
        Index(None, "predictions_sha256"),
    )

    run_id: Mapped[int] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    recipe_sha256: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int]
    seed: Mapped[str]
    method: Mapped[str]
    options: Mapped[str]
    learning_rate: Mapped[float]
    num_epochs: Mapped[int]
    num_params: Mapped[int]
    status: Mapped[str]
    rung: Mapped[int | None]
    history: Mapped[str]
    best_epoch: Mapped[int | None]
    valid: Mapped[float | None]
    standard_error: Mapped[float | None]
    num_trained: Mapped[int | None]
    num_steps: Mapped[int]
    num_tokens: Mapped[int]
    seconds: Mapped[float]
    reused_tokens: Mapped[int]
    reused_seconds: Mapped[float]
    predictions_sha256: Mapped[str | None] = mapped_column(ForeignKey("blobs.sha256"))
    logits_sha256: Mapped[str | None]
    plan_sha256: Mapped[str | None]
    sha256: Mapped[str | None]
    source: Mapped[str]
    notes: Mapped[str]
    removed_at: Mapped[str | None]
    row_sha256: Mapped[bytes] = mapped_column(LargeBinary(ROW_DIGEST_BYTES))


class TrialCheckpointRow(Base):
    """The newest checkpoint of a trial that is not finished."""

    __tablename__ = "trial_checkpoints"
    __table_args__ = (
        ForeignKeyConstraint(
            ["run_id", "position", "recipe_sha256"],
            ["trials.run_id", "trials.position", "trials.recipe_sha256"],
        ),
    )

    run_id: Mapped[int] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    recipe_sha256: Mapped[str] = mapped_column(primary_key=True)
    step: Mapped[int]
    path: Mapped[str]
    sha256: Mapped[str]
    num_bytes: Mapped[int]
