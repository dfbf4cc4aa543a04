"""Cost of evaluating a task without the adapters of every span of layers: shared passes or one by one."""

import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.result import Figure, Result, interleaved, ratios
from stream.learning.evaluation import EvaluationSet, evaluate_set, lay_out, make_plan
from stream.learning.objectives.objective import Scoring, scoring_of
from stream.model.backbone.backbone import Backbone
from stream.model.backbone.loading import load_backbone
from stream.model.backbone.names import MINILM
from stream.model.backbone.parameters import TaskParameters
from stream.model.backbone.precision import choose_device, choose_dtype
from stream.model.encoder.adapter import without_adapters
from stream.model.encoder.encoder import assemble
from stream.model.methods.bottleneck import houlsby
from stream.model.methods.method import fresh_parameters
from stream.study.ablation.spans import SpanEvaluator
from tasks import Limits, Task, load_task, open_suite, resolve_home

ADAPTER_SIZE = 64
"""The paper's, in its Figure 6."""
MAX_EXAMPLES = 200
BOUND = 0.48
"""Of the time of one by one, on 6 layers; the layer passes are 62 of 132, 47 %."""


def measure_ablation(repeats: int, name: str, home: str | None) -> Result:
    """Processor time of all spans of one task on MiniLM, the model with all adapters included."""
    device = choose_device("cpu")
    backbone = load_backbone(MINILM, device=device, dtype=choose_dtype(device))
    task = _task(name, resolve_home(home))
    scoring = scoring_of(task)
    encoded = scoring.objective.encode(backbone.tokenizer, task.valid, max_length=128)
    laid_out = lay_out(encoded.tokens, make_plan(encoded.tokens, backbone), backbone)
    sites = houlsby(ADAPTER_SIZE).sites(backbone.architecture, len(task.labels))
    parameters = TaskParameters(fresh_parameters(sites, backbone, {}, 0))
    evaluators: list[SpanEvaluator] = []

    def shared() -> list[str]:
        evaluators.append(SpanEvaluator(backbone, parameters, laid_out, scoring))
        return _shared(evaluators[-1])

    digests: dict[str, list[str]] = {}
    seconds = interleaved(
        {
            "shared passes": lambda: _timed(digests, "shared", shared),
            "one by one": lambda: _timed(
                digests, "single", lambda: _single(backbone, parameters, laid_out, scoring)
            ),
        },
        repeats,
    )
    counted = evaluators[-1]
    share = ratios(seconds["shared passes"], seconds["one by one"])
    figures = [
        Figure(name=name, unit="s of one processor", values=values) for name, values in seconds.items()
    ]
    figures += [
        Figure(name="shared passes / one by one", unit="x", values=share),
        Figure(
            name="the same in layer passes",
            unit="x",
            values=(counted.num_layer_passes / counted.naive_layer_passes,),
        ),
    ]
    return Result(
        title=f"validation of {name} without the adapters of each span of layers of MiniLM",
        figures=tuple(figures),
        setting={
            "task": name,
            "data": task.data.value,
            "num_examples": len(encoded.tokens),
            "num_tokens": encoded.tokens.num_tokens,
            "adapter_size": ADAPTER_SIZE,
            "layer_passes": counted.num_layer_passes,
            "naive_layer_passes": counted.naive_layer_passes,
            "repeats": repeats,
        },
        failures=tuple(_failures(digests, figures[2])),
    )


def _task(name: str, home: Path | None) -> Task:
    card = next(card for card in open_suite("additional17").cards if card.name == name)
    return load_task(card, home=home, limits=Limits(max_train=100, max_valid=MAX_EXAMPLES, max_test=10))


def _timed(digests: dict[str, list[str]], name: str, run: Callable[[], list[str]]) -> float:
    started = time.process_time()
    digests[name] = run()
    return time.process_time() - started


def _shared(evaluator: SpanEvaluator) -> list[str]:
    """Digests of all spans, first layer by first layer, and of the whole model."""
    rows = [evaluator.without_spans_from(first).values() for first in evaluator.layers]
    return [one.logits_sha256 for row in rows for one in row] + [evaluator.unchanged().logits_sha256]


def _single(
    backbone: Backbone, parameters: TaskParameters, laid_out: EvaluationSet, scoring: Scoring
) -> list[str]:
    """The same, each from the embeddings, on batches that are laid out already."""
    layers = range(backbone.architecture.num_layers)
    kept = [without_adapters(parameters, range(a, b + 1)) for a in layers for b in layers if a <= b]
    return [
        evaluate_set(assemble(backbone, tensors), laid_out, scoring=scoring).logits_sha256
        for tensors in (*kept, parameters)
    ]


def _failures(digests: dict[str, list[str]], share: Figure) -> list[str]:
    failures = []
    if digests["shared"] != digests["single"]:
        failures.append("the digests of shared passes are not those of one by one")
    if share.median > BOUND:
        failures.append(f"shared passes took {share.median:.3f} of one by one, more than {BOUND}")
    return failures
