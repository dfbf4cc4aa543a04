"""Growth counted for an architecture without its weights, by the same code that counts a run."""

from collections.abc import Sequence

from db.records import Owner, ParameterCounts, ParametersRecord, Regime
from stream.model.backbone.architecture import (
    BERT_BASE_UNCASED,
    Architecture,
    count_parameters,
    tensor_shapes,
)
from stream.model.methods.bottleneck import default_adapter_size, houlsby
from stream.model.methods.method import Method, sum_sites
from stream.results.growth import GrowthCurve, StoredTask, growth_curve
from stream.results.run_results import RunResults

_FLOAT32_BYTES = 4


def forecast_growth(
    architecture: Architecture, method: Method, tasks: Sequence[tuple[str, int]]
) -> GrowthCurve:
    """The growth curve of a stream of (name, number of classes) before anything is trained.

    Bytes are those of the float32 tensors, without the blobs' headers. A joint training stores its one body
    with the first task.
    """
    backbone = count_parameters(tensor_shapes(architecture))
    stored = (
        _stored(architecture, method, position, name, num_labels)
        for position, (name, num_labels) in enumerate(tasks)
    )
    return growth_curve(stored, backbone_params=backbone, backbone_bytes=_FLOAT32_BYTES * backbone)


def bert_base_growth(results: RunResults) -> float | None:
    """Growth factor of adapters of the paper's size on bert-base-uncased for the tasks learned so far.

    None for other methods, and where sizes were chosen per task: they would be others there.
    """
    if results.chosen:
        return None
    # a regression has no classes and one output
    tasks = [(task.name, task.num_labels or 1) for task in results.tasks if not task.removed]
    method = houlsby(default_adapter_size(BERT_BASE_UNCASED))
    latest = forecast_growth(BERT_BASE_UNCASED, method, tasks).latest
    return None if latest is None or results.run.method != method.name else latest.growth_factor


def _stored(
    architecture: Architecture, method: Method, position: int, name: str, num_labels: int
) -> StoredTask:
    sites = method.sites(architecture, num_labels)
    shared = sum_sites(tuple(site for site in sites if site.owner is Owner.SHARED))
    own = sum_sites(tuple(site for site in sites if site.owner is Owner.OWN))
    num_trained = sum_sites(method.trained_sites(architecture, num_labels)).total

    def record(owner: Owner, counts: ParameterCounts) -> ParametersRecord:
        return ParametersRecord(
            position=position,
            owner=owner,
            sha256=f"{owner}-{position}",  # stands for bytes that do not exist yet: each task's differ
            recipe_sha256="",
            counts=counts,
            num_bytes=_FLOAT32_BYTES * counts.total,
            reads_backbone=method.reads_backbone(architecture),
            best_epoch=0,
            valid=0.0,
            learned_value=0.0,
            learned_logits_sha256="",
            learned_predictions_sha256="",
            plan_sha256="",
            seconds=0.0,
            num_trained=num_trained,
        )

    stores_shared = shared.total > 0 and (position == 0 or method.regime is not Regime.JOINT)
    return StoredTask(
        name=name,
        own=record(Owner.OWN, own),
        shared=record(Owner.SHARED, shared) if stores_shared else None,
    )
