"""The ledger: everything one run did, committed row by row.

Each method is one transaction: what it recorded is there after a SIGKILL, or none of it is. Rows never leave
`db`; frozen records do. The methods lie in parts by noun: arrivals, tensors (parameters), evaluations,
checkpoints, trials, trainings, measurements, removal, integrity.
"""

from functools import partial

from sqlalchemy import select, update

from db.ledger.arrivals import ArrivalRows
from db.ledger.evaluations import EvaluationRows
from db.ledger.integrity import Integrity
from db.ledger.measurements import MeasurementRows
from db.ledger.removal import Removal
from db.ledger.tensors import ParameterRows
from db.ledger.trainings import Trainings
from db.ledger.trials import TrialRows
from db.records import RunRecord, RunStatus
from db.rows import decode_run, encode, now, seen_run, table_of
from db.storage.locks import is_lock_held
from db.tables import RunRow


class Ledger(
    ArrivalRows,
    ParameterRows,
    TrialRows,
    Trainings,
    EvaluationRows,
    MeasurementRows,
    Removal,
    Integrity,
):
    """Everything recorded about one run; made by `Database.create_run` or `Database.ledger`."""

    def run(self) -> RunRecord:
        """Return the run; one stored as running that no live process holds is `interrupted`.

        Raises:
            DamageError: the row cannot be read.
        """
        query = select(table_of(RunRow)).where(RunRow.id == self.run_id)
        with self.storage.reading() as connection:
            row = connection.execute(query).mappings().one()
        stored = self.decoded(decode_run, row, "run row")
        return seen_run(stored, partial(is_lock_held, self.storage.address))

    def set_status(self, status: RunStatus, message: str = "") -> None:
        """Record how the run stands.

        Args:
            status: `finished` also records the time; any other clears it.
            message: why it failed; empty otherwise.
        """
        moment = now()
        finished_at = moment if status is RunStatus.FINISHED else None
        self._update(status=status.value, message=message, finished_at=finished_at, heartbeat_at=moment)

    def restore_status(self, before: RunRecord) -> None:
        """Let the run stand as it stood: status, message and the time it was finished.

        Args:
            before: the run as it was read then.
        """
        stood = encode(before)
        self._update(
            **{name: stood[name] for name in ("status", "message", "finished_at")}, heartbeat_at=now()
        )

    def heartbeat(self) -> None:
        """Record a sign of life, for display only. Any thread may call it; a few times a minute is enough."""
        self._update(heartbeat_at=now())

    def _update(self, **values: str | None) -> None:
        with self.storage.writing() as connection:
            connection.execute(update(table_of(RunRow)).where(RunRow.id == self.run_id).values(**values))
