"""A study of trainings in words and tables: its lines on the terminal, and study.md."""

from collections.abc import Iterable, Iterator, Sequence

from stream.reports.table import table_lines
from stream.study.training.findings import PAPER, estimate_text, findings, signed_text
from stream.study.training.results import StudyCell, StudyResults
from stream.words import count

TITLES = ("task", "data", "setting", "rate", "seeds", "validation", "difference", "parameters", "")


def study_lines(study: StudyResults) -> tuple[str, ...]:
    """The last lines on the terminal: the paper's statement, then what was measured."""
    return (f"the paper: {PAPER[study.grid.name]}", *(f"measured: {line}" for line in findings(study)))


def study_summaries(studies: Sequence[StudyResults]) -> tuple[str, ...]:
    """Lines for a comparison: what each study came to."""
    return tuple(
        f"study {study.grid.name} ({study.run.name}): {line}" for study in studies for line in findings(study)
    )


def headline(study: StudyResults) -> str:
    """What was trained, in one sentence."""
    run, recipe = study.run, study.run.configuration["recipe"]
    seeds = len(study.grid.seeds)
    limits = run.configuration["limits"]
    most = limits["max_train"]
    caps = "all training examples" if most is None else f"at most {most:,} training examples"
    epochs = "epochs by budget" if recipe["num_epochs"] is None else f"{recipe['num_epochs']} epochs"
    return (
        f"{study.num_done} of {study.num_expected} trainings on {count(len(run.task_names), 'task')} of "
        f"{run.suite}: backbone {run.backbone}, {count(seeds, 'seed')}, {caps}, {epochs}, batches of "
        f"{recipe['batch_size']}. Values are on the validation split, at the best epoch; the test split was "
        "not read. Errors are standard errors over seeds."
    )


def study_markdown(study: StudyResults, figures: Iterable[str]) -> str:
    """The whole of study.md, with the figures that lie beside it, by stem."""
    lines = [f"# {study.grid.name}", "", headline(study), "", f"**The paper.** {PAPER[study.grid.name]}", ""]
    lines += ["**Measured.**", "", *(f"- {line}" for line in findings(study)), ""]
    lines += table_lines(TITLES, table_rows(study))
    lines += [line for stem in figures for line in ("", f"![{stem}]({stem}.png)")]
    return "\n".join(lines) + "\n"


def table_rows(study: StudyResults) -> Iterator[tuple[str, ...]]:
    """One row of text per task and setting."""
    for cell in study.cells:
        yield (
            cell.task.name,
            cell.task.data,
            cell.setting.method,
            f"{cell.learning_rate:g}",
            str(len(cell.values)),
            "" if cell.estimate is None else estimate_text(cell.estimate),
            _difference(study, cell),
            f"{cell.num_params:,} ({cell.trained_fraction:.2%})",
            "; ".join(_marks(cell)),
        )


def _difference(study: StudyResults, cell: StudyCell) -> str:
    if cell.setting.method == study.grid.reference:
        return "reference"
    return "" if cell.difference is None else signed_text(cell.difference)


def _marks(cell: StudyCell) -> Iterator[str]:
    if cell.num_failed:
        yield f"{cell.num_failed} failed"
    if cell.num_restarted:
        yield f"{cell.num_restarted} restarted at a lower rate"
