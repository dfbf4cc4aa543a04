"""From a configuration to a plan: wires suite, backbone, method, expectations and probe together."""

from dataclasses import dataclass
from pathlib import Path

import torch

from db.records import Regime
from stream.configuration import RunConfiguration
from stream.errors import UserError
from stream.model.bottleneck import default_adapter_size
from stream.model.methods import Method
from stream.model.precision import DeviceChoice, choose_device, choose_dtype
from stream.model.specification import method_named
from stream.planning.expected import Expectation
from stream.planning.machine import PlannedBackbone, available_bytes, planned_backbone
from stream.planning.probe import PROBE_SECONDS, Measured, ProbeLengths, needed_bytes, probe, probe_lengths
from stream.planning.work import StreamPlan, plan_stream
from stream.session import chosen_suite


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanReport:
    """A plan, and what this machine says to it."""

    plan: StreamPlan
    measured: Measured | None
    """None without a probe."""
    remarks: tuple[str, ...]
    """Sentences about what was counted or measured instead of what was asked for."""


def make_report(
    configuration: RunConfiguration,
    *,
    home: Path | None,
    device_choice: DeviceChoice = "auto",
    probe_seconds: float | None = PROBE_SECONDS,
) -> PlanReport:
    """The plan of a run with this configuration; `probe_seconds` None leaves the time unknown.

    Raises:
        UserError, TaskError: as the message says.
        DamageError: the embedded MiniLM's weights are not the published ones.
    """
    suite = chosen_suite(configuration)
    device = choose_device(device_choice)
    backbone = planned_backbone(configuration.backbone, device=device, dtype=choose_dtype(device))
    method = planned_method(configuration, backbone)
    expectation = Expectation(
        configuration=configuration,
        method=method,
        home=home,
        max_length=min(configuration.recipe.max_length, backbone.architecture.max_positions),
        tokenizer=backbone.tokenizer,
    )
    plan = plan_stream(
        backbone.architecture,
        method,
        [expectation.expect(card) for card in suite.cards],
        suite=suite.name,
        backbone=backbone.name,
        order=configuration.order,
        seed=configuration.seed,
        batch_size=configuration.recipe.batch_size,
    )
    measured, why_not = _measured(plan, backbone, configuration, device, probe_seconds)
    return PlanReport(plan=plan, measured=measured, remarks=(*backbone.remarks, *why_not))


def planned_method(configuration: RunConfiguration, backbone: PlannedBackbone) -> Method:
    """The configured method; its adapter size is the backbone's default where none was asked for.

    Raises:
        UserError: there is no such method, or it has nothing to plan.
    """
    size = configuration.adapter_size
    method = method_named(
        configuration.method,
        adapter_size=default_adapter_size(backbone.architecture) if size is None else size,
    )
    if method.regime is Regime.SEPARATE:
        raise UserError(
            f"{method.name} trains no tensors and has no backbone, so there is nothing to plan; "
            "name a method that has one, such as houlsby or fine-tune."
        )
    return method


def _measured(
    plan: StreamPlan,
    backbone: PlannedBackbone,
    configuration: RunConfiguration,
    device: torch.device,
    seconds: float | None,
) -> tuple[Measured | None, tuple[str, ...]]:
    """What the probe measured, or why there was none."""
    lengths = probe_lengths(plan)
    if seconds is None:
        return None, ()
    if lengths is None:
        return None, ("No probe: the number of tokens is unknown.",)
    dtype = choose_dtype(device)
    why_not = _too_large(plan, backbone, configuration, lengths, device, dtype)
    if why_not:
        return None, (why_not,)
    measured = probe(
        backbone.ready(device, dtype),
        plan.method,
        configuration.recipe,
        lengths,
        num_labels=max(arrival.task.num_labels for arrival in plan.arrivals),
        is_pretrained=backbone.loaded is not None,
        seconds=seconds,
    )
    return measured, ()


def _too_large(
    plan: StreamPlan,
    backbone: PlannedBackbone,
    configuration: RunConfiguration,
    lengths: ProbeLengths,
    device: torch.device,
    dtype: torch.dtype,
) -> str:
    """Why the probe does not fit into memory; empty where it does, or nobody knows."""
    available = available_bytes(device)
    needed = needed_bytes(
        backbone.architecture,
        plan.method,
        configuration.recipe,
        lengths.training,
        item_bytes=dtype.itemsize,
    )
    if available is None or needed <= available:
        return ""
    return (
        f"No probe: a training step needs about {needed / 1e9:.1f} GB, and {available / 1e9:.1f} GB are free "
        "here; a smaller --batch-size needs less."
    )
