import pytest

from db.records import Owner, ParameterCounts, ParametersRecord
from stream.results.growth import GrowthCounter, GrowthCurve, StoredTask, growth_curve

BERT_BASE = 109_482_240
"""bert-base-uncased with pooler."""
PAPER_CLASSES = (20, 3, 4, 2, 2, 13, 2, 2, 2, 9, 18, 3, 4, 2, 157, 4, 2)
"""Classes of the paper's 17 additional tasks (Table 3), 249 in all."""


def record(
    position: int,
    counts: ParameterCounts,
    *,
    owner: Owner = Owner.OWN,
    sha256: str | None = None,
    reads_backbone: bool = True,
    num_trained: int | None = None,
) -> ParametersRecord:
    return ParametersRecord(
        position=position,
        owner=owner,
        sha256=sha256 or f"{owner}{position}",
        recipe_sha256="recipe",
        counts=counts,
        num_bytes=4 * counts.total + 100,
        reads_backbone=reads_backbone,
        best_epoch=0,
        valid=0.5,
        learned_value=0.5,
        learned_logits_sha256="logits",
        learned_predictions_sha256="predictions",
        plan_sha256="plan",
        seconds=1.0,
        num_trained=counts.total if num_trained is None else num_trained,
    )


def curve(stored: list[StoredTask], backbone_params: int = 1000) -> GrowthCurve:
    return growth_curve(stored, backbone_params=backbone_params, backbone_bytes=4 * backbone_params)


def adapter_task(position: int, num_adapter: int = 100, num_head: int = 10) -> StoredTask:
    counts = ParameterCounts(adapter=num_adapter - 20, layer_norm=20, head=num_head)
    return StoredTask(name=f"task {position}", own=record(position, counts))


def test_the_papers_figures() -> None:
    """Adapters of size 32 on bert-base grow to 1.194 over the paper's 17 tasks, separate models to 17.0."""
    stored = [
        StoredTask(
            name=str(position),
            own=record(position, ParameterCounts(adapter=1_198_848, layer_norm=38_400, head=769 * classes)),
        )
        for position, classes in enumerate(PAPER_CLASSES)
    ]
    latest = curve(stored, BERT_BASE).latest
    assert latest is not None
    assert round(latest.growth_factor, 3) == 1.194
    assert round(latest.separate_models_factor, 1) == 17.0
    assert latest.total_params == BERT_BASE + 17 * 1_237_248 + 191_481
    assert latest.trained_fraction == pytest.approx((1_237_248 + 1_538) / BERT_BASE)


def test_totals_add_what_each_arrival_stored() -> None:
    """Each point is the backbone plus all tensors so far, in parameters and in bytes of blobs."""
    points = curve([adapter_task(0), adapter_task(1, num_head=30)]).points
    assert [point.total_params for point in points] == [1110, 1240]
    assert [point.total_bytes for point in points] == [4000 + 540, 4000 + 540 + 620]
    assert [point.growth_factor for point in points] == [1.11, 1.24]
    assert [point.separate_models_factor for point in points] == [1.01, 2.04]
    assert [point.task_bytes for point in points] == [540, 620]
    assert points[1].counts.total == 130


def test_full_copies_are_separate_models() -> None:
    """Seventeen full copies are 17 models and not 18: the backbone counts only while somebody reads it."""
    copies = [
        StoredTask(
            name=str(position),
            own=record(position, ParameterCounts(other=1000, head=10), reads_backbone=False),
        )
        for position in range(17)
    ]
    latest = curve(copies).latest
    assert latest is not None
    assert latest.growth_factor == latest.separate_models_factor == pytest.approx(17.17)
    assert latest.total_bytes == 17 * 4140


def test_one_reader_keeps_the_whole_backbone() -> None:
    """A single task that reads a backbone tensor makes the whole backbone count, copies or not."""
    copy = StoredTask(name="copy", own=record(0, ParameterCounts(other=1000), reads_backbone=False))
    points = curve([copy, adapter_task(1)]).points
    assert [point.total_params for point in points] == [1000, 2110]


def test_only_the_newest_shared_version_counts() -> None:
    """Sequential fine-tuning stores one body and one head per task: older bodies serve no task any more."""
    stored = [
        StoredTask(
            name=str(position),
            own=record(position, ParameterCounts(head=10)),
            shared=record(
                position, ParameterCounts(other=1000 + position), owner=Owner.SHARED, reads_backbone=False
            ),
        )
        for position in range(3)
    ]
    points = curve(stored).points
    assert [point.total_params for point in points] == [1010, 1021, 1032]
    assert points[2].counts == ParameterCounts(other=1002, head=10)
    assert points[2].task_bytes == 140 + 4108


def test_equal_blobs_are_stored_once() -> None:
    """Two tasks with the same bytes take the room of one."""
    counts = ParameterCounts(adapter=100)
    stored = [StoredTask(name=str(p), own=record(p, counts, sha256="same")) for p in range(2)]
    latest = curve(stored).latest
    assert latest is not None
    assert (latest.total_params, latest.total_bytes) == (1100, 4500)


def test_an_empty_curve_has_no_latest_point() -> None:
    """Before the first arrival there is no growth, rather than a growth of 0."""
    assert curve([]).latest is None


def test_trained_parameters_are_those_recorded() -> None:
    """The trained fraction counts what was trained, which may be more than what is stored."""
    own = record(0, ParameterCounts(adapter=100), num_trained=250)
    latest = curve([StoredTask(name="prefix", own=own)]).latest
    assert latest is not None
    assert latest.trained_fraction == 0.25


def test_wrong_owner_is_refused() -> None:
    """Shared tensors filed as a task's own would be counted for every task, so they are a ValueError."""
    shared = record(0, ParameterCounts(other=1), owner=Owner.SHARED)
    with pytest.raises(ValueError, match="wrong owner"):
        curve([StoredTask(name="a", own=shared)])


def test_a_backbone_without_parameters_is_refused() -> None:
    """A growth factor needs something to grow from."""
    with pytest.raises(ValueError, match="backbone_params"):
        GrowthCounter(backbone_params=0, backbone_bytes=0)
