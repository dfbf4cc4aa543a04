"""The learner of a recorded run, as it was: backbone, number format, device kind and threads."""

from typing import Any

import torch

from db.records import RunRecord
from stream.configuration import with_added
from stream.learning.learner import Learner
from stream.learning.recipe import Recipe
from stream.model.backbone import load_backbone
from stream.model.precision import choose_device
from stream.model.specification import method_named


def recorded_learner(run: RunRecord, device: Any) -> Learner:
    """Load what a run was learned with; whether the backbone is the same one is for the caller to compare.

    The process computes with the recorded number of threads from then on.

    Arguments:
        run: as recorded.
        device: `cpu` or `cuda`; `auto` takes the kind that was used.

    Raises:
        UserError: the backbone or the device cannot be had.
    """
    environment = run.environment
    torch.set_num_threads(environment["num_threads"])
    chosen = choose_device(environment["device"] if device == "auto" else device)
    backbone = load_backbone(run.backbone, device=chosen, dtype=getattr(torch, environment["dtype"]))
    options = run.configuration["method_options"]
    return Learner(
        backbone=backbone,
        backbone_sha256=backbone.fingerprint(),
        method=method_named(run.method, adapter_size=options.get("adapter_size", 1)),
        recipe=Recipe(**with_added(run.configuration)["recipe"]),
    )
