import hashlib
from dataclasses import fields, replace
from itertools import accumulate
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stream.learning.encoding import TokenSet, encode_split
from stream.learning.evaluation import (
    LENGTH_STEP,
    MINIMUM_ROWS,
    EvaluationPlan,
    batch_shapes,
    evaluate,
    evaluation_rows,
    logits_digest,
    make_plan,
    predict,
)
from stream.learning.objectives.objective import BY_ACCURACY, Scoring
from stream.model.backbone.precision import device_model
from stream.model.encoder.encoder import encode
from tasks.task import Split
from tests.stream.tiny import CPU, random_head, tiny_backbone, tiny_split, tiny_tokenizer

BACKBONE = tiny_backbone()
HEAD = random_head(3)


def tokens(num_examples: int) -> TokenSet:
    return encode_split(tiny_tokenizer(), tiny_split(num_examples, num_labels=3), max_length=32).tokens


@given(lengths=st.lists(st.integers(1, 130), min_size=1, max_size=200), rows=st.integers(2, 64))
def test_shapes(lengths: list[int], rows: int) -> None:
    """Batches cover all examples in order, hold at least two rows and every token, and pad to the step."""
    ordered = sorted(lengths)
    shapes = batch_shapes(ordered, rows=rows)
    assert sum(num for num, _ in shapes) == max(len(ordered), MINIMUM_ROWS)
    ends = [min(end, len(ordered)) for end in accumulate(num for num, _ in shapes)]
    for end, (num, length) in zip(ends, shapes, strict=True):
        assert MINIMUM_ROWS <= num <= rows + 1
        assert ordered[end - 1] <= length < ordered[end - 1] + LENGTH_STEP
        assert length % LENGTH_STEP == 0


def test_a_gpu_takes_more_rows() -> None:
    """300 short examples are five batches on a CPU and two on a GPU."""
    rows = {kind: evaluation_rows(torch.device(kind)) for kind in ("cpu", "cuda")}
    assert [len(batch_shapes([5] * 300, rows=rows[kind])) for kind in ("cpu", "cuda")] == [5, 2]


def test_shapes_in_numbers() -> None:
    """A left-over example joins the last batch; one alone is a batch of two rows; none is no batch."""
    assert batch_shapes([5] * 64) == ((64, 8),)
    assert batch_shapes([5] * 64 + [17]) == ((65, 24),)
    assert batch_shapes([5] * 64 + [9, 17]) == ((64, 8), (2, 24))
    assert batch_shapes([8]) == ((2, 8),)
    assert batch_shapes([]) == ()


@pytest.mark.parametrize("num_examples", [1, 2, 3, 64, 65, 66, 130])
def test_logits_are_in_example_order(num_examples: int) -> None:
    """Each example gets the logits it gets in a batch of its own, at its own place."""
    found = tokens(num_examples)
    outputs = predict(BACKBONE, HEAD, found, make_plan(found, BACKBONE))
    assert outputs.shape == (num_examples, 3)
    for i in {0, num_examples // 2, num_examples - 1}:
        alone = found.batch(torch.tensor([i, i]), int(found.lengths[i]))
        torch.testing.assert_close(outputs[i], encode(BACKBONE, HEAD, alone)[0], rtol=0, atol=1e-5)


def test_no_examples_give_no_logits() -> None:
    """An empty set has logits of shape [0, labels]."""
    found = tokens(0)
    assert predict(BACKBONE, HEAD, found, make_plan(found, BACKBONE)).shape == (0, 3)


def test_lengths_are_bounded_by_the_backbones_positions() -> None:
    """A text as long as the backbone has positions is evaluated, although the padded length exceeds them."""
    backbone = tiny_backbone(max_positions=29)
    texts = ["ba be bi bo " * 9, "ba"]
    found = encode_split(tiny_tokenizer(), Split(texts=texts, labels=[0, 1]), max_length=29).tokens
    plan = make_plan(found, backbone)
    assert plan.shapes == ((2, 32),)
    assert predict(backbone, HEAD, found, plan).isfinite().all()


def test_evaluation_agrees_with_numpy() -> None:
    """Value, predictions and digests are those of the logits, computed apart."""
    found = tokens(70)
    plan = make_plan(found, BACKBONE)
    outputs = predict(BACKBONE, HEAD, found, plan).numpy()
    predicted = outputs.argmax(1)
    result = evaluate(BACKBONE, HEAD, found, scoring=BY_ACCURACY, plan=plan)
    assert result.value == float(np.mean(predicted == found.labels.numpy()))
    assert 0 < result.value < 1
    assert result.num_examples == 70
    assert np.frombuffer(result.predictions, dtype="<i4").tolist() == predicted.tolist()
    assert result.predictions_sha256 == hashlib.sha256(result.predictions).hexdigest()
    assert result.logits_sha256 == hashlib.sha256(outputs.astype("<f4").tobytes("C")).hexdigest()
    assert result.plan_sha256 == plan.sha256


def test_the_value_is_that_of_the_metric() -> None:
    """Another metric by name gives its own value for the same predictions."""
    found = tokens(70)
    plan = make_plan(found, BACKBONE)
    by_name = {
        name: evaluate(BACKBONE, HEAD, found, scoring=Scoring(metric=name), plan=plan)
        for name in ("accuracy", "macro_f1")
    }
    assert by_name["accuracy"].value != by_name["macro_f1"].value
    assert by_name["macro_f1"].metric == "macro_f1"


def test_evaluating_twice_gives_equal_digests() -> None:
    """The digest is the same at each evaluation; one changed bit of one tensor changes it."""
    found = tokens(20)
    plan = make_plan(found, BACKBONE)
    first, second = (evaluate(BACKBONE, HEAD, found, scoring=BY_ACCURACY, plan=plan) for _ in range(2))
    assert first.logits_sha256 == second.logits_sha256
    bias = HEAD["head.bias"].clone()
    bias.view(torch.int32)[1] ^= 1 << 12
    changed = evaluate(BACKBONE, {**HEAD, "head.bias": bias}, found, scoring=BY_ACCURACY, plan=plan)
    assert changed.logits_sha256 != first.logits_sha256


def test_the_digest_reads_every_logit_in_order() -> None:
    """One logit's last bit, or two rows swapped, give another digest; strides do not."""
    outputs = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    flipped = outputs.clone()
    flipped.view(torch.int32)[2, 1] ^= 1
    digests = {logits_digest(x) for x in (outputs, flipped, outputs.flip(0))}
    assert len(digests) == 3
    assert logits_digest(outputs.t().contiguous().t()) == logits_digest(outputs)


def test_every_field_is_part_of_the_plans_identity() -> None:
    """Another value of any field gives another hash of the plan; equal plans have equal hashes."""
    plan = make_plan(tokens(5), BACKBONE)
    assert plan.sha256 == make_plan(tokens(5), BACKBONE).sha256
    others: dict[str, Any] = {"shapes": ((2, 8),), "num_threads": plan.num_threads + 1, "arithmetic": 0}
    changed = {
        field.name: replace(plan, **{field.name: others.get(field.name, "other")})
        for field in fields(EvaluationPlan)
    }
    assert len({other.sha256 for other in changed.values()} | {plan.sha256}) == len(changed) + 1


def test_the_plan_is_of_this_machine() -> None:
    """A plan names the format, device, threads and library it is for."""
    plan = make_plan(tokens(5), tiny_backbone(dtype=torch.bfloat16))
    assert plan.dtype == "bfloat16"
    assert plan.device == device_model(CPU)
    assert plan.device.startswith("cpu ")
    assert plan.num_threads == torch.get_num_threads()
    assert plan.torch_version == torch.__version__


def test_the_plan_does_not_hang_on_the_order_of_examples() -> None:
    """Shapes follow from the lengths alone."""
    forth = encode_split(tiny_tokenizer(), Split(texts=["ba", "be " * 20], labels=[0, 0]), max_length=32)
    back = encode_split(tiny_tokenizer(), Split(texts=["be " * 20, "ba"], labels=[0, 0]), max_length=32)
    assert make_plan(forth.tokens, BACKBONE) == make_plan(back.tokens, BACKBONE)
