"""What is unequal between runs that are shown side by side, and why cells of such a table are empty.

Each note is one sentence that names the runs by the labels of their columns.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from db.records import Regime, RunStatus
from stream.results.metrics import WHY_NO_FORGETTING
from stream.results.run_results import RunResults

Labels = Sequence[str]

IDENTITY_KEYS = frozenset({"suite", "tasks", "data", "backbone", "preset"})
"""Settings that show elsewhere: in the rows, the fingerprints, or the settings they stand for."""
METHOD_KEYS = frozenset(
    {"method", "adapter_size", "method_options", "recipe.learning_rate", "sweep", "choices_from"}
)
"""Settings that belong to a method: comparing them is the purpose."""
MACHINE_KEYS = ("device_model", "dtype", "num_threads")
MAX_NAMED = 6
"""More tasks than these are counted instead of named."""


def difference_notes(labels: Labels, runs: Sequence[RunResults]) -> Iterator[str]:
    """Yield a sentence for everything but the method that differs between the runs."""
    yield from _unfinished(labels, runs)
    yield from _task_sets(labels, runs)
    yield from _backbones(labels, runs)
    yield from _data(labels, runs)
    yield from _settings(labels, [flat(results.run.configuration) for results in runs])
    yield from _machines(labels, runs)
    for label, results in _pairs(labels, runs):
        taken = [task.name for task in results.tasks if task.is_taken_over]
        if taken:
            yield f"{label}: seconds of {_counted(taken)} are those of the run that trained them"


def empty_notes(labels: Labels, runs: Sequence[RunResults]) -> Iterator[str]:
    """Yield a sentence for each reason why a run has empty cells."""
    for regime, reason in WHY_NO_FORGETTING.items():
        named = [label for label, results in _pairs(labels, runs) if results.run.regime is regime]
        if named:
            yield f"no forgetting of {_listed(named)}: {reason}"
    if any(results.run.regime is Regime.STREAM for results in runs):
        yield "forgetting is undefined for the last arrival, and left out of its average"
    for label, results in _pairs(labels, runs):
        removed = [task.name for task in results.tasks if task.removed]
        if removed:
            yield f"{label}: removed from the stream: {_counted(removed)}"
    yield from _missing_figures(runs)
    others = {t.metric for results in runs for t in results.tasks} - {"accuracy"}
    if others:
        yield f"no standard error of {_listed(sorted(others))}: it is no share of examples"


def _missing_figures(runs: Sequence[RunResults]) -> Iterator[str]:
    """Tasks of the paper whose other two figures no run recorded: versions before schema 0002 did not."""
    tasks = [t for results in runs for t in results.tasks if t.data != "simulated" and t.paper_adapters]
    complete = {t.name for t in tasks if t.paper_no_bert and t.paper_variable_fine_tuning}
    lacking = list(dict.fromkeys(t.name for t in tasks if t.name not in complete))
    if lacking:
        yield (
            "the paper's No-BERT and Variable FT were not yet recorded when these tasks ran: "
            f"{_counted(lacking)}"
        )


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings under dotted keys, such as `recipe.max_length`."""
    settings: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and f"{prefix}{key}" not in METHOD_KEYS:
            settings |= flat(value, f"{prefix}{key}.")
        else:
            settings[f"{prefix}{key}"] = value
    return settings


def _unfinished(labels: Labels, runs: Sequence[RunResults]) -> Iterator[str]:
    for label, results in _pairs(labels, runs):
        if results.run.status is not RunStatus.FINISHED:
            learned, total = len(results.tasks), len(results.run.task_names)
            yield f"{label} is {results.run.status.value}: {learned} of {total} tasks learned"


def _task_sets(labels: Labels, runs: Sequence[RunResults]) -> Iterator[str]:
    """Runs that lack a task which another one has."""
    everything = {(t.name, t.data): None for results in runs for t in results.tasks if not t.removed}
    unequal = False
    for label, results in _pairs(labels, runs):
        own = {(t.name, t.data) for t in results.tasks if not t.removed}
        lacking = [f"{name} ({data})" for name, data in everything if (name, data) not in own]
        unequal |= bool(lacking)
        if lacking:
            yield f"{label} lacks {_counted(lacking)}"
    if unequal:
        yield "averages, seconds and trained parameters are over the tasks that all runs have"
        sizes = [str(sum(not t.removed for t in results.tasks)) for results in runs]
        shown = ", ".join(f"{label} {size}" for label, size in zip(labels, sizes, strict=True))
        yield f"total parameters are for all tasks of a run, whose numbers are: {shown}"


def _backbones(labels: Labels, runs: Sequence[RunResults]) -> Iterator[str]:
    with_one = [(label, r) for label, r in _pairs(labels, runs) if r.run.regime is not Regime.SEPARATE]
    prints = {label: (r.run.backbone, r.run.backbone_sha256) for label, r in with_one}
    if len(set(prints.values())) > 1:
        shown = {label: f"{name} ({sha256[:8]}...)" for label, (name, sha256) in prints.items()}
        yield f"the backbone differs: {_grouped(shown)}"


def _data(labels: Labels, runs: Sequence[RunResults]) -> Iterator[str]:
    """Tasks of one name and kind whose examples differ between runs; runs that differ alike share a note."""
    seen: dict[tuple[str, str], dict[str, str]] = {}
    for label, results in _pairs(labels, runs):
        for task in results.tasks:
            seen.setdefault((task.name, task.data), {})[label] = task.fingerprint
    alike: dict[tuple[tuple[str, ...], ...], list[str]] = {}
    for (name, _), prints in seen.items():
        groups = _groups(prints)
        if len(groups) > 1:
            alike.setdefault(tuple(tuple(group) for group in groups.values()), []).append(name)
    for parts, names in alike.items():
        sides = " than in ".join(_listed(part) for part in parts)
        yield f"other examples in {sides}: {_counted(names)}"


def _settings(labels: Labels, configurations: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for key in dict.fromkeys(key for settings in configurations for key in settings):
        if key in METHOD_KEYS | IDENTITY_KEYS:
            continue
        shown = {
            label: _value(settings[key])
            for label, settings in zip(labels, configurations, strict=True)
            if key in settings
        }
        if len(set(shown.values())) > 1:
            yield f"{key} differs: {_grouped(shown)}"


def _machines(labels: Labels, runs: Sequence[RunResults]) -> Iterator[str]:
    """Seconds compare only on one machine."""
    for key in MACHINE_KEYS:
        shown = {label: _value(results.run.environment.get(key)) for label, results in _pairs(labels, runs)}
        if len(set(shown.values())) > 1:
            yield f"{key} differs, so seconds do not compare: {_grouped(shown)}"


def _pairs(labels: Labels, runs: Sequence[RunResults]) -> Iterator[tuple[str, RunResults]]:
    return zip(labels, runs, strict=True)


def _value(value: Any) -> str:
    return "not set" if value is None else str(value)


def _groups(shown: Mapping[str, str]) -> dict[str, list[str]]:
    """Labels by what they show, in order of appearance."""
    groups: dict[str, list[str]] = {}
    for label, text in shown.items():
        groups.setdefault(text, []).append(label)
    return groups


def _grouped(shown: Mapping[str, str]) -> str:
    return "; ".join(f"{text} in {_listed(labels)}" for text, labels in _groups(shown).items())


def _listed(labels: Sequence[str]) -> str:
    return ", ".join(labels)


def _counted(names: Sequence[str]) -> str:
    if len(names) <= MAX_NAMED:
        return ", ".join(names)
    return f"{', '.join(names[:MAX_NAMED])} and {len(names) - MAX_NAMED} more tasks"
