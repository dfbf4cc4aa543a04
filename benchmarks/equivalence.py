"""The methods against other libraries: the same tensors in both, logits and gradients side by side.

LoRA is compared with PEFT, bottleneck adapters and prefixes with the `adapters` library, on MiniLM and on a
small random BERT, in float32. Each library runs in an environment of its own (`environments.py`).
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers.utils import logging

from benchmarks import equivalence_peer
from benchmarks.environments import default_folder, library_python
from benchmarks.equivalence_cases import CASES, REDUCTION, Case, their_name
from benchmarks.equivalence_material import (
    LENGTH,
    NUM_ROWS,
    RANDOM,
    moved_tensors,
    random_backbone,
    random_rows,
    save_checkpoint,
)
from benchmarks.result import Figure, Result
from stream.errors import StreamError
from stream.model.backbone.backbone import Backbone
from stream.model.backbone.loading import load_backbone, minilm_folder
from stream.model.backbone.names import MINILM
from stream.model.encoder.encoder import encode
from stream.model.encoder.low_rank import merge
from stream.model.encoder.packing import Batch
from stream.model.methods.catalogue import lora
from stream.model.methods.method import Method
from stream.model.methods.specification import method_named

LOGITS_BOUND = 1e-5
"""Largest difference of a logit, in float32."""
GRADIENT_BOUND = 1e-4
"""Largest difference of a gradient, as a fraction of the largest gradient of its tensor.

Float32 rounding alone costs 1e-5 of it: against the same computation in float64, PEFT's smallest gradients
are off by 0.9e-5 and ours by 1.1e-5. A factor that is wrong by a thousandth costs 1e-3.
"""
HEAD = ("head.weight", "head.bias")


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """One case on one backbone, and what both sides gave."""

    case: Case
    backbone: str
    ours: Mapping[str, Tensor]
    theirs: Mapping[str, Tensor]
    bare: Tensor
    """Logits without what the method inserts."""

    @property
    def logits(self) -> float:
        """Largest difference of a logit."""
        return _largest(self.ours["logits"] - self.theirs["logits"])

    @property
    def gradients(self) -> float:
        """Largest difference of a gradient over its tensor's largest one."""
        return max(
            _largest(self.ours[name] - theirs) / _largest(theirs)
            for name, theirs in self.theirs.items()
            if name != "logits"
        )

    @property
    def effect(self) -> float:
        """Largest change of a logit by the method: what would be missed if it did nothing."""
        return _largest(self.ours["logits"] - self.bare)

    @property
    def failures(self) -> tuple[str, ...]:
        """What is not as it has to be."""
        if not self.case.agrees:
            return () if self.logits > 100 * LOGITS_BOUND else (f"{self.case.name}: no difference is seen",)
        found = [("logits", self.logits, LOGITS_BOUND), ("gradients", self.gradients, GRADIENT_BOUND)]
        return tuple(
            f"{self.case.name} on {self.backbone}: {what} differ by {value:.1e}, more than {bound:.0e}"
            for what, value, bound in found
            if not value <= bound
        )


def check_equivalence(folder: Path | None) -> Result:
    """Differences between this project and the libraries, and between LoRA merged and unmerged.

    Args:
        folder: where the libraries' environments are kept; None: in the user's cache.
    """
    logging.disable_progress_bar()
    torch.set_num_threads(1)
    backbones = {MINILM: load_backbone(MINILM), RANDOM: random_backbone()}
    with tempfile.TemporaryDirectory() as scratch:
        pairs, versions = _compare(backbones, Path(scratch), folder or default_folder())
    merged = [_merged(backbone) for backbone in backbones.values()]
    return Result(
        title="the methods against other libraries, same tensors, float32; largest differences",
        figures=(*(figure for pair in pairs for figure in _figures(pair)), *merged, _merged_in_bfloat16()),
        setting={
            "dtype": "float32",
            "libraries": versions,
            "rows": NUM_ROWS,
            "longest_row": LENGTH,
            "cases": {case.name: dict(case.options) for case in CASES},
            "bounds": {"logits": LOGITS_BOUND, "gradients": GRADIENT_BOUND},
        },
        failures=tuple(failure for pair in pairs for failure in pair.failures)
        + tuple(f"{f.name}: {f.median:.1e}" for f in merged if not f.median <= LOGITS_BOUND),
    )


def _compare(
    backbones: Mapping[str, Backbone], scratch: Path, folder: Path
) -> tuple[list[Pair], dict[str, Any]]:
    """Every case on every backbone, each library in one process."""
    places = {MINILM: minilm_folder(), RANDOM: save_checkpoint(backbones[RANDOM], scratch / RANDOM)}
    written: dict[str, list[Path]] = {}
    for i, case in enumerate(CASES):
        for name, backbone in backbones.items():
            home = scratch / f"{i}-{name}"
            _write(case, backbone, places[name], home)
            written.setdefault(case.library, []).append(home)
    versions: dict[str, Any] = {}
    for library, homes in written.items():
        _run_library(library_python(library, folder), homes)
        versions[library] = json.loads((homes[0] / "versions.json").read_text(encoding="utf-8"))
    pairs = [
        _pair(case, backbone, scratch / f"{i}-{name}")
        for i, case in enumerate(CASES)
        for name, backbone in backbones.items()
    ]
    return pairs, versions


def _run_library(python: Path, homes: list[Path]) -> None:
    """Every case of one library in one process, which prints nothing unless it fails."""
    quiet = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"}
    done = subprocess.run(
        [python, equivalence_peer.__file__, *homes],
        env=os.environ | quiet,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        print(done.stderr, file=sys.stderr)
        raise StreamError(f"{python} could not run its cases; its messages stand above.")


def _write(case: Case, backbone: Backbone, place: Path, home: Path) -> None:
    """What the library's process reads."""
    home.mkdir()
    trained = moved_tensors(_method(case, backbone), backbone)
    save_file(trained, home / "trained.safetensors")
    save_file(random_rows(backbone), home / "inputs.safetensors")
    content = {
        "library": case.library,
        "config": {"class": case.config, "options": dict(case.options)},
        "backbone": str(place),
        "names": {ours: their_name(case, ours) for ours in trained if ours not in HEAD},
    }
    (home / "case.json").write_text(json.dumps(content), encoding="utf-8")


def _pair(case: Case, backbone: Backbone, home: Path) -> Pair:
    trained = load_file(home / "trained.safetensors")
    method, inputs = _method(case, backbone), load_file(home / "inputs.safetensors")
    batch = Batch(token_ids=inputs["token_ids"], lengths=inputs["lengths"])
    own = {key: value.requires_grad_() for key, value in trained.items()}
    logits = encode(backbone, method.materialise(own), batch)
    loss = F.cross_entropy(logits, inputs["labels"])
    gradients = torch.autograd.grad(loss, list(own.values()))
    ours = {f"gradient.{key}": gradient for key, gradient in zip(own, gradients, strict=True)}
    with torch.no_grad():
        bare = encode(backbone, {key: trained[key] for key in HEAD}, batch)
    return Pair(
        case=case,
        backbone=backbone.name,
        ours=ours | {"logits": logits.detach()},
        theirs=load_file(home / "theirs.safetensors"),
        bare=bare,
    )


def _figures(pair: Pair) -> tuple[Figure, ...]:
    name = f"{pair.case.name}, {pair.backbone}"
    return (
        Figure(name=f"{name}: logits", unit="", values=(pair.logits,)),
        Figure(name=f"{name}: gradients, relative", unit="", values=(pair.gradients,)),
        Figure(name=f"{name}: the method's effect on logits", unit="", values=(pair.effect,)),
    )


def _merged(backbone: Backbone) -> Figure:
    """LoRA with its updates added to the projections, against the two products beside them."""
    method, inputs = lora(), random_rows(backbone)
    with torch.no_grad():
        stored = dict(method.materialise(moved_tensors(method, backbone)))
        batch = Batch(token_ids=inputs["token_ids"], lengths=inputs["lengths"])
        difference = encode(backbone, stored, batch) - encode(backbone, merge(backbone, stored), batch)
    kind = str(backbone.dtype).removeprefix("torch.")
    return Figure(
        name=f"lora merged / unmerged, {backbone.name}, {kind}", unit="", values=(_largest(difference),)
    )


def _merged_in_bfloat16() -> Figure:
    return _merged(load_backbone(MINILM, dtype=torch.bfloat16))


def _method(case: Case, backbone: Backbone) -> Method:
    return method_named(case.method, adapter_size=backbone.architecture.hidden_size // REDUCTION)


def _largest(values: Tensor) -> float:
    return float(values.abs().max())
