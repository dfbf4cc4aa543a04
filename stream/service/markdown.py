"""The simulated service in a few sentences, for the terminal and for service.md."""

from collections.abc import Iterator

import numpy as np

from stream.reports.section import Fact
from stream.service.names import Policy
from stream.service.queueing.scenario import Outcome
from stream.service.report import ServiceReport, estimated_number, estimated_time, rate_text, time_text
from stream.service.tables import sweep_notes
from stream.words import count

MAX_CUSTOMERS = 20


def service_lines(report: ServiceReport) -> tuple[str, ...]:
    """Return the lines left on the terminal."""
    sweep = (f"Settings compared: {len(report.sweep)}",) if report.sweep else ()
    return (*(f"{fact.title}: {fact.text}" for fact in service_facts(report)), *sweep)


def service_facts(report: ServiceReport) -> tuple[Fact, ...]:
    """Return what was simulated and what came of it, for the base setting."""
    outcome = report.base
    short = (Fact(title="Steady state", text=_short_text(outcome)),) if outcome.is_too_short else ()
    return (
        Fact(title="Service time", text=_times_text(report)),
        Fact(title="Arrivals", text=_arrivals_text(report)),
        Fact(title="Service", text=_service_text(report)),
        Fact(title="Load", text=_load_text(outcome)),
        *short,
        Fact(title="Wait", text=_wait_text(outcome)),
        Fact(title="Utilisation", text=f"{estimated_number(outcome.utilisation)} of the workers' time"),
        Fact(title="Queue", text=f"{estimated_number(outcome.mean_queue_length)} tasks waiting on average"),
        Fact(
            title="Throughput", text=f"{estimated_number(outcome.throughput_per_hour, '.2f')} tasks per hour"
        ),
        Fact(title="Queueing theory", text=_theory_text(report)),
    )


def _times_text(report: ServiceReport) -> str:
    times = np.array([task.seconds for task in report.study.recorded])
    variation = float(times.var() / times.mean() ** 2)
    return (
        f"{report.times}, measured in {count(len(times), 'arrival')} of the run '{report.run}' on "
        f"{report.device}: mean {time_text(float(times.mean()))}, {time_text(float(times.min()))} to "
        f"{time_text(float(times.max()))}, squared coefficient of variation {variation:.2f}"
    )


def _arrivals_text(report: ServiceReport) -> str:
    study, outcome = report.study, report.base
    drawn = f", drawn with replacement (seed {study.seed})" if study.num_jobs else ""
    warm = f", the first {study.warm_up:,} not counted" if study.warm_up else ""
    streams = count(outcome.num_replications, "independent stream") if outcome.num_replications > 1 else ""
    tasks = count(study.num_arrivals, "task")
    return f"{outcome.setting.arrivals.text}; {tasks}{drawn}{warm}{f'; {streams}' if streams else ''}"


def _service_text(report: ServiceReport) -> str:
    setting = report.base.setting
    reads = setting.policy in (Policy.SHORTEST_FIRST, Policy.FAIR_SHARE)
    expected = f" (times expected from {report.expected})" if reads else ""
    return f"{count(setting.num_workers, 'worker')}, {setting.policy}{expected}"


def _load_text(outcome: Outcome) -> str:
    capacity = outcome.capacity
    workers = count(capacity.num_workers, "worker")
    limit = f"{rate_text(capacity.saturation_per_hour)} arrivals per hour"
    if capacity.offered_load is None:
        return f"all arrive at one moment; if they went on arriving, {workers} would saturate at {limit}"
    load = f"{capacity.offered_load:.3f} of {workers}"
    if capacity.grows:
        return f"{load}: the queue grows without bound, as it does from {limit} on"
    return f"{load}: the queue stays bounded; it would grow without bound from {limit} on"


def _short_text(outcome: Outcome) -> str:
    return (
        f"{count(len(outcome.first.jobs), 'arrival')} in a stream are too few for one, which takes about "
        f"{outcome.capacity.steady_arrivals:,} at this load: what follows is of so short a stream, whose "
        "workers are idle at first, not of the long run; --repeat makes it longer"
    )


def _wait_text(outcome: Outcome) -> str:
    spread = ", ".join(
        f"{percent} % within {time_text(value)}" for percent, value in outcome.waiting_percentiles.items()
    )
    mean = estimated_time(outcome.mean_waiting_seconds).replace("(", "(95 % interval ")
    return f"mean {mean}; {spread}; longest {time_text(outcome.max_waiting_seconds)}"


def _theory_text(report: ServiceReport) -> str:
    outcome, predicted = report.base, report.base.predicted
    if predicted is None:
        return (
            "no formula (there is one for Poisson arrivals, tasks drawn with --repeat and a bounded queue; "
            "for shortest-first with one worker only)"
        )
    kind = "" if predicted.is_exact else " (an approximation)"
    text = f"{predicted.formula}{kind}: mean wait {time_text(predicted.mean_waiting_seconds)} in the long run"
    agrees = outcome.mean_waiting_seconds.holds(predicted.mean_waiting_seconds)
    load = (outcome.capacity.offered_load or 0.0) / outcome.capacity.num_workers
    text += f", {_verdict(agrees)}; utilisation {load:.3f}"
    text += f", {_verdict(outcome.utilisation.holds(load))}" if outcome.utilisation else ""
    if agrees is False and predicted.is_exact and not report.study.warm_up:
        text += "; a stream starts with idle workers, which --warm-up leaves out"
    return text


def _verdict(agrees: bool | None) -> str:
    if agrees is None:
        return "to be compared without an interval"
    return "inside the interval" if agrees else "outside the interval"


def service_markdown(report: ServiceReport) -> str:
    """Return service.md: the facts, the settings compared, customers, what is assumed."""
    lines = [
        f"# A training service with the times of {report.run}, simulated",
        "",
        *(f"- **{fact.title}**: {fact.text}." for fact in service_facts(report)),
        "",
        *_sweep_table(report),
        *_customer_table(report),
        "## Notes",
        "",
        *(f"- {note}." for note in report.notes),
        *(f"- **{fact.title}**: {fact.text}" for fact in DEFINITIONS),
        "",
    ]
    return "\n".join(lines)


def _sweep_table(report: ServiceReport) -> Iterator[str]:
    if not report.sweep:
        return
    yield "## Settings compared"
    yield ""
    yield (
        "| policy | workers | per hour | load per worker | utilisation | mean wait | 90 % within | queue "
        "| per hour done | theory | grows |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|---|"
    for outcome in report.sweep:
        yield _sweep_line(outcome)
    yield ""
    notes = dict.fromkeys(note for outcome in report.sweep for note in sweep_notes(outcome))
    # Cells of this table are short, and say themselves that they are empty.
    told = [f"- {note}" for note in notes if any(word in note for word in ("grows", "few", "approximation"))]
    yield from ([*told, ""] if told else ())


def _sweep_line(outcome: Outcome) -> str:
    capacity = outcome.capacity
    load, predicted = capacity.offered_load, outcome.predicted
    mark = "" if predicted is None or predicted.is_exact else "about "
    cells = (
        outcome.setting.policy.value,
        str(capacity.num_workers),
        rate_text(capacity.rate_per_hour),
        "-" if load is None else f"{load / capacity.num_workers:.3f}",
        estimated_number(outcome.utilisation),
        estimated_time(outcome.mean_waiting_seconds),
        time_text(outcome.waiting_percentiles[90]),
        estimated_number(outcome.mean_queue_length, ".2f"),
        estimated_number(outcome.throughput_per_hour, ".2f"),
        f"{mark}{time_text(predicted.mean_waiting_seconds)}" if predicted else "-",
        {True: "yes", False: "no", None: "-"}[capacity.grows],
    )
    return f"| {' | '.join(cells)} |"


def _customer_table(report: ServiceReport) -> Iterator[str]:
    """What each customer of a trace got in the base setting, the largest first."""
    served = report.base.first
    jobs = served.jobs
    if report.study.trace is None or "customer" not in report.study.trace.columns:
        return
    amounts = np.bincount(jobs.customer, weights=jobs.service_seconds, minlength=len(jobs.customers))
    yield f"## Customers ({report.base.setting.policy}, {count(served.num_workers, 'worker')})"
    yield ""
    yield "| customer | tasks | training time | mean wait | longest wait |"
    yield "|---|---|---|---|---|"
    for customer in np.argsort(-amounts, kind="stable")[:MAX_CUSTOMERS].tolist():
        waits = served.waiting_seconds[jobs.customer == customer]
        times = (float(amounts[customer]), float(waits.mean()), float(waits.max()))
        name = jobs.customers[customer].replace("|", "\\|")
        yield f"| {name} | {len(waits)} | {' | '.join(map(time_text, times))} |"
    if len(jobs.customers) > MAX_CUSTOMERS:
        yield f"| {len(jobs.customers) - MAX_CUSTOMERS} more, in service.csv | | | | |"
    yield ""


DEFINITIONS = (
    Fact(
        title="Worker",
        text="trains one task at a time to its end, as fast as the machine of the recording did; several "
        "workers do not slow each other down, so each needs a machine, or a share of one, of that speed.",
    ),
    Fact(
        title="Wait",
        text="from a task's arrival to the start of its training. Intervals are Student's, over independent "
        "streams or, in one long stream, over 20 batches of it; one in 20 misses the true mean. "
        "Percentiles are over all counted arrivals.",
    ),
    Fact(
        title="Utilisation, queue, throughput",
        text="averaged over the time from the first counted arrival to the last one; where the stream ends "
        "(all at once, a trace) to the end of the last training. Of several streams it is the time of all "
        "together.",
    ),
    Fact(
        title="Load",
        text="arrival rate times mean service time. From a load of as many workers as there are, more work "
        "comes in than can be done: the longer the stream, the longer the wait.",
    ),
    Fact(
        title="Policies",
        text="first-come; shortest-first: the smallest expected time; priority: the smallest number; "
        "fair-share: start-time fair queueing over customers, in expected seconds. None interrupts a "
        "training, and none leaves a worker idle while a task waits.",
    ),
)
"""What the numbers mean and what is assumed."""
