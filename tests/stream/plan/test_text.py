import csv
from dataclasses import replace
from pathlib import Path

import pytest

from stream.errors import UserError
from stream.model.backbone.architecture import BERT_LARGE_UNCASED
from stream.model.methods.specification import method_named
from stream.plan.expected import ExpectedTask
from stream.plan.probe import Measured, PlanReport, ProbeLengths
from stream.plan.text import WIDTH, plain_text, write_plans
from stream.plan.work import plan_stream
from tests.stream.plan.made_tasks import GLUE_CLASSES, made_task, paper_tasks
from tests.stream.tiny import TINY

MEASURED = Measured(
    training_tokens_per_second=2.5,
    evaluation_tokens_per_second=20_000.0,
    num_steps=17,
    num_texts=512,
    lengths=ProbeLengths(training=46, evaluation=47),
    seconds=10.4,
    device="cpu Some Processor",
    dtype="bfloat16",
    num_threads=2,
    num_processors=2,
    load=1.0,
    is_pretrained=False,
)


def large(method: str = "fine-tune") -> PlanReport:
    """The widest table there is: full copies of bert-large for the paper's 17 tasks."""
    tasks = [replace(task, tokens_per_text=128.0) for task in paper_tasks()]
    made = method_named(method, adapter_size=64)
    plan = plan_stream(BERT_LARGE_UNCASED, made, tasks, suite="additional17", backbone="bert-large-uncased")
    return PlanReport(label=method, plan=plan, measured=MEASURED, remarks=("Remarked.",))


def tiny(num_train: int | None = 40, measured: Measured | None = None) -> PlanReport:
    tasks = [made_task("a"), made_task("b", num_train)]
    method = method_named("houlsby", adapter_size=4)
    plan = plan_stream(TINY, method, tasks, suite="mine", backbone="tiny")
    return PlanReport(label="houlsby", plan=plan, measured=measured)


@pytest.mark.parametrize("method", ["fine-tune", "houlsby", "joint"])
def test_lines_fit_the_terminal(method: str) -> None:
    """No line is longer than 100 columns, for full copies of the largest backbone either."""
    lines = plain_text([replace(large(method), remarks=("A remark " * 30,))])
    assert max(map(len, lines)) <= WIDTH


def test_what_the_summary_says() -> None:
    """Growth, separate models, steps, volumes by order and the estimate stand in the last lines."""
    text = " ".join(" ".join(plain_text([large()])).split())
    for said in (
        "17.0x the backbone; separate models would be 17.0x",
        "413,360 steps, 13,220,000 examples",
        "297,085 paper, 160,844 smallest-first, 1,164,622 largest-first",
        "an estimate: about",
        "17 training steps at 46 tokens a text, 512 texts evaluated at 47",
        "random weights of the same shape",
        "- Remarked.",
    ):
        assert said in text
    assert "did other work" not in text


def test_a_gpus_probe_says_what_it_leaves_out() -> None:
    """Only on a GPU are the first steps of a length slower than the others."""
    on_gpu = replace(MEASURED, device="cuda Some GPU")
    texts = [" ".join(plain_text([tiny(measured=measured)])) for measured in (MEASURED, on_gpu)]
    assert ["On a GPU the first steps" in text for text in texts] == [False, True]


def test_further_test_splits_are_counted_as_the_paper_counts_them() -> None:
    """GLUE on bert-large at size 64, MNLI with two test splits: 1.15x against 8, or 1.17x against 9."""
    tasks = [
        ExpectedTask(name=name, num_labels=number, num_tests=1 + (name == "MNLI"))
        for name, number in GLUE_CLASSES.items()
    ]
    plan = plan_stream(BERT_LARGE_UNCASED, method_named("houlsby", adapter_size=64), tasks)
    text = " ".join(" ".join(plain_text([PlanReport(label="houlsby", plan=plan)])).split())
    assert (
        "separate models would be 8.000x (1.173x against 9.000x if each of the 9 test splits counts as a "
        "task, as the paper counts MNLI twice)"
    ) in text
    assert "1.154x the backbone" in text
    assert "counts MNLI twice" not in " ".join(" ".join(plain_text([tiny()])).split())


def test_a_busy_machine_is_told() -> None:
    """More waiting processes than processors make the estimate too long; the reader learns of it."""
    busy = replace(MEASURED, load=9.7)
    assert "load 9.7 on 2 processors" in " ".join(plain_text([tiny(measured=busy)]))


def test_unknown_is_a_question_mark() -> None:
    """A task of unknown size has question marks for its work, and so have the totals."""
    lines = plain_text([tiny(None)])
    row = next(line for line in lines if line.startswith("2  b") and "real" in line)
    assert row.split()[3:5] == ["?", "?"]
    assert "Training: ? steps, ? examples, ? tokens" in lines
    assert "Time: unknown without a probe" in lines


def test_the_files_hold_the_plan(tmp_path: Path) -> None:
    """plan.csv has a row an arrival with the plan's own numbers; plan.md has the tables."""
    report = tiny(measured=MEASURED)
    write_plans([report], tmp_path / "out")
    with (tmp_path / "out" / "plan.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row, arrival in zip(rows, report.plan.arrivals, strict=True):
        assert (row["method"], row["task"]) == ("houlsby", arrival.task.name)
        assert int(row["task_params"]) == arrival.size.counts.total
        assert float(row["growth_factor"]) == arrival.size.growth_factor
        assert int(row["num_steps"]) == arrival.num_steps
        assert int(row["num_reevaluated"]) == arrival.num_reevaluated
        assert float(row["training_seconds"]) == 1200 / 2.5
    page = (tmp_path / "out" / "plan.md").read_text(encoding="utf-8")
    assert page.startswith("# Plan: mine\n")
    assert page.count("| 2 | b |") == 2


def test_unknown_cells_are_empty_and_explained(tmp_path: Path) -> None:
    """An unknown number is an empty cell, and notes say why."""
    write_plans([tiny(None)], tmp_path)
    with (tmp_path / "plan.csv").open(encoding="utf-8", newline="") as file:
        row = list(csv.DictReader(file))[1]
    assert (row["num_train"], row["num_steps"], row["training_seconds"]) == ("", "", "")
    assert row["notes"] == "sizes unknown before the data is there; no time without a probe"


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """A file in the place of the folder is the user's mistake."""
    (tmp_path / "out").write_text("", encoding="utf-8")
    with pytest.raises(UserError, match="--out"):
        write_plans([tiny()], tmp_path / "out")


def test_several_methods_stand_side_by_side(tmp_path: Path) -> None:
    """Each method has its plan, all of them one row in a last table, and all arrivals are in one CSV file."""
    reports = [large("houlsby"), large("fine-tune")]
    lines = plain_text(reports)
    assert sum(line.startswith("Plan of additional17") for line in lines) == 2
    assert lines[-4] == "Methods side by side"
    assert [line.split()[0] for line in lines[-3:]] == ["method", "houlsby", "fine-tune"]
    assert max(map(len, lines)) <= WIDTH
    write_plans(reports, tmp_path)
    with (tmp_path / "plan.csv").open(encoding="utf-8", newline="") as file:
        assert [row["method"] for row in csv.DictReader(file)] == ["houlsby"] * 17 + ["fine-tune"] * 17
    assert "## Methods side by side" in (tmp_path / "plan.md").read_text(encoding="utf-8")
