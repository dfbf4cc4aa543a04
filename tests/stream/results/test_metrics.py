from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from stream.learning.objectives.task_metrics import (
    CLASS_METRICS,
    accuracy,
    macro_f1,
    negative_flip_rate,
    num_changed,
)
from stream.results.metrics import AccuracyMatrix, Evaluation

WORKED = {(0, 0): 0.9, (1, 0): 0.7, (1, 1): 0.8, (2, 0): 0.8, (2, 1): 0.6, (2, 2): 0.5}
"""Three tasks: the first drops and recovers in part, the second drops."""


@pytest.fixture
def worked() -> AccuracyMatrix:
    return AccuracyMatrix.from_cells(("a", "b", "c"), WORKED)


@st.composite
def full_rows(draw: st.DrawFn, max_tasks: int = 6) -> list[list[float]]:
    """Rows of a full lower triangle; beartype draws random numbers, so no code under test runs in here."""
    num_tasks = draw(st.integers(1, max_tasks))
    return [draw(st.lists(st.floats(0, 1), min_size=n, max_size=n)) for n in range(1, num_tasks + 1)]


def full_matrix(rows: list[list[float]]) -> AccuracyMatrix:
    cells = {(after, on): value for after, row in enumerate(rows) for on, value in enumerate(row)}
    return AccuracyMatrix.from_cells(len(rows), cells)


def padded(matrix: AccuracyMatrix) -> np.ndarray:
    """The published codes work on a full T x T array; the upper triangle is never read below."""
    size = len(matrix.names)
    filled = np.full((size, size), np.nan)
    for after in range(size):
        for on in range(after + 1):
            filled[after, on] = matrix[after, on]
    return filled


def test_figures_worked_by_hand(worked: AccuracyMatrix) -> None:
    """Every figure of a three-task matrix equals the one worked out by hand."""
    assert worked.average_accuracy(0) == 0.9
    assert worked.average_accuracy(1) == pytest.approx(0.75)
    assert worked.average_accuracy() == pytest.approx((0.8 + 0.6 + 0.5) / 3)
    assert worked.average_incremental_accuracy() == pytest.approx((0.9 + 0.75 + 1.9 / 3) / 3)
    assert worked.backward_transfer() == pytest.approx((-0.1 - 0.2) / 2)
    assert worked.forgetting(1, 0) == pytest.approx(0.2)
    assert worked.forgetting(2, 0) == pytest.approx(0.1)
    assert worked.forgetting(2, 1) == pytest.approx(0.2)
    assert worked.average_forgetting() == pytest.approx(0.15)
    assert worked.largest_forgetting() == pytest.approx(0.2)
    assert worked.learning_accuracy() == pytest.approx((0.9 + 0.8 + 0.5) / 3)
    assert worked.intransigence(2, reference=0.6) == pytest.approx(0.1)


def test_forgetting_uses_the_best_earlier_row() -> None:
    """A task that rose before it fell is measured from its peak, not from its first value."""
    matrix = AccuracyMatrix.from_cells(3, WORKED | {(1, 0): 0.95})
    assert matrix.forgetting(2, 0) == pytest.approx(0.15)
    assert matrix.backward_transfer() == pytest.approx(-0.15)


def test_a_gain_is_negative_forgetting() -> None:
    """The current row is not part of the maximum, so a task that improves has negative forgetting."""
    assert AccuracyMatrix.from_cells(2, {(0, 0): 0.5, (1, 0): 0.6, (1, 1): 1.0}).forgetting(1, 0) == (
        pytest.approx(-0.1)
    )


def test_undefined_is_none(worked: AccuracyMatrix) -> None:
    """What a matrix cannot answer is None, never 0: the diagonal, one task, forward transfer, no rows."""
    assert [worked.forgetting(on, on) for on in range(3)] == [None] * 3
    assert worked.average_forgetting(0) is None
    assert worked.backward_transfer(0) is None
    assert worked.forward_transfer() is None
    empty = AccuracyMatrix.from_cells(3)
    figures = (empty.average_accuracy, empty.average_forgetting, empty.learning_accuracy)
    assert [figure() for figure in figures] == [None] * 3
    assert (empty.average_incremental_accuracy(), empty.largest_forgetting()) == (None, None)
    assert empty.intransigence(0, reference=0.9) is None


def test_unknown_cells_make_their_figures_unknown(worked: AccuracyMatrix) -> None:
    """A half-finished row has no average, and a hole in a column has no forgetting after it."""
    half = AccuracyMatrix.from_cells(
        3, {cell: v for cell, v in WORKED.items() if cell not in {(1, 0), (2, 2)}}
    )
    assert half.average_accuracy(2) is None
    assert half.average_accuracy(2, over={0, 1}) == pytest.approx(0.7)
    assert half.forgetting(2, 0) is None
    assert half.forgetting(2, 1) == pytest.approx(0.2)
    assert half[0, 2] is None


def test_figures_over_chosen_tasks(worked: AccuracyMatrix) -> None:
    """`over` restricts a figure to the chosen tasks, and no chosen task means no figure."""
    assert worked.average_accuracy(over={2}) == 0.5
    assert worked.average_forgetting(over={1, 2}) == pytest.approx(0.2)
    assert worked.learning_accuracy(over={0, 1}) == pytest.approx(0.85)
    assert worked.average_accuracy(over=()) is None


@pytest.mark.parametrize(("cell", "value"), [((0, 1), 0.5), ((3, 0), 0.5), ((-1, 0), 0.5), ((0, 0), np.nan)])
def test_cells_outside_the_triangle_are_refused(cell: tuple[int, int], value: float) -> None:
    """A cell above the diagonal or beyond the stream, or one that is not a number, is a ValueError."""
    with pytest.raises(ValueError, match=r"R\["):
        AccuracyMatrix.from_cells(3, {cell: float(value)})


def test_reading_outside_the_stream_is_refused(worked: AccuracyMatrix) -> None:
    """A task that the stream does not have is an IndexError, not an empty cell."""
    with pytest.raises(IndexError, match="tasks 0 to 2"):
        worked[3, 0]


@given(full_rows())
def test_growing_equals_building(rows: list[list[float]]) -> None:
    """Adding cells one by one, or rows, gives the matrix that is built at once."""
    matrix = full_matrix(rows)
    by_cell = by_row = AccuracyMatrix.from_cells(matrix.names)
    for after, row in enumerate(matrix.rows):
        by_row = by_row.with_row(after, row)
        for on, value in enumerate(row):
            assert value is not None
            by_cell = by_cell.with_cell(after, on, value)
    assert by_cell == by_row == matrix


def test_rows_may_come_late() -> None:
    """A row that is skipped is unknown until it is set; a row of the wrong length is refused."""
    matrix = AccuracyMatrix.from_cells(3).with_cell(2, 1, 0.5)
    assert matrix.rows == ((None,), (None, None), (None, 0.5, None))
    assert matrix.with_cell(0, 0, 1.0)[0, 0] == 1.0
    with pytest.raises(ValueError, match="row 1 of R holds 2 values"):
        matrix.with_row(1, (0.5,))


@given(full_rows())
def test_agem_forgetting(rows: list[list[float]]) -> None:
    """Average forgetting equals A-GEM's published loop: max over the rows before the last, minus the last."""
    matrix = full_matrix(rows)
    data, last = padded(matrix), len(matrix.names) - 1
    fgt = [np.nanmax(data[:last, task]) - data[last, task] for task in range(last)]
    expected = pytest.approx(np.mean(fgt)) if fgt else None
    assert matrix.average_forgetting() == expected


@given(full_rows())
def test_facil_forgetting(rows: list[list[float]]) -> None:
    """Each cell equals FACIL's forg_taw[t, u] = acc[:t, u].max() - acc[t, u], also row by row."""
    matrix = full_matrix(rows)
    data = padded(matrix)
    drops = list(matrix.forgetting_rows())
    for t in range(len(matrix.names)):
        for u in range(t):
            expected = np.nanmax(data[:t, u]) - data[t, u]
            assert matrix.forgetting(t, u) == pytest.approx(expected)
            assert drops[t][u] == matrix.forgetting(t, u)
        assert drops[t][t] is None


@given(full_rows())
def test_gem_transfer(rows: list[list[float]]) -> None:
    """ACC and BWT equal GEM's published code once its mean over T entries is set right to T - 1."""
    matrix = full_matrix(rows)
    result, num_tasks = padded(matrix), len(matrix.names)
    fin = result[num_tasks - 1]
    official_bwt = (fin - np.diagonal(result)).mean()
    assert matrix.average_accuracy() == pytest.approx(fin.mean())
    if num_tasks > 1:
        assert matrix.backward_transfer() == pytest.approx(official_bwt * num_tasks / (num_tasks - 1))


@given(full_rows())
def test_transfer_and_forgetting_are_bounded(rows: list[list[float]]) -> None:
    """Forgetting lies in [-1, 1], and BWT is never better than minus the average forgetting."""
    matrix = full_matrix(rows)
    for row in matrix.forgetting_rows():
        assert all(f is None or -1 <= f <= 1 for f in row)
    transfer, forgetting = matrix.backward_transfer(), matrix.average_forgetting()
    if transfer is not None and forgetting is not None:
        assert transfer >= -forgetting - 1e-12
        drops = [
            R_jj - R_Tj for R_jj, R_Tj in zip(np.diagonal(padded(matrix)), padded(matrix)[-1], strict=True)
        ]
        assert transfer == pytest.approx(-np.mean(drops[:-1]))


@given(st.lists(st.floats(0, 1), min_size=2, max_size=6))
def test_constant_columns_forget_nothing(values: list[float]) -> None:
    """A matrix whose columns never change has forgetting and backward transfer of exactly 0."""
    matrix = AccuracyMatrix.from_cells(len(values))
    for after in range(len(values)):
        matrix = matrix.with_row(after, values[: after + 1])
    assert matrix.largest_forgetting() == 0.0
    assert (matrix.average_forgetting(), matrix.backward_transfer()) == (0.0, 0.0)
    assert matrix.average_accuracy() == matrix.learning_accuracy()


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=30))
def test_metrics_agree_with_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    """Accuracy and macro F1 are those of scikit-learn."""
    predictions, labels = (np.array(column, dtype=np.int32) for column in zip(*pairs, strict=True))
    assert accuracy(predictions, labels) == np.mean([p == t for p, t in pairs])
    assert macro_f1(predictions, labels) == pytest.approx(f1_score(labels, predictions, average="macro"))


def test_negative_flips_do_not_cancel() -> None:
    """One example lost and one won leave accuracy equal, but the negative flip rate is a quarter of four."""
    labels, before, now = (np.array(values) for values in ([0, 0, 1, 1], [0, 1, 1, 1], [1, 0, 1, 1]))
    assert accuracy(before, labels) == accuracy(now, labels)
    assert negative_flip_rate(before, now, labels) == 0.25
    assert negative_flip_rate(before, labels, labels) == 0.0


@pytest.mark.parametrize("metric", CLASS_METRICS.values(), ids=CLASS_METRICS)
def test_metrics_need_examples(metric) -> None:
    """No examples, or unequal numbers of them, are a ValueError."""
    none, two, three = (np.zeros(size, dtype=np.int32) for size in (0, 2, 3))
    with pytest.raises(ValueError, match="no examples"):
        metric(none, none)
    with pytest.raises(ValueError, match="2 and 3 examples"):
        metric(two, three)


def test_changed_predictions_are_counted_from_bytes() -> None:
    """Predictions are little-endian int32, and differing classes are counted, not differing bytes."""
    before, now = (np.array(values, dtype="<i4").tobytes() for values in ([1, 2, 70000], [1, 3, 4]))
    assert num_changed(before, now) == 2
    assert num_changed(before, before) == 0


def test_evaluation_does_not_print_its_predictions() -> None:
    """The text form of an evaluation stays short however many examples it holds."""
    predictions = bytes(4000)
    evaluation = Evaluation(
        metric="accuracy",
        value=0.5,
        num_examples=1000,
        logits_sha256=sha256(b"logits").hexdigest(),
        predictions_sha256=sha256(predictions).hexdigest(),
        predictions=predictions,
        plan_sha256=sha256(b"plan").hexdigest(),
        seconds=0.1,
    )
    assert len(repr(evaluation)) < 500


@given(full_rows(), st.data())
def test_progress_is_what_each_figure_says(rows: list[list[float]], data: st.DataObject) -> None:
    """After every arrival, over any tasks, the figures are those of the matrix cut there."""
    matrix = full_matrix(rows)
    over = data.draw(st.sets(st.sampled_from(range(len(rows))), min_size=1)) if rows else set()
    for point in matrix.progress(over):
        k = point.after
        assert point.average == matrix.average_accuracy(k, over)
        assert point.forgetting == matrix.average_forgetting(k, over)
        assert point.learning == matrix.learning_accuracy(k, over)
    for point in matrix.progress():
        assert point.backward_transfer == matrix.backward_transfer(point.after)
        assert point.incremental == matrix.average_incremental_accuracy(point.after)
