"""The table of measurements; see `db.tables`."""

from sqlalchemy import ForeignKey, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.runs import ROW_DIGEST_BYTES, Base


class MeasurementRow(Base):
    """One measurement of a study; `key` and `content` are canonical JSON."""

    __tablename__ = "measurements"

    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id"), primary_key=True)
    study: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    content: Mapped[str]
    row_sha256: Mapped[bytes] = mapped_column(LargeBinary(ROW_DIGEST_BYTES))
