"""The run in a few sentences, for the terminal, summary.md and the page."""

from collections.abc import Iterator, Sequence

from db.records import Regime
from stream.reports.run.averages import Average, averages, forgetting_summary, last_full_row, served_tasks
from stream.reports.run.candidates import choice_text
from stream.reports.run.coverage import coverage_text, forgetting_in_part
from stream.reports.run.setting import capped_text, setting_text
from stream.reports.section import Fact, Section
from stream.results.comparisons import ProofStatus
from stream.results.metrics import KINDS_OF_DATA, WHY_NO_FORGETTING, WHY_NO_FORWARD_TRANSFER
from stream.results.run_results import RunResults, TaskResult
from stream.words import count, megabytes, number


def last_lines(
    results: RunResults, *, bert_base_growth: float | None, sections: Sequence[Section] = ()
) -> tuple[str, ...]:
    """Return the lines a finished or interrupted run leaves on the terminal.

    Arguments:
        results: the run so far.
        bert_base_growth: growth factor counted for the same tasks and method on bert-base-uncased, if known.
        sections: what studies bring.
    """
    found = facts(results, bert_base_growth=bert_base_growth, sections=sections)
    return tuple(f"{fact.title}: {fact.text}" for fact in found)


def facts(
    results: RunResults, *, bert_base_growth: float | None, sections: Sequence[Section] = ()
) -> tuple[Fact, ...]:
    """Return the facts of a run, those of its studies among them; a run without a learned task has one."""
    if not results.tasks:
        return (Fact(title="Tasks", text=f"none of {len(results.run.task_names)} learned yet"),)
    return (
        *_unfinished(results),
        *(
            Fact(title=f"Average {metric_name(avg.metrics)}", text=_average_text(results, avg))
            for avg in averages(results)
        ),
        Fact(title="Forgetting", text=forgetting_text(results)),
        Fact(title="Re-evaluation", text=coverage_text(results)),
        *_comparisons(results),
        Fact(title="Proof", text=proof_text(results)),
        Fact(title="Size", text=size_text(results, bert_base_growth)),
        *([Fact(title="Choice", text=choice_text(results))] if results.trials else []),
        *(fact for section in sections for fact in section.facts),
        Fact(title="Data", text=data_text(results)),
        *_setting(results),
    )


def _setting(results: RunResults) -> Iterator[Fact]:
    text = setting_text(results.run)
    if text is not None:
        yield Fact(title="Setting", text=text)


def _comparisons(results: RunResults) -> Iterator[Fact]:
    # A separate pipeline is evaluated once, right after training: a count of equals would say nothing.
    if results.run.regime is not Regime.SEPARATE:
        yield Fact(title="Comparisons", text=comparisons_text(results))


def _unfinished(results: RunResults) -> Iterator[Fact]:
    learned, total = len(results.tasks), len(results.run.task_names)
    if learned < total:
        yield Fact(title="Tasks", text=f"{learned} of {total} learned so far")


def metric_name(metrics: Sequence[str]) -> str:
    """Return the one metric, or "metric" where tasks have different ones."""
    return metrics[0] if len(metrics) == 1 else "metric"


def _average_text(results: RunResults, average: Average) -> str:
    kind = {"real": "complete real", "partial": "partial", "simulated": "simulated"}[average.data]
    after = last_full_row(results)
    arrivals = (
        "" if after is None or after + 1 == len(results.run.task_names) else f" after arrival {after + 1}"
    )
    if after is None and results.run.regime is Regime.STREAM:
        arrivals = ", each at its own arrival"
    tasks = count(average.num_tasks, f"{kind} task")
    text = f"{number(average.value)} over {tasks}{capped_text(results)}{arrivals}"
    beside = [] if len(average.metrics) == 1 else [f"each by its main metric: {', '.join(average.metrics)}"]
    if average.value is None:
        beside.append("a metric is undefined")
    if average.paper_adapters is not None:
        beside.append(f"the paper's adapters on BERT-base {number(average.paper_adapters)}")
    if average.paper_fine_tuning is not None:
        beside.append(f"its fine-tuning {number(average.paper_fine_tuning)}")
    if average.bayes_accuracy is not None:
        beside.append(f"at best {number(average.bayes_accuracy)} can be reached")
    if average.reached is not None:
        beside.append(f"reached share {number(average.reached)}")
    return f"{text} ({', '.join(beside)})" if beside else text


def forgetting_text(results: RunResults) -> str:
    """Return a sentence on forgetting over the whole triangle, or why there can be none."""
    if results.run.regime is not Regime.STREAM:
        return WHY_NO_FORGETTING[results.run.regime]
    if not results.proof.coverage.is_full:
        return forgetting_in_part(results)
    summary = forgetting_summary(results)
    if summary.largest is None or summary.largest_cell is None:
        return "undefined before a second arrival"
    if not summary.num_not_zero:
        return f"exactly 0 in {_all(summary.num_cells)}"
    after, on = summary.largest_cell
    names = results.run.task_names
    average = "" if summary.average is None else f"average {number(summary.average)}, "
    return (
        f"{average}largest {number(summary.largest)} ({names[on]} after {names[after]}); "
        f"{summary.num_not_zero} of {count(summary.num_cells, 'cell')} differ from 0"
    )


def _all(num_cells: int) -> str:
    return "the only cell" if num_cells == 1 else f"all {num_cells:,} cells"


def comparisons_text(results: RunResults) -> str:
    """Return how many comparisons were equal, and what happened to the others."""
    proof = results.proof
    others = [
        f"{amount:,} {what}"
        for amount, what in (
            (proof.num_different, "different"),
            (proof.num_not_comparable, "not comparable"),
            (proof.num_expected - proof.num_done, "not made yet"),
            (proof.num_changed_predictions, "predictions changed"),
        )
        if amount
    ]
    text = f"{proof.num_equal:,} of {proof.num_done:,} comparisons equal"
    return f"{text} ({', '.join(others)})" if others else text


def proof_text(results: RunResults) -> str:
    """Return what the comparisons prove, in one sentence."""
    proof = results.proof
    if results.run.regime is Regime.SEPARATE:
        return WHY_NO_PROOF
    if not proof.num_done:
        return "nothing has been compared yet"
    match proof.status:
        case ProofStatus.PROVEN if results.run.regime is Regime.JOINT:
            return (
                "restored bit for bit: read back from the database, every task gives the logits, "
                "predictions and value that the model in memory gave"
            )
        case ProofStatus.PROVEN:
            return (
                "proven bit for bit: every task still gives the logits, predictions and "
                "value it gave when it was learned"
            )
        case ProofStatus.SAMPLED:
            return (
                "equal in the sample: the tasks that were evaluated again give the logits, predictions and "
                "value they gave when they were learned; python -m stream.verify evaluates every task"
            )
        case ProofStatus.REREAD:
            return (
                "stored bytes unchanged: no earlier task was evaluated again; "
                "python -m stream.verify evaluates every task"
            )
        case ProofStatus.IN_PROGRESS:
            return "in progress: equal so far"
        case ProofStatus.NOT_COMPARABLE:
            return (
                "not comparable: some evaluations were made under another plan (device, threads, versions), "
                "where digests differ anyway; values and predictions were compared instead"
            )
        case ProofStatus.FORGOTTEN if results.run.regime is Regime.JOINT:
            return "failed: the restored parameters give other outputs than the model in memory did"
        case ProofStatus.FORGOTTEN if results.run.isolated:
            return (
                f"failed: {results.run.method} shares nothing between tasks, yet outputs changed; "
                "python -m stream.verify names the first difference"
            )
        case ProofStatus.FORGOTTEN:
            return (
                f"forgotten: {results.run.method} shares tensors, so later tasks change what earlier ones use"
            )


def size_text(results: RunResults, bert_base_growth: float | None) -> str:
    """Return the growth factor against separate models, the count on bert-base beside it if known."""
    if results.run.regime is Regime.SEPARATE:
        return "no backbone and no parameters: predictions and descriptions of the pipelines are stored"
    latest = results.growth.latest
    if latest is None:
        return "nothing is stored"
    tasks = count(len(served_tasks(results)), "task")
    beside = "" if bert_base_growth is None else f" (counted on bert-base-uncased: {bert_base_growth:.3f})"
    return (
        f"{latest.growth_factor:.3f} times the backbone for {tasks}{beside}, against "
        f"{latest.separate_models_factor:.1f} times for separate models; "
        f"{megabytes(latest.total_bytes)} in all"
    )


def data_text(results: RunResults) -> str:
    """Return how many tasks are real, partial and simulated; the exceptions by name."""
    parts = []
    for data in KINDS_OF_DATA:
        names = [task.name for task in results.tasks if task.data == data]
        if names:
            few = data != "real" and len(names) < len(results.tasks) and len(names) <= 8
            parts.append(f"{len(names)} {data}" + (f" ({', '.join(names)})" if few else ""))
    noted = sum(bool(task.notes) for task in results.tasks)
    more = f"; notes on {count(noted, 'task')} in tasks.csv" if noted else ""
    return ", ".join(parts) + more


def paper_figures(task: TaskResult) -> tuple[float | None, float | None]:
    """Return the paper's adapters and fine-tuning to show beside the task; none beside a stand-in."""
    return (None, None) if task.data == "simulated" else (task.paper_adapters, task.paper_fine_tuning)


DEFINITIONS = (
    Fact(
        title="when learned",
        text="R[p, p], re-evaluated from the database right after the task's own arrival (after joint "
        "training R[T - 1, p], the only one): the main metric on the main test split. A fraction 0-1; "
        "correlations (matthews, spearman, pearson) lie between -1 and 1.",
    ),
    Fact(
        title="at the end",
        text="R[k, p], the same after the last arrival k that every task served now was evaluated after; "
        "empty where only a share of the tasks is evaluated again, or none.",
    ),
    Fact(
        title="average metric",
        text="mean of the tasks' main metrics, one a task, after the last arrival (where tasks are not all "
        "evaluated then, each at its own arrival); further metrics and test splits are not averaged.",
    ),
    Fact(
        title="forgetting",
        text="best earlier value of the task minus its value now (Chaudhry et al. 2018); positive is worse, "
        "undefined for the task that has just arrived.",
    ),
    Fact(title="forward transfer", text=f"{WHY_NO_FORWARD_TRANSFER}."),
    Fact(
        title="comparison",
        text="a task's parameters are read back from the database after every arrival; logits, predictions "
        "and value are compared with those in memory right after it was learned.",
    ),
    Fact(
        title="size",
        text="parameters of the backbone plus all tensors needed to serve the tasks now, over those of the "
        "backbone, counted from what is stored; "
        "separate models are one fine-tuned backbone and head per task.",
    ),
    Fact(
        title="at best",
        text="Bayes accuracy, which no classifier exceeds on average (a finite test split scatters around "
        "it), known for simulated tasks from their generator; "
        "the paper's figures are about the real texts and are not shown beside stand-ins.",
    ),
    Fact(
        title="reached share",
        text="test accuracy over the accuracy at best, of an average the ratio of both averages; 1 is what "
        "the best classifier reaches.",
    ),
    Fact(
        title="paper",
        text="Houlsby et al. 2019, Table 2: BERT-base, mean test accuracy on splits that were not published.",
    ),
)
"""What the numbers of a report mean, and where they come from."""


WHY_NO_PROOF = "not applicable: no pipeline is stored, so nothing can be served again and compared"
