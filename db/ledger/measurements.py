"""The ledger's measurements: what studies found, by study and by what was varied."""

import json
from collections.abc import Sequence

from sqlalchemy import insert, select

from db.ledger.part import LedgerPart
from db.records.measurements import Measurement
from db.rows import Row, encode, row_digest, table_of
from db.tables.measurements import MeasurementRow


class MeasurementRows(LedgerPart):
    """What studies measured beside the stream."""

    def record_measurement(self, measurement: Measurement) -> None:
        """Record one measurement; see `record_measurements`."""
        self.record_measurements([measurement])

    def record_measurements(self, measurements: Sequence[Measurement]) -> None:
        """Record measurements that were made together, all of them or none.

        Raises:
            ConflictError: one of the same study and key is recorded already.
        """
        table = table_of(MeasurementRow)
        with self.storage.writing() as connection:
            for measurement in measurements:
                values = encode(measurement)
                values["row_sha256"] = row_digest(table, self.name, values)
                connection.execute(insert(table).values(run_id=self.run_id, **values))

    def measurements(self, study: str) -> tuple[Measurement, ...]:
        """Return the measurements of a study, in order of their keys as text.

        Raises:
            DamageError: a row cannot be read.
        """
        table = table_of(MeasurementRow)
        at = (table.c.run_id == self.run_id, table.c.study == study)
        with self.storage.reading() as connection:
            rows = connection.execute(select(table).where(*at).order_by(table.c.key)).mappings().all()
        return tuple(self.decoded(_decode, row, f"measurement row of {study}") for row in rows)


def _decode(row: Row) -> Measurement:
    key, content = json.loads(row["key"]), json.loads(row["content"])
    if not isinstance(key, dict) or not isinstance(content, dict):
        raise ValueError("a measurement's key and content are JSON objects")
    return Measurement(study=row["study"], key=key, content=content)
