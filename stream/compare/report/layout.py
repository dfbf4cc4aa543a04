"""The table of methods as it is printed: titles, texts and marks, the same in every format.

Rows: one per task, the averages, and below them the facts of whole runs. Columns: the paper's, then one per
run. An empty text is a value that does not exist, and a note of the table says why.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stream.compare.table import AverageRow, MethodTable, Numbers, PaperValues, best_of
from stream.reports.table import Value
from stream.words import number

PAPER_TITLES = ("No-BERT", "Fine-tune", "Variable FT", "Adapters")
PAPER_KEYS = ("paper_no_bert", "paper_fine_tuning", "paper_variable_fine_tuning", "paper_adapters")
PAPER_NUM_TASKS = 17
PAPER_TOTAL_PARAMS = (None, 17.0, 9.9, 1.19)
"""Houlsby et al. 2019, Table 2: total parameters of its 17 tasks, as multiples of BERT-base."""
PAPER_TRAINED_FRACTION = (None, 1.0, 0.529, 0.0114)
"""The same table: trained parameters per task / parameters of BERT-base."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GridColumn:
    """One column of values."""

    title: str
    key: str
    """Name in CSV files."""
    is_ours: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class GridCell:
    """One value, and how it is printed."""

    value: Value
    text: str
    is_best: bool = False
    """The largest value of the row among our runs."""
    standard_error: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class GridRow:
    """One line of the table."""

    title: str
    data: str
    """real, partial or simulated; empty where the row is about whole runs."""
    cells: tuple[GridCell, ...]
    is_task: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Grid:
    """The whole table."""

    columns: tuple[GridColumn, ...]
    rows: tuple[GridRow, ...]


def grid_of(table: MethodTable) -> Grid:
    """Return the table as printed; reference columns without a single value are left out."""
    references = (
        *(
            GridColumn(title=f"paper: {title}", key=key, is_ours=False)
            for title, key in zip(PAPER_TITLES, PAPER_KEYS, strict=True)
        ),
        GridColumn(title="at best", key="bayes_accuracy", is_ours=False),
    )
    ours = tuple(GridColumn(title=column.label, key=column.label, is_ours=True) for column in table.columns)
    rows = (*_task_rows(table), *_average_rows(table), *_fact_rows(table))
    tasks = [row for row in rows if row.is_task]
    kept = [i for i in range(len(references)) if any(row.cells[i].value is not None for row in tasks)]
    kept += [len(references) + i for i in range(len(ours))]
    columns = (*references, *ours)
    return Grid(
        columns=tuple(columns[i] for i in kept),
        rows=tuple(
            GridRow(
                title=row.title, data=row.data, is_task=row.is_task, cells=tuple(row.cells[i] for i in kept)
            )
            for row in rows
        ),
    )


def _task_rows(table: MethodTable) -> Iterator[GridRow]:
    for row in table.rows:
        errors = [cell.standard_error if cell else None for cell in row.cells]
        cells = (*_references(row.paper, row.bayes_accuracy), *_ours(row.values, errors))
        yield GridRow(title=row.task, data=row.data, cells=cells, is_task=True)


def _average_rows(table: MethodTable) -> Iterator[GridRow]:
    for average in table.averages:
        cells = (
            *_references(average.paper, average.bayes_accuracy),
            *_ours(average.values, average.standard_errors),
        )
        yield GridRow(title=average_title(average), data=average.data, cells=cells, is_task=False)


def average_title(average: AverageRow) -> str:
    """Return "average of 15", with the metrics where they are not one."""
    metrics = f" ({', '.join(average.metrics)})" if len(average.metrics) > 1 else ""
    return f"average of {len(average.tasks)}{metrics}"


def _references(paper: PaperValues, bayes_accuracy: float | None) -> Iterator[GridCell]:
    for value in (*paper.in_order, bayes_accuracy):
        yield _plain(value)


def _ours(values: Numbers, errors: Sequence[float | None]) -> Iterator[GridCell]:
    best = best_of(values)
    for index, (value, error) in enumerate(zip(values, errors, strict=True)):
        text = _text(value)
        yield GridCell(value=value, text=text, is_best=index in best, standard_error=error)


def _plain(value: float | None) -> GridCell:
    return GridCell(value=value, text=_text(value))


def _text(value: float | None) -> str:
    return "" if value is None else number(value)


def _fact_rows(table: MethodTable) -> Iterator[GridRow]:
    for average in table.averages:
        cells = (*_no_references(), *(_plain(value) for value in average.forgetting))
        yield GridRow(title="forgetting", data=average.data, cells=cells, is_task=False)
    columns = table.columns
    whole = sum(row.paper.adapters is not None for row in table.rows) == PAPER_NUM_TASKS
    yield _fact(
        "total parameters",
        [*(_multiple(value if whole else None, whole) for value in PAPER_TOTAL_PARAMS), _EMPTY],
        [_multiple(column.total_factor, True) for column in columns],
    )
    yield _fact(
        "trained per task",
        [*(_fraction(value if whole else None, whole) for value in PAPER_TRAINED_FRACTION), _EMPTY],
        [_fraction(column.trained_fraction, True) for column in columns],
    )
    yield _fact(
        "training seconds",
        _no_references(),
        [GridCell(value=c.seconds, text="" if c.seconds is None else f"{c.seconds:,.0f}") for c in columns],
    )
    yield _fact("proof", _no_references(), [_word(column.proof) for column in columns])
    yield _fact("equal comparisons", _no_references(), [_word(column.comparisons) for column in columns])


def _fact(title: str, references: Sequence[GridCell], ours: Sequence[GridCell]) -> GridRow:
    return GridRow(title=title, data="", cells=(*references, *ours), is_task=False)


_EMPTY = GridCell(value=None, text="")


def _no_references() -> tuple[GridCell, ...]:
    return (_EMPTY,) * (len(PAPER_TITLES) + 1)


def _multiple(value: float | None, applies: bool) -> GridCell:
    """A multiple of the backbone; a dash where there is no backbone."""
    if value is None:
        return GridCell(value=None, text="-" if applies else "")
    return GridCell(value=value, text=f"{value:.2f}x")


def _fraction(value: float | None, applies: bool) -> GridCell:
    """A fraction of the backbone, small ones with the digits that tell them apart."""
    if value is None:
        return GridCell(value=None, text="-" if applies else "")
    return GridCell(value=value, text=f"{value:.4f}" if value >= 0.001 else f"{value:.1e}")


def _word(text: str | None) -> GridCell:
    return GridCell(value=text, text=text or "")
