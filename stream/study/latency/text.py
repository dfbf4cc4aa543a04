"""The latencies of adapters in sentences, and what was published."""

from collections.abc import Iterator, Sequence

from stream.study.latency.values import Latency, LatencyStudy, Quartiles
from stream.words import signed_percent

PUBLISHED = (
    "Hu et al. 2021 (arXiv 2106.09685, Table 1) measured GPT-2 medium on a GPU at batch 1 and length 128: "
    "+20.7 % for Adapter-L, +30.3 % for Adapter-H (here `houlsby`); the overhead shrinks as batch or length "
    "grows. Rueckle et al. 2021 (arXiv 2010.11918) found adapters 4 to 6 % slower at inference."
)
"""Published figures beside ours."""


def panel_name(panel: tuple[str, int | None]) -> str:
    """Return "houlsby, size 64", "lora, merged"."""
    method, size = panel
    return f"{method}, merged" if size is None else f"{method}, size {size}"


def spread(overhead: Quartiles) -> str:
    """Return "+5.1 % (+4.8 to +5.6)"."""
    return f"{signed_percent(overhead.median)} ({100 * overhead.low:+.1f} to {100 * overhead.high:+.1f})"


def setting_text(study: LatencyStudy) -> str:
    """Return what was measured on what."""
    threads = f"{study.num_threads} thread{'s' if study.num_threads > 1 else ''}"
    return f"{study.backbone} in {study.dtype} on {study.device}, {threads}, {study.clock}"


def latency_lines(study: LatencyStudy) -> tuple[str, ...]:
    """Return the last lines of the study: each method and size from its smallest to its largest input."""
    if not study.latencies:
        return ("nothing is measured yet",)
    return (setting_text(study), *(_line(study, panel) for panel in study.panels))


def latency_summaries(studies: Sequence[LatencyStudy]) -> tuple[str, ...]:
    """Return lines for a comparison: what each study came to."""
    return tuple(f"study latency ({study.run}): {line}" for study in studies for line in latency_lines(study))


def _line(study: LatencyStudy, panel: tuple[str, int | None]) -> str:
    found = study.of_panel(panel)
    ends = [found[min(found)]] if len(found) == 1 else [found[min(found)], found[max(found)]]
    return f"{panel_name(panel)}: {', '.join(_place(one) for one in ends)}"


def _place(one: Latency) -> str:
    return f"{spread(one.overhead)} at batch {one.batch_size}, length {one.length}"


def panel_tables(study: LatencyStudy) -> Iterator[tuple[str, list[list[str]]]]:
    """Yield each method and size with its overheads: a row a batch size, a column a length."""
    for panel in study.panels:
        found = study.of_panel(panel)
        rows = [
            [
                str(batch_size),
                *(
                    spread(found[at].overhead) if (at := (batch_size, length)) in found else "-"
                    for length in study.lengths
                ),
            ]
            for batch_size in study.batch_sizes
        ]
        yield panel_name(panel), rows
