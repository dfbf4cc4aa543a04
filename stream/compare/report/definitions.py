"""The words around a table of methods: its first sentence, and what its numbers mean."""

from stream.compare.table import MethodTable
from stream.reports.section import Fact
from stream.words import count

DEFINITIONS = (
    Fact(
        title="value",
        text="the test metric of the task as it is served now: the newest R[after, on], a fraction 0-1. "
        "Bold (or *) is the best of the row among the runs, which need not be a real difference: the "
        "standard error of each value is in compare.csv.",
    ),
    Fact(
        title="standard error",
        text="binomial, sqrt(v (1 - v) / number of test examples). It says nothing about seeds.",
    ),
    Fact(
        title="average",
        text="over the tasks that all runs have; real, partial and simulated ones never together.",
    ),
    Fact(
        title="forgetting",
        text="best earlier value of a task minus its value now (Chaudhry et al. 2018), averaged over the "
        "same tasks; positive is worse.",
    ),
    Fact(
        title="total parameters",
        text="backbone plus all tensors needed to serve the run's tasks, over those of the backbone, "
        "counted from what is stored.",
    ),
    Fact(
        title="trained per task",
        text="parameters that were trained for a task over those of the backbone, mean over the tasks.",
    ),
    Fact(
        title="proof",
        text="proven: every re-evaluation gave bit for bit what the task gave when it was learned; "
        "forgotten: a method that shares tensors changed earlier tasks; restored: joint training read back "
        "from the database gives what it gave in memory.",
    ),
    Fact(
        title="at best",
        text="Bayes accuracy, which no classifier exceeds on average, known for simulated tasks.",
    ),
    Fact(
        title="paper",
        text="Houlsby et al. 2019, Table 2: BERT-base, mean test accuracy on splits that were not published, "
        "each method tuned per task. Not shown beside simulated tasks.",
    ),
)
"""What the numbers of a comparison mean, and where they come from."""


def groups_note(table: MethodTable) -> str | None:
    """Return which runs can be compared, where no task is in all of them; None where one is."""
    groups = [[table.columns[i].results.run.name for i in group] for group in table.groups]
    if len(table.columns) == 1 or any(len(group) == len(table.columns) for group in groups):
        return None
    shown = "; ".join(", ".join(group) for group in groups) or "none"
    example = max(groups, key=len, default=[table.columns[0].results.run.name])
    return (
        f"No task was evaluated in all of these {len(table.columns)} runs, so nothing is averaged over them. "
        f"Runs that share tasks: {shown} (--runs {','.join(example)} shows one of these groups alone)"
    )


def lead_of(table: MethodTable) -> str:
    """Return one sentence: how many runs, on which backbone, over which tasks."""
    runs = [column.results.run for column in table.columns]
    suites = ", ".join(dict.fromkeys(run.suite for run in runs))
    backbones = ", ".join(dict.fromkeys(run.backbone for run in runs))
    return f"{count(len(runs), 'run')} of {suites} on {backbones}, {count(len(table.rows), 'task')}"
