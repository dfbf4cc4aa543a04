"""Evaluation without the adapters of a span of layers, for all spans at once (Houlsby et al. 2019, Figure 6).

Nothing is trained again: only adapters are left out, the trained layer norms and the head stay. Spans with
the same first layer share what lies below it, and the span that ends one layer later goes on from where the
adapters were left out so far; what lies above a span is its own. For n layers that is
n + n (n + 1) / 2 + (n - 1) n (n + 1) / 6 layer passes, the model with all adapters included, against
n (1 + n (n + 1) / 2) of evaluating each span from the embeddings. The operations and their shapes are those
of an evaluation from the embeddings, so the bits are too.
"""

import time
from collections.abc import Mapping

import torch
from torch import Tensor

from stream.learning.evaluation import EvaluationSet, in_example_order, judged
from stream.learning.objectives.objective import Scoring
from stream.model.backbone.backbone import Backbone
from stream.model.encoder.adapter import adapted_layers, without_adapters
from stream.model.encoder.encoder import assemble, embedded, through_layers
from stream.model.encoder.packing import pack
from stream.results.metrics import Evaluation

RESIDENT_BYTES = 2**30
"""Bound on the states below a first layer that are kept; batches beyond it compute theirs anew."""


class SpanEvaluator:
    """Evaluates one task without the adapters of spans of layers; ask for first layers from the bottom up.

    Arguments:
        backbone: the frozen backbone.
        parameters: the task's stored tensors, on its device.
        laid_out: the split, laid out for its plan; it has examples.
        scoring: how the task is judged.
        max_bytes: bound on the states that are kept.
    """

    def __init__(
        self,
        backbone: Backbone,
        parameters: Mapping[str, Tensor],
        laid_out: EvaluationSet,
        scoring: Scoring,
        *,
        max_bytes: int = RESIDENT_BYTES,
    ) -> None:
        adapted = adapted_layers(parameters)
        self.layers = range(adapted[0], adapted[-1] + 1) if adapted else range(0)
        """Layers from the lowest to the highest with an adapter; empty where there is none."""
        self._full = assemble(backbone, parameters)
        self._bare = assemble(backbone, without_adapters(parameters, self.layers))
        self._laid_out = laid_out
        self._scoring = scoring
        self._free_bytes = max_bytes
        self._kept: dict[int, tuple[int, Tensor]] = {}
        """Level and state below it of each batch, with all adapters."""
        self._num_passes = 0

    @property
    def num_layers(self) -> int:
        """Layers of the backbone."""
        return len(self._full.layers)

    @property
    def naive_layer_passes(self) -> int:
        """Passes of evaluating each span, and the model with all adapters, from the embeddings."""
        num_spans = len(self.layers) * (len(self.layers) + 1) // 2
        return self.num_layers * (num_spans + 1)

    @property
    def num_layer_passes(self) -> float:
        """Passes of the split through one layer so far, mean over the batches."""
        return self._num_passes / len(self._laid_out.batches)

    @torch.inference_mode()
    def without_spans_from(self, first: int) -> dict[int, Evaluation]:
        """Evaluations without the adapters of layers `first` to `last`, by `last`."""
        started = time.perf_counter()
        outputs: dict[int, list[Tensor]] = {last: [] for last in self.layers if last >= first}
        for index, batch in enumerate(self._laid_out.batches):
            x, packing = self._below(index, first), pack(batch)
            for last, found in outputs.items():
                x = through_layers(self._bare, x, packing, layers=slice(last, last + 1))
                found.append(self._above(x, index, last + 1))
            self._num_passes += len(outputs)
        return {last: self._judged(found, started) for last, found in outputs.items()}

    @torch.inference_mode()
    def unchanged(self) -> Evaluation:
        """The evaluation with all adapters; after the spans it is what is left of the way to the top."""
        started = time.perf_counter()
        indices, top = range(len(self._laid_out.batches)), self.num_layers
        return self._judged([self._above(self._below(i, top), i, top) for i in indices], started)

    def _below(self, index: int, level: int) -> Tensor:
        """What the layers below `level` give of a batch with all adapters."""
        batch = self._laid_out.batches[index]
        packing = pack(batch)
        reached, x = self._kept.get(index, (level + 1, None))
        if x is None or reached > level:
            reached, x = 0, embedded(self._full, batch, packing)
        x = through_layers(self._full, x, packing, layers=slice(reached, level))
        self._num_passes += level - reached
        num_new_bytes = 0 if index in self._kept else x.nbytes
        if num_new_bytes <= self._free_bytes:
            self._free_bytes -= num_new_bytes
            self._kept[index] = level, x
        return x

    def _above(self, x: Tensor, index: int, level: int) -> Tensor:
        """The outputs from the state below `level`, through layers with their adapters."""
        self._num_passes += self.num_layers - level
        batch = self._laid_out.batches[index]
        return self._scoring.objective.outputs_above(self._full, x, batch, level)

    def _judged(self, outputs: list[Tensor], started: float) -> Evaluation:
        in_order = in_example_order(outputs, self._laid_out)
        return judged(in_order, self._laid_out, scoring=self._scoring, started=started)
