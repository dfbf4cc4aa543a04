import math

import pytest
import torch

from stream.errors import UserError
from stream.learning.recipe import Recipe
from stream.model.backbone.architecture import BERT_BASE_UNCASED, BERT_LARGE_UNCASED
from stream.model.methods.specification import method_named
from stream.plan import machine
from stream.plan.machine import planned_backbone
from stream.plan.probe import (
    Measured,
    ProbeLengths,
    expected_time,
    needed_bytes,
    probe,
    probe_lengths,
    synthetic_tokens,
)
from stream.plan.work import plan_stream
from tests.stream.plan.made_tasks import made_task
from tests.stream.tiny import CPU, TINY, tiny_backbone

RECIPE = Recipe(batch_size=4)
LENGTHS = ProbeLengths(training=5, evaluation=7)


def measured_with(method: str, seconds: float = 0.1) -> Measured:
    return probe(
        tiny_backbone(),
        method_named(method, adapter_size=4),
        RECIPE,
        LENGTHS,
        num_labels=3,
        is_pretrained=False,
        seconds=seconds,
    )


@pytest.mark.parametrize("method", ["houlsby", "prefix", "sequential"])
def test_a_probe_measures_both_rates(method: str) -> None:
    """Training steps and evaluation batches of a method are timed on its own code."""
    measured = measured_with(method)
    assert measured.num_steps > 0
    assert measured.num_texts > 0
    assert 0 < measured.training_tokens_per_second < math.inf
    assert 0 < measured.evaluation_tokens_per_second < math.inf
    assert measured.lengths == LENGTHS


def test_a_probe_takes_about_its_time() -> None:
    """A longer probe makes more steps; a short one does not train to the end."""
    assert measured_with("houlsby").seconds < 30
    assert measured_with("houlsby", 0.1).num_steps < 4096


def test_a_probe_leaves_the_backbone_alone() -> None:
    """Nothing that is shared learns while the time is measured."""
    backbone = tiny_backbone()
    before = backbone.fingerprint()
    method = method_named("fine-tune", adapter_size=4)
    probe(backbone, method, RECIPE, LENGTHS, num_labels=2, is_pretrained=False, seconds=0.1)
    assert backbone.fingerprint() == before


def test_time_follows_from_the_rates() -> None:
    """1,000 training tokens at 100 a second and 900 of evaluation at 300 a second are 13 seconds."""
    measured = Measured(
        training_tokens_per_second=100.0,
        evaluation_tokens_per_second=300.0,
        num_steps=1,
        num_texts=64,
        lengths=LENGTHS,
        seconds=1.0,
        device="cpu",
        dtype="float32",
        num_threads=1,
        num_processors=1,
        load=None,
        is_pretrained=True,
    )
    time = expected_time(1000, 900.0, measured)
    assert (time.training_seconds, time.evaluation_seconds, time.seconds) == (10.0, 3.0, 13.0)
    assert expected_time(None, 900.0, measured).seconds is None


def test_lengths_are_means_over_texts() -> None:
    """A task with three times the examples counts three times in the mean length of training texts."""
    method = method_named("houlsby", adapter_size=4)
    plan = plan_stream(TINY, method, [made_task("a", 40, length=10.0), made_task("b", 120, length=20.0)])
    # evaluated: a is tested three times and validated three times, b twice and three times
    assert probe_lengths(plan) == ProbeLengths(training=18, evaluation=round((30 * 10 + 75 * 20) / 105))
    assert probe_lengths(plan_stream(TINY, method, [made_task("a", None)])) is None


def test_synthetic_tokens_are_texts_of_one_length() -> None:
    """Ids lie inside the vocabulary, labels inside the classes."""
    tokens = synthetic_tokens(6, 5, vocab_size=11, num_labels=4)
    assert tokens.lengths.tolist() == [5] * 6
    assert 0 <= int(tokens.ids.min()) <= int(tokens.ids.max()) < 11
    assert tokens.labels.tolist() == [0, 1, 2, 3, 0, 1]
    assert tokens.one_segment


def test_needed_memory() -> None:
    """Fine-tuning needs more than adapters, and bert-large more than bert-base.

    Adapters on bert-base at 32 x 128 tokens in bfloat16: 12 layers of 4,096 x 33,792 bytes of activations,
    8 bytes a backbone parameter, 26 a trained one.
    """
    adapters, copies = method_named("houlsby:64", adapter_size=1), method_named("fine-tune", adapter_size=1)

    def needed(size: str, copy: bool) -> int:
        architecture = BERT_LARGE_UNCASED if size == "large" else BERT_BASE_UNCASED
        return needed_bytes(architecture, copies if copy else adapters, Recipe(), 128, item_bytes=2)

    assert needed("base", copy=True) > needed("base", copy=False)
    assert needed("large", copy=False) > needed("base", copy=False)
    assert needed("base", copy=False) == (12 * 4096 * 33_792 + 8 * 109_482_240 + 26 * (2_417_664 + 2 * 769))


def test_a_known_shape_needs_no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the weights are not at hand a backbone of random weights of the same shape takes their place."""
    monkeypatch.setitem(machine.KNOWN_ARCHITECTURES, "tiny-uncased", TINY)
    monkeypatch.setattr(machine, "_local_folder", lambda name: None)
    planned = planned_backbone("tiny-uncased", device=CPU, dtype=torch.float32)
    assert planned.loaded is None
    assert "are not on this machine" in planned.remarks[0]
    made = planned.ready(CPU, torch.float32)
    assert made.num_parameters == tiny_backbone().num_parameters
    assert probe(
        made,
        method_named("houlsby", adapter_size=4),
        RECIPE,
        LENGTHS,
        num_labels=2,
        is_pretrained=False,
        seconds=0.05,
    ).num_steps


def test_an_unknown_backbone_is_not_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is nowhere on the machine is refused, with the nearest known one."""
    monkeypatch.setattr(machine, "_local_folder", lambda name: None)
    with pytest.raises(UserError, match=r"downloads nothing; .* did you mean 'bert-base-uncased'"):
        planned_backbone("bert-base-uncase", device=CPU, dtype=torch.float32)
