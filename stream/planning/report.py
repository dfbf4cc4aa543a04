"""What is shown of a method: its plan, and what this machine says to it."""

from dataclasses import dataclass

from stream.planning.probe import ExpectedTime, Measured, expected_time
from stream.planning.work import PlannedArrival, StreamPlan


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanReport:
    """One method's plan."""

    label: str
    """The method as the command line names it."""
    plan: StreamPlan
    measured: Measured | None = None
    """None without a probe."""
    remarks: tuple[str, ...] = ()
    """Sentences about what was counted or measured instead of what was asked for."""

    @property
    def time(self) -> ExpectedTime | None:
        """Of the whole stream; None without a probe."""
        if self.measured is None:
            return None
        return expected_time(self.plan.num_tokens, self.plan.evaluated_tokens, self.measured)

    def arrival_time(self, arrival: PlannedArrival) -> ExpectedTime | None:
        """Of one arrival; None without a probe."""
        if self.measured is None:
            return None
        return expected_time(arrival.num_tokens, arrival.evaluated_tokens, self.measured)
