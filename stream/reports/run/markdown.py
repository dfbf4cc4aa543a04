"""summary.md: the facts of a run, its tasks as a table, what others published, and what the numbers mean."""

from collections.abc import Iterator, Mapping, Sequence

from stream.reports.run.averages import averages, task_reached, values_at_the_end
from stream.reports.run.summary import DEFINITIONS, facts, paper_figures
from stream.reports.run.tables import grouped_notes
from stream.reports.section import Section
from stream.reports.table import table_lines, table_row
from stream.results.run_results import RunResults, TaskResult
from stream.results.trials import chosen_labels
from stream.words import number
from tasks.task import MAIN_SPLIT


def summary_markdown(
    results: RunResults, *, bert_base_growth: float | None, sections: Sequence[Section] = ()
) -> str:
    """Return summary.md: the facts, a table of tasks with the paper's figures, and the definitions."""
    run = results.run
    found = facts(results, bert_base_growth=bert_base_growth, sections=sections)
    lines = [
        f"# {run.name}: {run.suite}, {run.method} on {run.backbone}",
        "",
        *(f"- **{fact.title}**: {fact.text}." for fact in found),
        "",
        *_task_table(results),
        "",
        "## Definitions",
        "",
        *(f"- **{fact.title}**: {fact.text}" for fact in DEFINITIONS),
        "",
    ]
    return "\n".join(lines)


def _task_table(results: RunResults) -> Iterator[str]:
    further = any(task.secondary for task in results.tasks)
    paper, simulated = shows_paper(results), shows_limits(results)
    chosen = chosen_labels(results.trials, results.chosen)
    titles = [
        *(["chosen"] if chosen else []),
        *(["further metrics"] if further else []),
        *(["paper: adapters", "paper: fine-tuning"] if paper else []),
        *(["at best", "reached share"] if simulated else []),
    ]
    yield from table_lines(["task", "data", "metric", "when learned", "at the end", *titles], ())
    at_the_end = values_at_the_end(results)
    for task in results.tasks:
        beside = (
            *(paper_figures(task) if paper else ()),
            *((task.bayes_accuracy, task_reached(task)) if simulated else ()),
        )
        numbers = ["" if value is None else number(value) for value in beside]
        words = [chosen.get(task.position, "")] if chosen else []
        words += [secondary_text(task.secondary)] if further else []
        values = _both(task.test, MAIN_SPLIT, task, at_the_end)
        yield table_row([task.name, task.data, task.metric, *values, *words, *numbers])
        for split, value in task.further_tests.items():
            empty = [""] * len(titles)
            values = _both(value, split, task, at_the_end)
            yield table_row([f"{task.name} ({split})", task.data, task.metric, *values, *empty])
    yield from _average_rows(results, chosen=bool(chosen), further=further)
    yield ""
    yield from _published_table(results)
    yield from (f"- {names}: {note}" for names, note in grouped_notes(results))


def _average_rows(results: RunResults, *, chosen: bool, further: bool) -> Iterator[str]:
    """The averages of the columns above, one row for each kind of data."""
    paper, simulated = shows_paper(results), shows_limits(results)
    for one in averages(results):
        beside = (
            *((one.paper_adapters, one.paper_fine_tuning) if paper else ()),
            *((one.bayes_accuracy, one.reached) if simulated else ()),
        )
        figures = ["" if value is None else number(value) for value in (one.when_learned, one.at_the_end)]
        numbers = ["" if value is None else number(value) for value in beside]
        empty = [""] * (chosen + further)
        name, metrics = f"average of {one.num_tasks}", ", ".join(one.metrics)
        yield table_row([name, one.data, metrics, *figures, *empty, *numbers])


def shows_paper(results: RunResults) -> bool:
    """Return whether some task has figures of the paper beside it; otherwise the columns are left out."""
    return any(figure is not None for task in results.tasks for figure in paper_figures(task))


def shows_limits(results: RunResults) -> bool:
    """Return whether it is known of some task what can be reached at best."""
    return any(task.bayes_accuracy is not None for task in results.tasks)


def _measured(value: float | None, task: TaskResult) -> str:
    if value is not None:
        return number(value)
    return "undefined" if task.is_evaluated else ""


def _both(
    value: float | None,
    split: str,
    task: TaskResult,
    at_the_end: Mapping[tuple[int, str], float | None],
) -> tuple[str, str]:
    """What a split gave when its task was learned, and what it gives at the end."""
    key = (task.position, split)
    return _measured(value, task), _measured(at_the_end[key], task) if key in at_the_end else ""


def secondary_text(values: Mapping[str, float | None]) -> str:
    """Return "accuracy 0.814, f1 0.870"."""
    return ", ".join(
        f"{name} {'undefined' if value is None else number(value)}" for name, value in values.items()
    )


def _published_table(results: RunResults) -> Iterator[str]:
    """Figures of others on another model or test set, apart from this run's."""
    for about, (methods, rows) in published(results).items():
        yield f"Published elsewhere, not comparable with this run: {about}."
        yield ""
        cells = ([name, *("" if v is None else number(v) for v in values)] for name, values in rows)
        yield from table_lines(["task", *methods], cells)
        yield ""


def published(
    results: RunResults,
) -> dict[str, tuple[list[str], list[tuple[str, list[float | None]]]]]:
    """Return what is published elsewhere: what it is about -> (methods, (task or split, values) rows).

    Nothing of a simulated task: the figures are about the real texts.
    """
    found: dict[str, tuple[list[str], list[tuple[str, list[float | None]]]]] = {}
    for task in results.tasks:
        if not task.published or task.data == "simulated":
            continue
        methods, rows = found.setdefault(task.published["about"], ([], []))
        splits = task.published["splits"]
        methods += [m for m in dict.fromkeys(m for s in splits.values() for m in s) if m not in methods]
        for split, figures in sorted(splits.items(), key=lambda item: item[0] != MAIN_SPLIT):
            name = task.name if split == MAIN_SPLIT else f"{task.name} ({split})"
            rows.append((name, [figures.get(method) for method in methods]))
    return found
