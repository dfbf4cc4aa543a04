import csv
from pathlib import Path

import pytest

from stream.reports.run.tables import write_tables
from stream.results.run_results import RunResults
from tests.stream.made_runs import made_results

DESIGNED_COLUMNS = {
    "forgetting.csv": "after, after_task, on, on_task, split, metric, value, value_when_learned, forgetting, "
    "changed_predictions, digest_equal, num_examples, secondary, data, notes",
    "accuracy_matrix.csv": "after, after_task, a, b, c",
    "size.csv": "position, task, task_params, adapter_params, layer_norm_params, head_params, other_params, "
    "task_bytes, total_params, total_bytes, growth_factor, separate_models_factor, trained_fraction, notes",
    "tasks.csv": "position, task, data, num_train, num_valid, num_test, num_labels, truncated_fraction, "
    "metric, test, secondary, further_tests, valid, best_epoch, seconds, chosen, paper_adapters, "
    "paper_fine_tuning, notes",
    "metrics.csv": "after, after_task, data, num_tasks, average_metric, average_forgetting, "
    "backward_transfer, learning_accuracy, average_incremental_metric, notes",
}


def tables(results: RunResults, out: Path) -> dict[str, list[dict[str, str]]]:
    read = {}
    for path in write_tables(results, out):
        with path.open(newline="", encoding="utf-8") as file:
            read[path.name] = list(csv.DictReader(file))
    return read


@pytest.mark.parametrize("num_learned", [0, 1, 3])
def test_columns_are_those_of_the_design(tmp_path: Path, num_learned: int) -> None:
    """Other tools find the same columns in the same order, however far the run has come."""
    paths = write_tables(made_results(num_learned=num_learned), tmp_path)
    headers = {path.name: path.read_text().split("\n")[0].replace(",", ", ") for path in paths}
    assert headers == DESIGNED_COLUMNS


def test_lines_end_like_unix(tmp_path: Path) -> None:
    """No carriage return is written, and the last line is ended."""
    for path in write_tables(made_results(), tmp_path):
        content = path.read_bytes()
        assert b"\r" not in content
        assert content.endswith(b"\n")


def test_values_round_trip(tmp_path: Path) -> None:
    """Reading a value back gives the very same float."""
    value = 0.1 + 0.2
    results = made_results(values={(0, 0): value, (1, 0): value / 3, (2, 0): value / 7})
    read = tables(results, tmp_path)
    column = [float(row["a"]) for row in read["accuracy_matrix.csv"]]
    assert column == [value, value / 3, value / 7]
    assert [float(row["value"]) for row in read["forgetting.csv"] if row["on"] == "0"] == column
    assert float(read["tasks.csv"][0]["test"]) == value


def test_the_matrix_is_empty_above_the_diagonal(tmp_path: Path) -> None:
    """One row per arrival and one column per task; what does not exist is empty, not 0."""
    rows = tables(made_results(), tmp_path)["accuracy_matrix.csv"]
    assert [[row[name] for name in "abc"] for row in rows] == [
        ["0.5", "", ""],
        ["0.5", "0.51", ""],
        ["0.5", "0.51", "0.52"],
    ]
    assert [row["after_task"] for row in rows] == ["a", "b", "c"]


def test_forgetting_rows(tmp_path: Path) -> None:
    """Forgetting is 0.0 where nothing changed, and empty with a note where the task has just arrived."""
    rows = tables(made_results(values={(2, 0): 0.25}), tmp_path)["forgetting.csv"]
    assert [(row["after"], row["on"]) for row in rows] == [
        (str(after), str(on)) for after in range(3) for on in range(after + 1)
    ]
    by_cell = {(row["after_task"], row["on_task"]): row for row in rows}
    assert by_cell["b", "a"]["forgetting"] == "0.0"
    assert by_cell["b", "a"]["digest_equal"] == "true"
    assert by_cell["b", "a"]["notes"] == ""
    assert float(by_cell["c", "a"]["forgetting"]) == 0.25
    assert by_cell["c", "a"]["digest_equal"] == "false"
    assert by_cell["c", "a"]["changed_predictions"] == "1"
    assert by_cell["c", "c"]["forgetting"] == ""
    assert "just arrived" in by_cell["c", "c"]["notes"]


def test_digests_of_another_plan_are_empty(tmp_path: Path) -> None:
    """Digests that cannot be compared are neither true nor false, and the note says why."""
    row = tables(made_results(other_plan={(2, 0)}), tmp_path)["forgetting.csv"][3]
    assert row["digest_equal"] == ""
    assert "another evaluation plan" in row["notes"]


def test_data_status_stands_in_every_row(tmp_path: Path) -> None:
    """Partial and simulated tasks are marked wherever their numbers stand."""
    read = tables(made_results(data={"a": "partial", "b": "simulated"}), tmp_path)
    assert [row["data"] for row in read["tasks.csv"]] == ["partial", "simulated", "real"]
    assert {row["data"] for row in read["forgetting.csv"] if row["on_task"] == "b"} == {"simulated"}
    assert "any classifier can reach: 0.950; reached share of it: 0.537" in read["tasks.csv"][1]["notes"]


def test_kinds_of_parameters_sum_to_the_task(tmp_path: Path) -> None:
    """Adapter, layer norm, head and other parameters are all there is."""
    rows = tables(made_results(), tmp_path)["size.csv"]
    kinds = ("adapter_params", "layer_norm_params", "head_params", "other_params")
    for row in rows:
        assert sum(int(row[kind]) for kind in kinds) == int(row["task_params"]) == 100
    assert [float(row["growth_factor"]) for row in rows] == [1.1, 1.2, 1.3]


def test_a_removed_task_is_empty_in_sizes(tmp_path: Path) -> None:
    """A removed task keeps its row with a note; its sizes are empty, not 0."""
    read = tables(made_results(removed={1}), tmp_path)
    row = read["size.csv"][1]
    assert [value for key, value in row.items() if value] == ["1", "b", "removed: nothing of it is stored"]
    assert "removed" in read["tasks.csv"][1]["notes"]


def test_names_may_hold_commas_and_quotes(tmp_path: Path) -> None:
    """A user's task name comes back as it was, whatever signs it holds."""
    names = ['comma, "quote"', "line\nbreak", "ümlaut"]
    rows = tables(made_results(names), tmp_path)["tasks.csv"]
    assert [row["task"] for row in rows] == names


def test_metrics_after_each_arrival(tmp_path: Path) -> None:
    """R = [.5], [.4, .5], [.4, .3, .5]: averages, forgetting and transfer as computed by hand."""
    values = {(0, 0): 0.5, (1, 0): 0.4, (1, 1): 0.5, (2, 0): 0.4, (2, 1): 0.3, (2, 2): 0.5}
    rows = tables(made_results(values=values), tmp_path)["metrics.csv"]
    names = ("average_metric", "average_forgetting", "backward_transfer", "average_incremental_metric")
    found = [[float(row[name]) if row[name] else None for name in names] for row in rows]
    assert found[0] == [0.5, None, None, 0.5]
    assert found[1] == pytest.approx([0.45, 0.1, -0.1, 0.475])
    assert found[2] == pytest.approx([0.4, 0.15, -0.15, 0.45])
    assert [row["learning_accuracy"] for row in rows] == ["0.5", "0.5", "0.5"]
    assert rows[0]["notes"] == "forgetting and transfer undefined before a second task"


def test_metrics_of_real_and_simulated_tasks_are_apart(tmp_path: Path) -> None:
    """Each kind of data has rows of its own, from the arrival of its first task on."""
    rows = tables(made_results(("a", "b", "c"), data={"b": "simulated"}), tmp_path)["metrics.csv"]
    assert [(row["after"], row["data"], row["num_tasks"]) for row in rows] == [
        ("0", "real", "1"),
        *(("1", "real", "1"), ("1", "simulated", "1")),
        *(("2", "real", "2"), ("2", "simulated", "1")),
    ]
