"""All spans at once against each span by itself, bit for bit."""

from collections.abc import Iterator

import pytest
import torch

from stream.learning.evaluation import EvaluationSet, evaluate_set, lay_out, make_plan
from stream.learning.objectives.objective import Scoring, scoring_of
from stream.model.backbone.backbone import Backbone
from stream.model.backbone.parameters import TaskParameters
from stream.model.encoder.encoder import assemble
from stream.model.methods.bottleneck import adapter_l, houlsby
from stream.model.methods.method import Method, fresh_parameters
from stream.results.metrics import Evaluation
from stream.study.ablation.spans import SpanEvaluator
from tasks.task import Task
from tests.stream.tiny import tiny_backbone
from tests.tiny_runs import scored_task, span_task, split_task, tiny_task

NUM_LAYERS = 4


def noisy(backbone: Backbone, method: Method, num_outputs: int) -> TaskParameters:
    """A task's tensors, none of them at its start: adapters that matter, layer norms that moved."""
    generator = torch.Generator().manual_seed(3)
    start = fresh_parameters(method.sites(backbone.architecture, num_outputs), backbone, {}, 0)
    return TaskParameters(
        {name: value + 0.1 * torch.randn(value.shape, generator=generator) for name, value in start.items()}
    )


def set_of(backbone: Backbone, task: Task) -> tuple[EvaluationSet, Scoring]:
    """The validation split of a task, laid out."""
    scoring = scoring_of(task)
    tokens = scoring.objective.encode(backbone.tokenizer, task.valid, max_length=24).tokens
    return lay_out(tokens, make_plan(tokens, backbone), backbone), scoring


def dropped(parameters: TaskParameters, first: int, last: int) -> dict[str, torch.Tensor]:
    """The tensors without the adapters of these layers, by their names as they are written down."""
    sites = [f"layer.{layer}.{part}.adapter." for layer in range(first, last + 1) for part in PARTS]
    return {name: value for name, value in parameters.items() if not name.startswith(tuple(sites))}


PARTS = ("attention", "feed_forward")
ALL_SPANS = [(first, last) for first in range(NUM_LAYERS) for last in range(first, NUM_LAYERS)]


def measured(evaluator: SpanEvaluator) -> Iterator[tuple[tuple[int, int], Evaluation]]:
    """Every span with its evaluation, rows from the bottom."""
    for first in evaluator.layers:
        for last, evaluation in evaluator.without_spans_from(first).items():
            yield (first, last), evaluation


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    "method", [houlsby(8), houlsby(8, parallel=True), adapter_l(8)], ids=lambda m: m.name
)
@pytest.mark.parametrize("make", [tiny_task, split_task, scored_task, span_task])
def test_every_span_equals_its_own_evaluation(make: object, method: Method, dtype: torch.dtype) -> None:
    """Logits, predictions and value of each span are those of evaluating the remaining tensors alone."""
    task: Task = make("doors")  # type: ignore[operator]
    backbone = tiny_backbone(num_layers=NUM_LAYERS, dtype=dtype)
    laid_out, scoring = set_of(backbone, task)
    parameters = noisy(backbone, method, scoring.objective.num_outputs(len(task.labels)))
    evaluator = SpanEvaluator(backbone, parameters, laid_out, scoring)

    def alone(tensors: dict[str, torch.Tensor] | TaskParameters) -> Evaluation:
        return evaluate_set(assemble(backbone, tensors), laid_out, scoring=scoring)

    found = dict(measured(evaluator))
    assert list(found) == ALL_SPANS
    for span, evaluation in found.items():
        expected = alone(dropped(parameters, *span))
        assert evaluation.logits_sha256 == expected.logits_sha256, span
        assert (evaluation.value, evaluation.predictions) == (expected.value, expected.predictions)
    unchanged = evaluator.unchanged()
    assert unchanged.logits_sha256 == alone(parameters).logits_sha256
    assert len({e.logits_sha256 for e in (*found.values(), unchanged)}) == len(ALL_SPANS) + 1


@pytest.mark.parametrize(("num_layers", "shared", "naive"), [(4, 24, 44), (6, 62, 132), (12, 376, 948)])
def test_the_layer_passes_are_those_of_the_two_kinds_of_sharing(
    num_layers: int, shared: int, naive: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted as they run: n + n(n+1)/2 + (n-1)n(n+1)/6 passes instead of n(1 + n(n+1)/2)."""
    backbone = tiny_backbone(num_layers=num_layers)
    laid_out, scoring = set_of(backbone, tiny_task("doors"))
    evaluator = SpanEvaluator(backbone, noisy(backbone, houlsby(8), 2), laid_out, scoring)
    counted = count_layers(monkeypatch)
    list(measured(evaluator))
    evaluator.unchanged()
    assert (evaluator.num_layer_passes, evaluator.naive_layer_passes) == (shared, naive)
    assert len(counted) == shared * len(laid_out.batches)


def count_layers(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """A list that grows by one at every layer that runs."""
    from stream.model.encoder import encoder

    counted: list[None] = []
    run = encoder.apply_layer

    def counting(*arguments: object) -> object:
        counted.append(None)
        return run(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(encoder, "apply_layer", counting)
    return counted


def test_without_memory_the_same_bits_cost_more() -> None:
    """Batches whose states may not be kept are computed anew from the embeddings, and counted."""
    backbone = tiny_backbone(num_layers=NUM_LAYERS)
    laid_out, scoring = set_of(backbone, tiny_task("doors"))
    parameters = noisy(backbone, houlsby(8), 2)
    kept = SpanEvaluator(backbone, parameters, laid_out, scoring)
    anew = SpanEvaluator(backbone, parameters, laid_out, scoring, max_bytes=0)
    digests = [[e.logits_sha256 for _, e in measured(one)] for one in (kept, anew)]
    assert digests[0] == digests[1]
    assert anew.num_layer_passes == kept.num_layer_passes + sum(range(NUM_LAYERS - 1))


def test_rows_may_be_asked_for_in_any_order() -> None:
    """A row below one that was measured already starts from the embeddings again."""
    backbone = tiny_backbone(num_layers=NUM_LAYERS)
    laid_out, scoring = set_of(backbone, tiny_task("doors"))
    evaluator = SpanEvaluator(backbone, noisy(backbone, houlsby(8), 2), laid_out, scoring)
    before = evaluator.without_spans_from(1)[1].logits_sha256
    evaluator.without_spans_from(3)
    assert evaluator.without_spans_from(1)[1].logits_sha256 == before


def test_only_layers_with_adapters_are_ablated() -> None:
    """Adapters in layers 1 and 2 have three spans; without any there is none."""
    backbone = tiny_backbone(num_layers=NUM_LAYERS)
    laid_out, scoring = set_of(backbone, tiny_task("doors"))
    some = SpanEvaluator(
        backbone, noisy(backbone, houlsby(8, first_layer=1, last_layer=2), 2), laid_out, scoring
    )
    assert [span for span, _ in measured(some)] == [(1, 1), (1, 2), (2, 2)]
    plain = TaskParameters({k: v for k, v in noisy(backbone, houlsby(8), 2).items() if k.startswith("head.")})
    assert len(SpanEvaluator(backbone, plain, laid_out, scoring).layers) == 0
