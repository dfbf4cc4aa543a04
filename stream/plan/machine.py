"""What there is to plan with: the backbone's weights where they are at hand, otherwise its known shape.

Nothing is downloaded. A backbone of random weights computes as fast as a pretrained one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from stream.errors import UserError
from stream.model.backbone.architecture import KNOWN_ARCHITECTURES, Architecture, tensor_shapes
from stream.model.backbone.backbone import Backbone, make_backbone
from stream.model.backbone.loading import load_backbone, local_folder, minilm_folder
from stream.model.backbone.names import MINILM
from tasks import did_you_mean

_WEIGHTS_SCALE = 0.02


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedBackbone:
    """A backbone, loaded or only known by its shape."""

    name: str
    architecture: Architecture
    loaded: Backbone | None
    """None where the weights are not at hand."""
    tokenizer: Any
    """Its own; for a known shape, MiniLM's, which has the same vocabulary; None where that lacks too."""

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a reader should know where the weights are not at hand."""
        if self.loaded is not None:
            return ()
        vocabulary = (
            "MiniLM's vocabulary, which is the same" if self.tokenizer else "an average text's tokens"
        )
        return (
            f"The weights of {self.name} are not on this machine: parameters are counted from its known "
            f"shape, lengths by {vocabulary}.",
        )

    def ready(self, device: torch.device, dtype: torch.dtype) -> Backbone:
        """The loaded backbone, or one of the same shape with random weights."""
        if self.loaded is not None:
            return self.loaded
        generator = torch.Generator().manual_seed(0)
        tensors = {
            name: torch.empty(shape).normal_(0.0, _WEIGHTS_SCALE, generator=generator)
            + name.endswith(".norm.weight")
            for name, shape in tensor_shapes(self.architecture).items()
        }
        return make_backbone(
            self.name, self.architecture, tensors, self.tokenizer, device=device, dtype=dtype
        )


def planned_backbone(name: str, *, device: torch.device, dtype: torch.dtype) -> PlannedBackbone:
    """The backbone of that name without any download.

    Raises:
        UserError: it is neither at hand nor one whose shape is known, or it cannot be read.
        DamageError: the embedded MiniLM's weights are not the published ones.
    """
    at_hand = name if name == MINILM else _local_folder(name)
    if at_hand is not None:
        loaded = load_backbone(at_hand, device=device, dtype=dtype)
        return PlannedBackbone(
            name=name, architecture=loaded.architecture, loaded=loaded, tokenizer=loaded.tokenizer
        )
    if name not in KNOWN_ARCHITECTURES:
        known: Sequence[str] = (MINILM, *KNOWN_ARCHITECTURES)
        raise UserError(
            f"The backbone {name!r} is not on this machine, and a plan downloads nothing; give a folder, or "
            f"start a run first, which downloads it; {did_you_mean(name, known)}"
        )
    return PlannedBackbone(
        name=name, architecture=KNOWN_ARCHITECTURES[name], loaded=None, tokenizer=_uncased_tokenizer()
    )


def _local_folder(name: str) -> str | None:
    """A folder of that name, or the hub's snapshot in the cache with its weights.

    Raises:
        UserError: the name can only be a path, and there is no such folder.
    """
    if local_folder(name) is not None:
        return name
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        cached = Path(snapshot_download(name, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError):
        return None
    has_weights = any(cached.glob("*.safetensors")) or any(cached.glob("pytorch_model*.bin"))
    return str(cached) if has_weights else None


def _uncased_tokenizer() -> Any:
    """The vocabulary of bert-base-uncased, which is MiniLM's too; None where MiniLM is not installed."""
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_file(str(minilm_folder() / "tokenizer.json"))
    except UserError:
        return None


def available_bytes(device: torch.device) -> int | None:
    """Memory that can be had on the device; None where nobody says."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")), None)
