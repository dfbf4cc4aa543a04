"""What a study of trainings comes to in words: the paper's statement, and what was measured beside it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import attrgetter
from statistics import fmean

from stream.results.estimates import Estimate
from stream.study.training.results import StudyCell, StudyResults

PAPER_SIZES = {8: 0.862, 64: 0.858, 256: 0.857}
"""Mean validation accuracy over GLUE's eight classification tasks by adapter size (section 3.6)."""
ROBUST_SCALE = 1e-2
"""Below this deviation the paper's adapters learn alike (Figure 6, right)."""
_BY_MEAN = attrgetter("mean")
PAPER: Mapping[str, str] = {
    "init-scale": "Houlsby et al. 2019 (Figure 6, right) vary the standard deviation of fresh adapter "
    "weights from 1e-7 to 1: robust below 1e-2, worse above it.",
    "size": "Houlsby et al. 2019 (Figures 3 and 4, section 3.6): adapters over two orders of magnitude of "
    "parameters come close to full fine-tuning, top layers alone need many more; over GLUE's eight "
    "classification tasks sizes 8, 64 and 256 have 86.2, 85.8 and 85.7 % on validation (BERT-large).",
    "learning-rate": "Houlsby et al. 2019 (Figure 7) train adapters and full fine-tuning at rates from 2e-5 "
    "to 1e-3: adapters stay stable over a wider range.",
    "variants": "Houlsby et al. 2019 (section 3.6) tried layer norms inside the adapter, more layers, other "
    "activations, adapters in attention only and in parallel, and found no gain over the plain ones.",
}


def findings(study: StudyResults) -> tuple[str, ...]:
    """Sentences on what was measured, one per task and, with several tasks, one over all of them."""
    if study.num_done < study.num_expected:
        head = [f"not finished: {study.num_done} of {study.num_expected} trainings are done"]
    else:
        head = []
    return (*head, *_FINDERS[study.grid.name](study), *_failures(study))


def _init_scale(study: StudyResults) -> Iterator[str]:
    for task, cells in _by_task(study):
        best = max(cells, key=_BY_MEAN)
        robust = [cell for cell in cells if (cell.setting.x or 0) <= ROBUST_SCALE]
        above = [cell for cell in cells if (cell.setting.x or 0) > ROBUST_SCALE]
        text = f"{task}: best at {best.setting.x:g} ({_value(best)})"
        if robust:
            text += f"; up to {ROBUST_SCALE:g} from {min(robust, key=_BY_MEAN).mean:.3f} to "
            text += f"{max(robust, key=_BY_MEAN).mean:.3f}"
        if above:
            worst = min(above, key=_BY_MEAN)
            text += f"; above it down to {_value(worst)} at {worst.setting.x:g}"
        yield text


def _size(study: StudyResults) -> Iterator[str]:
    for task, cells in _by_task(study):
        series = {name: [c for c in cells if c.setting.series == name] for name in _series(cells)}
        yield f"{task}: " + "; ".join(
            f"{name} best {_value(best)} at {_place(best)}, {best.trained_fraction:.2%} of the backbone"
            for name, own in series.items()
            for best in [max(own, key=_BY_MEAN)]
        )
    sizes = {size: _mean_at(study, size) for size in PAPER_SIZES}
    known = {size: value for size, value in sizes.items() if value is not None}
    if len(known) > 1:
        words = ", ".join(f"{value:.3f} at {size}" for size, value in known.items())
        spread = max(known.values()) - min(known.values())
        yield (
            f"mean over {len(study.tasks)} tasks by adapter size: {words}; largest difference {spread:.3f}, "
            f"the paper's {max(PAPER_SIZES.values()) - min(PAPER_SIZES.values()):.3f}"
        )


def _mean_at(study: StudyResults, size: int) -> float | None:
    values = [
        cell.estimate.mean
        for cell in study.cells
        if cell.setting.series == "adapters" and cell.setting.x == size and cell.estimate is not None
    ]
    return fmean(values) if values and len(values) == len(study.tasks) else None


def _learning_rate(study: StudyResults) -> Iterator[str]:
    for task, cells in _by_task(study):
        parts = []
        for name in _series(cells):
            own = [cell for cell in cells if cell.setting.series == name]
            best, worst = max(own, key=_BY_MEAN), min(own, key=_BY_MEAN)
            parts.append(
                f"{name} best {_value(best)} at {best.learning_rate:g}, worst {worst.mean:.3f} at "
                f"{worst.learning_rate:g}"
            )
        yield f"{task}: {'; '.join(parts)}"


def _variants(study: StudyResults) -> Iterator[str]:
    for task, cells in _by_task(study):
        found = {
            cell.setting.series: cell.difference
            for cell in cells
            if cell.setting.method != study.grid.reference and cell.difference is not None
        }
        if found:
            means = {name: difference.mean for name, difference in found.items()}
            worst, best = min(means, key=means.__getitem__), max(means, key=means.__getitem__)
            clear = [f"{name} {signed_text(found[name])}" for name in found if _is_clear(found[name])]
            yield (
                f"{task}: against the plain adapters from {signed_text(found[worst])} ({worst}) to "
                f"{signed_text(found[best])} ({best}); beyond two standard errors: "
                f"{', '.join(clear) or 'none'}"
            )


def _failures(study: StudyResults) -> Iterator[str]:
    failed = sum(cell.num_failed for cell in study.cells)
    again = sum(cell.num_restarted for cell in study.cells)
    if failed or again:
        yield (
            f"of {study.num_done} trainings {failed} failed (the loss was not finite) and {again} began "
            "again at a lower rate"
        )


_FINDERS: Mapping[str, Callable[[StudyResults], Iterator[str]]] = {
    "init-scale": _init_scale,
    "size": _size,
    "learning-rate": _learning_rate,
    "variants": _variants,
}


def _by_task(study: StudyResults) -> Iterator[tuple[str, list[StudyCell]]]:
    """Tasks that have a value, by name with the kind of their data where that is not real."""
    for task in study.tasks:
        cells = [cell for cell in study.of_task(task.position) if cell.values]
        if cells:
            yield task.name if task.data == "real" else f"{task.name} ({task.data} data)", cells


def _series(cells: Sequence[StudyCell]) -> list[str]:
    return list(dict.fromkeys(cell.setting.series for cell in cells))


def _value(cell: StudyCell) -> str:
    assert cell.estimate is not None
    return estimate_text(cell.estimate)


def estimate_text(estimate: Estimate) -> str:
    """A mean with its standard error, where there is one."""
    error = estimate.standard_error
    return f"{estimate.mean:.3f}" if error is None else f"{estimate.mean:.3f} +- {error:.3f}"


def signed_text(difference: Estimate) -> str:
    """A difference with its sign and its standard error, where there is one."""
    error = difference.standard_error
    return f"{difference.mean:+.3f}" + ("" if error is None else f" +- {error:.3f}")


def _is_clear(difference: Estimate) -> bool:
    """Whether it exceeds two standard errors."""
    error = difference.standard_error
    return error is not None and abs(difference.mean) > 2 * error


def _place(cell: StudyCell) -> str:
    """Where a setting stands in its series: `size 64`, or its method."""
    return cell.setting.method if cell.setting.x is None else f"{cell.setting.x:g}"
