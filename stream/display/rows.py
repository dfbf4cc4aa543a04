"""How far a row of R is that the ledger shows."""

from db.records import Regime
from stream.results.run_results import RunResults

Row = tuple[float | None, ...]
"""One row of R: values on tasks 0, 1, ...; None where not measured."""


def row_splits(results: RunResults, after: int) -> int:
    """Comparisons that a complete row of R has: all test splits of the tasks served then.

    Removed tasks are counted as far as they were evaluated before.
    """
    if results.run.regime is Regime.SEPARATE:
        return results.num_splits.get(after, 1)
    removed = {task.position for task in results.tasks if task.removed}
    gone = sum(c.after == after and c.on in removed for c in results.comparisons)
    due = results.proof.coverage.due(after)
    return gone + sum(results.num_splits.get(on, 1) for on in due if on not in removed)


def without_tail(row: Row) -> Row:
    """Drop what is unknown at the end of a row, so that its length says how far it is."""
    while row and row[-1] is None:
        row = row[:-1]
    return row
