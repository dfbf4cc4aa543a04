import re
from dataclasses import replace

import pytest

from stream.reports.run import last_lines
from stream.reports.run.averages import averages, forgetting_summary, last_full_row, reached_share
from stream.reports.run.markdown import summary_markdown
from stream.reports.run.page import page_html
from stream.results.comparisons import ProofStatus
from stream.results.run_results import RunResults
from tests.stream.made_runs import made_results

MIXED = {"b": "partial", "c": "simulated"}


def lines(results: RunResults, growth: float | None = None) -> dict[str, str]:
    """The last lines by title; the averages, which repeat a title, keep only their last one."""
    return dict(line.split(": ", 1) for line in last_lines(results, bert_base_growth=growth))


def test_kinds_of_data_are_never_averaged_together() -> None:
    """Real, partial and simulated tasks have an average each, with its count, and each line says which."""
    found = last_lines(made_results(("a", "b", "c", "d"), data=MIXED), bert_base_growth=None)
    texts = [line.split(": ", 1)[1] for line in found if line.startswith("Average")]
    assert texts[0].startswith("0.515 over 2 complete real tasks")
    assert texts[1].startswith("0.510 over 1 partial task")
    assert texts[2].startswith(
        "0.520 over 1 simulated task (at best 0.950 can be reached, reached share 0.547)"
    )
    assert len(texts) == 3


def test_the_papers_figures_do_not_stand_beside_simulated_tasks() -> None:
    """The paper's accuracies are about real texts; an average of stand-ins is shown without them."""
    by_data = {average.data: average for average in averages(made_results(data=MIXED))}
    assert by_data["real"].paper_adapters == 0.8
    assert by_data["simulated"].paper_adapters is None
    text = summary_markdown(made_results(data=MIXED), bert_base_growth=None)
    (row,) = [line for line in text.splitlines() if line.startswith("| c |")]
    assert "0.800" not in row
    assert "0.950" in row


def test_the_reached_share_is_about_accuracy_and_known_limits() -> None:
    """It is accuracy over Bayes accuracy; without either, or for another metric, there is none."""
    assert reached_share(("accuracy",), 0.76, 0.95) == pytest.approx(0.8)
    assert reached_share(("accuracy",), 0.76, None) is None
    assert reached_share(("accuracy",), None, 0.95) is None
    assert reached_share(("macro_f1",), 0.76, 0.95) is None
    assert reached_share(("accuracy", "macro_f1"), 0.76, 0.95) is None
    text = summary_markdown(made_results(data=MIXED), bert_base_growth=None)
    assert "| c | simulated | accuracy | 0.520 | 0.520 |  |  | 0.950 | 0.547 |" in text


def test_averages_leave_removed_tasks_out() -> None:
    """A removed task is in no average, and a row counts as complete without it."""
    results = made_results(removed={0})
    assert last_full_row(results) == 2
    (average,) = averages(results)
    assert (average.num_tasks, average.value) == (2, pytest.approx(0.515))


def test_an_unfinished_row_is_not_averaged() -> None:
    """While the tasks of an arrival are still being evaluated, the average is that of the arrival before."""
    results = made_results()
    open_row = replace(
        results,
        matrix=results.matrix.with_row(2, (0.5, None, None)),
        comparisons=tuple(c for c in results.comparisons if (c.after, c.on) not in {(2, 1), (2, 2)}),
    )
    assert last_full_row(open_row) == 1
    assert averages(open_row)[0].num_tasks == 2


def test_a_proven_run() -> None:
    """A run that forgot nothing says so in exact words: 0 in all cells, all comparisons equal."""
    found = lines(made_results(("a", "b", "c", "d")))
    assert found["Forgetting"] == "exactly 0 in all 6 cells"
    assert found["Comparisons"] == "10 of 10 comparisons equal"
    assert found["Proof"].startswith("proven bit for bit")
    assert found["Data"] == "4 real"


def test_a_forgetting_run() -> None:
    """Forgetting is shown as average and worst cell, and the method that shares tensors is named."""
    found = lines(made_results(values={(2, 0): 0.3}, isolated=False))
    assert found["Forgetting"] == "average 0.100, largest 0.200 (a after c); 1 of 3 cells differ from 0"
    assert found["Comparisons"] == "5 of 6 comparisons equal (1 different, 1 predictions changed)"
    assert found["Proof"].startswith("forgotten: sequential shares")


def test_a_broken_promise_is_a_failure() -> None:
    """A method that shares nothing and still forgets has failed, and the line names the next command."""
    assert "stream.verify" in lines(made_results(values={(2, 0): 0.3}))["Proof"]


def test_gains_are_not_hidden() -> None:
    """A cell that improved is not forgetting, but the run is no longer called exactly 0."""
    summary = forgetting_summary(made_results(values={(2, 0): 0.9}))
    assert (summary.num_not_zero, summary.largest) == (1, 0.0)
    assert summary.average == pytest.approx(-0.2)


def test_another_plan_is_said() -> None:
    """Where digests cannot be compared, the lines say so instead of proving anything."""
    found = lines(made_results(other_plan={(2, 0)}))
    assert found["Proof"].startswith("not comparable")
    assert found["Comparisons"] == "5 of 6 comparisons equal (1 not comparable)"


def test_growth_stands_beside_separate_models_and_bert_base() -> None:
    """The counted growth, the count for bert-base and that of separate models are in one line."""
    assert lines(made_results(), growth=1.194)["Size"].startswith(
        "1.300 times the backbone for 3 tasks (counted on bert-base-uncased: 1.194), "
        "against 3.0 times for separate models"
    )
    assert "bert-base" not in lines(made_results())["Size"]


@pytest.mark.parametrize("num_learned", [0, 1, 2])
def test_half_finished_runs_have_lines(num_learned: int) -> None:
    """A run without tasks, with one, or stopped in between has truthful lines."""
    found = lines(made_results(num_learned=num_learned))
    assert found["Tasks"].startswith(("none", str(num_learned)))
    if num_learned == 1:
        assert found["Forgetting"] == "undefined before a second arrival"
        assert found["Comparisons"] == "1 of 1 comparisons equal"


def test_comparisons_that_were_not_made_are_no_failures() -> None:
    """While an arrival is evaluated, equals are counted among those made, and the others are to come."""
    results = made_results()
    proof = replace(results.proof, num_equal=4)
    assert lines(replace(results, proof=proof))["Comparisons"] == "4 of 4 comparisons equal (2 not made yet)"


def test_nothing_is_proven_of_no_task() -> None:
    """A run without an arrival has nothing that could be equal."""
    assert made_results(num_learned=0).proof.status is ProofStatus.IN_PROGRESS


def test_the_setting_stands_beside_the_numbers() -> None:
    """Preset, amount of training, seed and caps are said; an average says so where caps cut its tasks."""
    results = made_results()
    quick = {
        "preset": "quick",
        "seed": 3,
        "recipe": {"num_epochs": None, "token_budget": 100_000},
        "limits": {"max_train": results.tasks[0].num_train, "max_valid": None, "max_test": 1_000},
    }
    found = lines(replace(results, run=replace(results.run, configuration=quick)))
    num_train = f"{results.tasks[0].num_train:,}"
    assert found["Setting"] == (
        f"preset quick; about 100,000 training tokens a task; seed 3; "
        f"at most {num_train} training and 1,000 test examples a task"
    )
    assert f"3 complete real tasks, capped at {num_train} training examples" in found["Average accuracy"]
    whole = quick | {"recipe": {"num_epochs": 2}, "limits": {}}
    found = lines(replace(results, run=replace(results.run, configuration=whole)))
    assert found["Setting"] == "preset quick; 2 epochs; seed 3"
    assert "capped" not in found["Average accuracy"]
    assert "Setting" not in lines(replace(results, run=replace(results.run, configuration={})))


def test_a_run_of_removed_tasks_has_lines() -> None:
    """When every task was removed, nothing is averaged and nothing is stored."""
    found = lines(made_results(removed={0, 1, 2}))
    assert found["Size"] == "nothing is stored"
    assert not any(title.startswith("Average") for title in found)


def test_exceptions_are_named() -> None:
    """Partial and simulated tasks are named in the line on data, and notes are pointed to."""
    results = made_results(data=MIXED)
    noted = tuple(replace(task, notes=("a caveat",)) for task in results.tasks[:1]) + results.tasks[1:]
    text = lines(replace(results, tasks=noted))["Data"]
    assert text == "1 real, 1 partial (b), 1 simulated (c); notes on 1 task in tasks.csv"


def test_the_summary_holds_the_lines_and_the_tasks() -> None:
    """summary.md says what the terminal says, then every task, then what the figures mean."""
    results = made_results()
    text = summary_markdown(results, bert_base_growth=1.194)
    for line in last_lines(results, bert_base_growth=1.194):
        assert line.split(": ", 1)[1] in text
    assert "| b | real | accuracy | 0.510 | 0.510 | 0.800 | 0.850 |" in text
    assert "forward transfer" in text


def header(results: RunResults) -> str:
    """Titles of the table of tasks in summary.md."""
    text = summary_markdown(results, bert_base_growth=None)
    return next(line for line in text.splitlines() if line.startswith("| task |"))


def test_an_average_is_that_of_the_column_it_stands_under() -> None:
    """A method that forgot has another average when learned than at the end; both are in both reports."""
    results = made_results(values={(2, 0): 0.2, (2, 1): 0.3}, isolated=False)
    text = summary_markdown(results, bert_base_growth=None)
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith(("| a |", "| b |", "| c |"))]
    assert [row[3:5] for row in rows] == [["0.500", "0.200"], ["0.510", "0.300"], ["0.520", "0.520"]]
    assert "| average of 3 | real | accuracy | 0.510 | 0.340 | 0.800 | 0.850 |" in text
    page = page_html(results, bert_base_growth=None)
    (average,) = re.findall(r'<tr class="average">.*?</tr>', page, re.DOTALL)
    assert re.findall(r"<td>([\d.]+)</td>", average)[:2] == ["0.510", "0.340"]
    assert page.count("after the last arrival") == text.count("after the last arrival") == 2


def test_columns_that_no_task_fills_are_left_out() -> None:
    """Without figures of the paper or simulated tasks the table has no columns for them."""
    results = made_results()
    bare = tuple(replace(task, paper_adapters=None, paper_fine_tuning=None) for task in results.tasks)
    assert header(replace(results, tasks=bare)) == "| task | data | metric | when learned | at the end |"
    assert (
        header(results)
        == "| task | data | metric | when learned | at the end | paper: adapters | paper: fine-tuning |"
    )
    simulated = header(made_results(data=dict.fromkeys("abc", "simulated")))
    assert simulated == "| task | data | metric | when learned | at the end | at best | reached share |"


PUBLISHED = {
    "about": "LARGE, hidden set",
    "splits": {"mismatched": {"x": 0.8}, "test": {"x": 0.7, "y": 0.6}},
}


def test_what_others_published_stands_apart() -> None:
    """A table of its own with what it is about, main split first; an unknown figure is empty there."""
    results = made_results(("a", "b"))
    tasks = (replace(results.tasks[0], published=PUBLISHED), results.tasks[1])
    lines = summary_markdown(replace(results, tasks=tasks), bert_base_growth=None).splitlines()
    start = lines.index("Published elsewhere, not comparable with this run: LARGE, hidden set.")
    assert lines[start + 2 : start + 7] == [
        "| task | x | y |",
        "|---|---|---|",
        "| a | 0.700 | 0.600 |",
        "| a (mismatched) | 0.800 |  |",
        "",
    ]
    assert "0.700" not in "".join(lines[:start])


def test_nothing_published_is_shown_of_a_stand_in() -> None:
    """Figures on real texts say nothing about simulated ones."""
    results = made_results(("a",), data={"a": "simulated"})
    tasks = (replace(results.tasks[0], published=PUBLISHED),)
    text = summary_markdown(replace(results, tasks=tasks), bert_base_growth=None)
    assert "Published elsewhere" not in text


def test_a_note_on_several_tasks_is_written_once() -> None:
    """The summary names the tasks that a note is about, or all of them."""
    results = made_results()
    first, *others = (replace(task, notes=("everywhere",)) for task in results.tasks)
    noted = replace(first, notes=("everywhere", "here only"))
    text = summary_markdown(replace(results, tasks=(noted, *others)), bert_base_growth=None)
    assert text.count("- all tasks: everywhere") == text.count("everywhere") == 1
    assert f"- {noted.name}: here only" in text
