"""Forward passes in pairs, with a clock that counts calls instead of time."""

import pytest
import torch

from stream.model.encoder.encoder import Encoder, logits
from stream.model.methods.bottleneck import houlsby
from stream.model.methods.catalogue import feature, lora
from stream.study.latency import timing
from stream.study.latency.timing import Clock, clock_for, encoder_of, full_batch, timed_pairs
from tests.stream.tiny import CPU, tiny_backbone


def shapes(encoder: Encoder) -> list[tuple[str, tuple[int, ...]]]:
    """Names and shapes of all tensors of an encoder's layers and head, inserted ones included."""
    found = [
        (f"{i}.{name}", part) for i, at in enumerate(encoder.layers) for name, part in at._asdict().items()
    ]
    found.append(("head", encoder.head))
    return [
        (name, tuple(t.shape)) for name, part in found for t in (part or ()) if isinstance(t, torch.Tensor)
    ]


def test_merged_lora_runs_the_products_of_the_bare_backbone() -> None:
    """The same tensors of the same shapes, nothing inserted; unmerged there is more."""
    backbone = tiny_backbone()
    bare = encoder_of(backbone, feature())
    assert shapes(encoder_of(backbone, lora(2), merged=True)) == shapes(bare)
    assert shapes(encoder_of(backbone, lora(2))) != shapes(bare)
    assert shapes(encoder_of(backbone, houlsby(4))) != shapes(bare)


def test_merged_lora_computes_what_lora_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    """W + scale * up @ down in the weights gives the logits of the inserted update; no factor is zero."""
    backbone = tiny_backbone()
    drawn = timing.fresh_parameters

    def noisy(*arguments: object) -> dict[str, torch.Tensor]:
        generator = torch.Generator().manual_seed(1)
        values = drawn(*arguments)  # type: ignore[arg-type]
        return {k: v + 0.1 * torch.randn(v.shape, generator=generator) for k, v in values.items()}

    batch = full_batch(backbone, 3, 7)
    bare = logits(encoder_of(backbone, feature()), batch)
    monkeypatch.setattr(timing, "fresh_parameters", noisy)
    inserted, merged = (logits(encoder_of(backbone, lora(2), merged=m), batch) for m in (False, True))
    assert torch.allclose(inserted, merged, atol=1e-5)
    assert not torch.allclose(bare, merged, atol=1e-2)


def test_batches_are_full() -> None:
    """Every position holds a token of the vocabulary."""
    backbone = tiny_backbone()
    batch = full_batch(backbone, 5, 9)
    assert batch.token_ids.shape == (5, 9)
    assert batch.lengths.tolist() == [9] * 5
    assert int(batch.token_ids.max()) < backbone.architecture.vocab_size


def test_sides_alternate_and_go_first_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bare, other, other, bare, ...: each side has one timing a repeat, a mean over its passes."""
    backbone = tiny_backbone()
    bare, other = encoder_of(backbone, feature()), encoder_of(backbone, houlsby(4))
    ran: list[str] = []
    monkeypatch.setattr(
        timing, "logits", lambda encoder, _: ran.append("bare" if encoder is bare else "other")
    )
    moments: list[list[str]] = []

    def seconds(run: object) -> float:
        before = len(ran)
        run()  # type: ignore[operator]
        moments.append(ran[before:])
        return 0.005 if ran[-1] == "bare" else 0.015

    clock = Clock(text="made", seconds=seconds)
    found = timed_pairs(bare, other, full_batch(backbone, 1, 4), repeats=3, clock=clock)
    assert found.num_passes == 4  # 20 ms at 5 ms a pass
    assert moments == [
        ["bare"],
        *([side] * 4 for side in ("bare", "other", "other", "bare", "bare", "other")),
    ]
    assert found.bare_seconds == pytest.approx([0.005 / 4] * 3)
    assert found.seconds == pytest.approx([0.015 / 4] * 3)


def test_one_thread_is_timed_by_its_processor() -> None:
    """Other processes do not add to it; with several threads only the wall's clock is one of the answer."""
    assert clock_for(CPU, 1).text == "processor time of the one thread"
    assert clock_for(CPU, 2).text == "wall time"
    assert clock_for(torch.device("cuda"), 1).text == "CUDA events"
    assert clock_for(CPU, 1).seconds(lambda: sum(range(1000))) > 0
