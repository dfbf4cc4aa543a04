"""Law 9: from `ROW_IS_A_ROW_FROM` rows up, an example's logits depend on nothing but the example.

The kernels decide, so it is tested on the real MiniLM, for each number format, where they are known.
"""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from stream.learning.evaluation import ROW_IS_A_ROW_FROM
from stream.model.backbone.loading import load_backbone
from stream.model.backbone.names import MINILM
from stream.model.backbone.precision import cpu_capability
from stream.model.encoder import fused
from stream.model.encoder.encoder import Encoder, assemble, logits, token_logits
from stream.model.encoder.packing import Batch
from stream.model.methods.bottleneck import houlsby
from stream.model.methods.method import fresh_parameters

KNOWN = "AVX512"
"""The instruction set on which the law's limits were measured."""
NUM_EXAMPLES = 64
SHAPES = ((16, 32), (23, 32), (33, 32), (16, 64), (20, 96), (16, 128))
"""(rows, padded length) that every format is tested with."""
SHAPES_OF_8 = ((16, 40), (19, 48), (16, 72))
"""Further ones for float32, whose padded lengths need not be multiples of 32."""
WORST_TOKENS = range(33, 384)
"""Tokens of a piece for which the second product of the feed-forward rounds differently in bfloat16."""


def encoder_in(dtype: torch.dtype) -> Encoder:
    """MiniLM under adapters that do something."""
    backbone = load_backbone(MINILM, dtype=dtype)
    generator = torch.Generator().manual_seed(0)
    fresh = fresh_parameters(houlsby(24).sites(backbone.architecture, 3), backbone, {}, 1)
    return assemble(
        backbone, {n: t + 0.05 * torch.randn(t.shape, generator=generator) for n, t in fresh.items()}
    )


@pytest.fixture(scope="module", params=["float32", "bfloat16"])
def encoder(request: pytest.FixtureRequest) -> Encoder:
    """The encoder in each format that this processor computes in."""
    if KNOWN not in cpu_capability():
        pytest.skip(f"the kernels of {cpu_capability()} are not known; the law was measured on {KNOWN}")
    if request.param == "bfloat16" and "bf16" not in cpu_capability():
        pytest.skip(f"{cpu_capability()} has no native bfloat16")
    return encoder_in(getattr(torch, request.param))


@pytest.fixture(scope="module")
def examples() -> Batch:
    """Random token ids of 24 to 32 tokens, padded to 128: 16 rows have 384 tokens or more."""
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(24, 33, (NUM_EXAMPLES,), generator=generator)
    ids = torch.randint(1000, 30000, (NUM_EXAMPLES, 128), generator=generator)
    return Batch(token_ids=ids.where(torch.arange(128) < lengths[:, None], 0), lengths=lengths)


def logits_of(encoder: Encoder, examples: Batch, chosen: Tensor, length: int) -> Tensor:
    """Logits of the chosen examples as one batch, padded to `length`."""
    batch = Batch(token_ids=examples.token_ids[chosen, :length], lengths=examples.lengths[chosen])
    with torch.inference_mode():
        return logits(encoder, batch)


@pytest.fixture(scope="module")
def alone(encoder: Encoder, examples: Batch) -> Tensor:
    """Logits of every example in one batch of all, padded to 32: what other batches are compared with."""
    return logits_of(encoder, examples, torch.arange(NUM_EXAMPLES), 32)


def differing(
    encoder: Encoder, examples: Batch, alone: Tensor, shapes: Sequence[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Shapes in which some example, among other neighbours at another place, has other logits."""
    generator = torch.Generator().manual_seed(1)
    found = []
    for rows, length in shapes:
        chosen = torch.randperm(NUM_EXAMPLES, generator=generator)[:rows]
        if not torch.equal(logits_of(encoder, examples, chosen, length), alone[chosen]):
            found.append((rows, length))
    return found


def test_a_row_is_a_row(encoder: Encoder, examples: Batch, alone: Tensor) -> None:
    """Neighbours, place, batch size and padding from 32 to 128 change no bit of an example's logits."""
    shapes = SHAPES if encoder.word.dtype is torch.bfloat16 else (*SHAPES, *SHAPES_OF_8)
    assert all(rows >= ROW_IS_A_ROW_FROM for rows, _ in shapes)
    assert differing(encoder, examples, alone, shapes) == []


@pytest.mark.parametrize("num_outputs", [1, 2])
def test_a_head_of_few_outputs_obeys_the_law(encoder: Encoder, examples: Batch, num_outputs: int) -> None:
    """The score of a regression and two classes: narrow products take other kernels than three classes do."""
    weight, bias = (tensor[:num_outputs] for tensor in encoder.head)
    narrow = encoder._replace(head=encoder.head._replace(weight=weight, bias=bias))
    alone = logits_of(narrow, examples, torch.arange(NUM_EXAMPLES), 32)
    assert alone.shape == (NUM_EXAMPLES, num_outputs)
    shapes = SHAPES if encoder.word.dtype is torch.bfloat16 else (*SHAPES, *SHAPES_OF_8)
    assert differing(narrow, examples, alone, shapes) == []


def test_the_shapes_are_those_of_the_law(encoder: Encoder) -> None:
    """In bfloat16 the law leaves out batches with a piece of 33 to 383 tokens; the tested ones have none."""
    wide = 2 * encoder.architecture.intermediate_size
    for rows in {rows for rows, _ in SHAPES} | {NUM_EXAMPLES}:
        for num_tokens in (24 * rows, 32 * rows):
            tokens = torch.empty(num_tokens, 1)
            pieces = fused._pieces(len(tokens), wide, tokens.device)
            assert not [p for p in pieces if len(tokens[p]) in WORST_TOKENS]


def test_the_comparison_sees_the_lowest_bits(encoder: Encoder, examples: Batch, alone: Tensor) -> None:
    """The lowest bit of each weight of the head, flipped, is seen in every shape: the law can fail.

    Below `ROW_IS_A_ROW_FROM` rows it promises nothing: 15 rows give other bits on some processors (Intel with
    AMX) and the same on others (AMD Zen 4).
    """
    weight = encoder.head.weight.clone()
    weight.view(torch.int32).bitwise_xor_(1)
    flipped = encoder._replace(head=encoder.head._replace(weight=weight))
    assert differing(flipped, examples, alone, SHAPES) == list(SHAPES)


def test_logits_stay_close_for_fewer_rows(encoder: Encoder, examples: Batch, alone: Tensor) -> None:
    """Below the law's limit the differences are roundings: 1e-5 in float32, 0.02 in bfloat16."""
    bound = 1e-5 if encoder.word.dtype is torch.float32 else 0.02
    for rows in (1, 2, 5):
        chosen = torch.arange(rows)
        assert (logits_of(encoder, examples, chosen, 40) - alone[chosen]).abs().max() < bound


def test_a_token_of_a_row_is_a_token(encoder: Encoder, examples: Batch) -> None:
    """The logits of every token of a span task depend on nothing but its example either."""

    def tokens_of(chosen: Tensor, length: int) -> list[Tensor]:
        batch = Batch(token_ids=examples.token_ids[chosen, :length], lengths=examples.lengths[chosen])
        with torch.inference_mode():
            found = token_logits(encoder, batch)
        return [row[:n] for row, n in zip(found, batch.lengths.tolist(), strict=True)]

    alone = tokens_of(torch.arange(NUM_EXAMPLES), 32)
    shapes = SHAPES if encoder.word.dtype is torch.bfloat16 else (*SHAPES, *SHAPES_OF_8)
    for rows, length in shapes:
        chosen = torch.randperm(NUM_EXAMPLES, generator=torch.Generator().manual_seed(rows))[:rows]
        for row, tokens in zip(chosen.tolist(), tokens_of(chosen, length), strict=True):
            assert torch.equal(tokens, alone[row]), (rows, length)
