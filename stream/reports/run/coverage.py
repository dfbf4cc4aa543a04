"""What was evaluated again in a run, and what that can have missed, in words."""

from db.records import Regime
from stream.results.coverage import Coverage, chance_missed, chance_missed_throughout
from stream.results.run_results import RunResults


def coverage_text(results: RunResults) -> str:
    """Return a sentence on how much of the run was evaluated again."""
    coverage, num_tasks = results.proof.coverage, len(results.tasks)
    if results.run.regime is not Regime.STREAM:
        return "each task is evaluated once"
    if coverage.is_full:
        return "full: after each arrival every task so far is evaluated from its stored bytes"
    if not coverage.share:
        return (
            "digest: each task is evaluated at its own arrival only; after each later one its stored bytes "
            "were read again and hash as recorded. A change of the backbone, the program or the "
            "machine would not show"
        )
    drawn = sum(coverage.num_drawn(after) for after in range(num_tasks))
    return (
        f"{coverage.text}: {drawn:,} of {num_tasks * (num_tasks - 1) // 2:,} re-evaluations of earlier "
        f"tasks, drawn with the run's seed {coverage.seed}; of the others the stored bytes were read "
        f"again and hash as recorded{_missed(coverage, num_tasks)}"
    )


def _missed(coverage: Coverage, num_tasks: int) -> str:
    """How likely changes of three sizes are to stay unseen."""
    if num_tasks < 2:
        return ""
    last = num_tasks - 1
    several = max(last // 10, min(2, last))

    def after_last(num_changed: int) -> str:
        return _percent(chance_missed(last, coverage.num_drawn(last), num_changed))

    middle = range(max(num_tasks // 2, 1), num_tasks)
    throughout = _percent(chance_missed_throughout(coverage, middle, 1))
    more = "" if several == 1 else f", of {several} tasks {after_last(several)}"
    return (
        f". A change of one task's outputs at the last arrival had a chance of {after_last(1)} to be missed"
        f"{more}; of one task from arrival {middle.start + 1} on {throughout}"
    )


def _percent(chance: float) -> str:
    return "less than 0.01 %" if 0 < chance < 1e-4 else f"{100 * chance:.3g} %"


def forgetting_in_part(results: RunResults) -> str:
    """Return what is known of forgetting where not every cell was evaluated."""
    again = [c for c in results.comparisons if c.is_main and c.after != c.on]
    if not again:
        return "not measured: no earlier task was evaluated again"
    changed = sum(c.value != c.value_when_learned for c in again)
    return (
        f"{len(again):,} of {len(results.tasks) * (len(results.tasks) - 1) // 2:,} cells measured, "
        f"{changed:,} of them with another value than when learned"
    )
