"""Methods side by side: several runs over the same tasks as one frozen value, in the paper's Table 2 layout.

`stream.compare.tabulation` fills it. A row is a task together with the kind of its data, so that a stand-in
never stands in the row of a real task. Every average is over the tasks that all runs have, one average per
kind of data; what makes runs unequal (seed, data, budget, machine) becomes a note. No figures, no layout.
"""

from dataclasses import astuple, dataclass

from db.records import Regime
from stream.results.comparisons import ProofStatus
from stream.results.run_results import RunResults, TaskResult

Numbers = tuple[float | None, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class PaperValues:
    """Test accuracies of Houlsby et al. 2019, Table 2; None where unknown or not comparable."""

    no_bert: float | None = None
    fine_tuning: float | None = None
    variable_fine_tuning: float | None = None
    adapters: float | None = None

    @property
    def in_order(self) -> Numbers:
        """The four values in the order of the paper's columns."""
        return astuple(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """What one run says about one task; values are fractions 0-1."""

    value: float | None
    """The newest R[after, on]: the test metric of the task as it is served now."""
    standard_error: float | None
    """Binomial, sqrt(v (1 - v) / num_test); None for metrics that are no share of examples."""
    value_when_learned: float | None
    forgetting: float | None
    """Chaudhry et al. 2018, after the last arrival; None where undefined."""
    trained_fraction: float | None
    """Parameters trained for the task / parameters of the backbone; None without a backbone."""
    task: TaskResult


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskRow:
    """One task, with the kind of its data, under every run."""

    task: str
    data: str
    """real, partial or simulated."""
    metric: str
    paper: PaperValues
    """Empty for simulated tasks: the paper's figures are about the real texts."""
    bayes_accuracy: float | None
    cells: tuple[Cell | None, ...]
    """One per run, in the table's order; None where the run does not have the task."""

    @property
    def values(self) -> Numbers:
        """Value of the task per run."""
        return tuple(cell.value if cell else None for cell in self.cells)

    @property
    def is_shared(self) -> bool:
        """Whether every run has a value for the task."""
        return None not in self.values


@dataclass(frozen=True, kw_only=True, slots=True)
class AverageRow:
    """Means over the tasks of one kind of data that all runs have."""

    data: str
    tasks: tuple[str, ...]
    metrics: tuple[str, ...]
    paper: PaperValues
    """Means over the same tasks; None unless the paper has a figure for each."""
    bayes_accuracy: float | None
    values: Numbers
    standard_errors: Numbers
    """Of the mean, from those of the tasks, whose test splits are independent."""
    forgetting: Numbers
    """F of Chaudhry et al. 2018 over the same tasks; the last arrival has none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MethodColumn:
    """One run as a whole."""

    label: str
    """The method, with the run's name where two runs share a method."""
    results: RunResults
    total_factor: float | None
    """Parameters needed to serve all tasks of the run / those of the backbone; None without a backbone."""
    trained_fraction: float | None
    """Mean over the tasks that all runs have."""
    seconds: float | None
    """Training time of the tasks that all runs have."""

    @property
    def proof(self) -> str | None:
        """How the comparisons of the run ended; None where nothing is served again."""
        run, status = self.results.run, self.results.proof.status
        if run.regime is Regime.SEPARATE:
            return None
        if status is ProofStatus.FORGOTTEN:
            return "forgotten" if run.regime is Regime.STREAM and not run.isolated else "failed"
        if status is ProofStatus.PROVEN:
            return "restored" if run.regime is Regime.JOINT else "proven"
        return status.value

    @property
    def comparisons(self) -> str | None:
        """Equal comparisons of those expected, such as 153/153; None where nothing is served again."""
        proof = self.results.proof
        separate = self.results.run.regime is Regime.SEPARATE
        return None if separate else f"{proof.num_equal}/{proof.num_expected}"


@dataclass(frozen=True, kw_only=True, slots=True)
class MethodTable:
    """Several runs side by side."""

    columns: tuple[MethodColumn, ...]
    rows: tuple[TaskRow, ...]
    """In the first run's order of arrival; tasks that only later runs have come last."""
    averages: tuple[AverageRow, ...]
    """One per kind of data that all runs share, in the order real, partial, simulated."""
    notes: tuple[str, ...]
    """What is unequal between the runs, and why cells are empty."""

    @property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """Columns of runs that share a task, each group as large as possible, the first ones first."""
        having = {
            frozenset(i for i, value in enumerate(row.values) if value is not None) for row in self.rows
        }
        largest = (one for one in having if one and not any(one < other for other in having))
        return tuple(sorted(tuple(sorted(one)) for one in largest))


def best_of(values: Numbers) -> frozenset[int]:
    """Return the indices of the largest value; none where there are not two values to compare."""
    known = [value for value in values if value is not None]
    return frozenset(i for i, value in enumerate(values) if len(known) > 1 and value == max(known))
