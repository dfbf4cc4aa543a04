"""From a configuration to a plan: wires suite, backbone, method, expectations and probe together."""

from collections.abc import Sequence
from pathlib import Path

import torch

from db.records import Regime
from stream.engine.configuration import RunConfiguration
from stream.engine.wiring import chosen_suite, make_method
from stream.errors import UserError
from stream.learning.recipe import Recipe
from stream.model.backbone.architecture import Architecture
from stream.model.backbone.names import DeviceChoice
from stream.model.backbone.precision import choose_device, choose_dtype
from stream.model.methods.method import Method
from stream.plan import PROBE_SECONDS
from stream.plan.choices import choice_remark, variants
from stream.plan.expected import Survey
from stream.plan.machine import PlannedBackbone, available_bytes, planned_backbone
from stream.plan.probe import (
    Measured,
    PlanReport,
    ProbeLengths,
    needed_bytes,
    probe,
    probe_lengths,
)
from stream.plan.work import StreamPlan, plan_stream


def make_reports(
    configurations: Sequence[RunConfiguration],
    *,
    home: Path | None,
    device_choice: DeviceChoice = "auto",
    probe_seconds: float | None = PROBE_SECONDS,
) -> list[PlanReport]:
    """The plans of runs with these configurations, which differ in method and recipe only.

    Each is probed for `probe_seconds`; None leaves the time unknown.

    Raises:
        UserError, TaskError: as the message says.
        DamageError: the embedded MiniLM's weights are not the published ones.
    """
    first = configurations[0]
    suite = chosen_suite(first)
    device = choose_device(device_choice)
    backbone = planned_backbone(first.backbone, device=device, dtype=choose_dtype(device))
    methods = [planned_method(configuration, backbone.architecture) for configuration in configurations]
    survey = Survey(
        home=home,
        mode=first.data,
        limits=first.limits,
        max_length=min(first.recipe.max_length, backbone.architecture.max_positions),
        span_max_length=min(first.recipe.span_max_length, backbone.architecture.max_positions),
        tokenizer=backbone.tokenizer,
        split_seed=first.split_seed,
    )
    tasks = [survey.look(card) for card in suite.cards]
    reports: list[PlanReport] = []
    for configuration, method in zip(configurations, methods, strict=True):
        recipe, sweep = configuration.recipe, configuration.sweep
        for variant in variants(configuration, method, backbone.architecture):
            expected = [task.expected(recipe, method.paper_epochs) for task in tasks]
            plan = plan_stream(
                backbone.architecture,
                variant.method,
                expected,
                suite=suite.name,
                backbone=backbone.name,
                order=configuration.order,
                seed=configuration.seed,
                batch_size=recipe.batch_size,
            )
            measured, why_not = _measured(plan, backbone, recipe, device, probe_seconds)
            layers = backbone.architecture.num_layers
            choice = () if sweep is None else (choice_remark(sweep, expected, layers),)
            remarks = (*backbone.remarks, *why_not, *choice)
            reports.append(PlanReport(label=variant.label, plan=plan, measured=measured, remarks=remarks))
    return reports


def planned_method(configuration: RunConfiguration, architecture: Architecture) -> Method:
    """The method of a run with this configuration.

    Raises:
        UserError: there is no such method, the backbone cannot have it, or it has nothing to plan.
    """
    method = make_method(configuration, architecture)
    if method.regime is Regime.SEPARATE:
        raise UserError(
            f"{method.name} trains no tensors and has no backbone, so there is nothing to plan; "
            "name methods that have one, such as houlsby or fine-tune."
        )
    return method


def _measured(
    plan: StreamPlan,
    backbone: PlannedBackbone,
    recipe: Recipe,
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
    why_not = _too_large(plan, backbone, recipe, lengths, device, dtype)
    if why_not:
        return None, (why_not,)
    measured = probe(
        backbone.ready(device, dtype),
        plan.method,
        recipe,
        lengths,
        num_labels=max(arrival.task.num_outputs for arrival in plan.arrivals),
        is_pretrained=backbone.loaded is not None,
        seconds=seconds,
    )
    return measured, ()


def _too_large(
    plan: StreamPlan,
    backbone: PlannedBackbone,
    recipe: Recipe,
    lengths: ProbeLengths,
    device: torch.device,
    dtype: torch.dtype,
) -> str:
    """Why the probe does not fit into memory; empty where it does, or nobody knows."""
    available = available_bytes(device)
    needed = needed_bytes(
        backbone.architecture,
        plan.method,
        recipe,
        lengths.training,
        item_bytes=dtype.itemsize,
    )
    if available is None or needed <= available:
        return ""
    return (
        f"No probe: a training step needs about {needed / 1e9:.1f} GB, and {available / 1e9:.1f} GB are free "
        "here; a smaller --batch-size needs less."
    )
