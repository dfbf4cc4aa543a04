"""What both sides of an equivalence check are given: backbones, token rows and a task's tensors."""

from pathlib import Path

import torch
from torch import Tensor
from transformers import BertConfig, BertModel

from stream.model.backbone.backbone import CPU, Backbone, make_backbone
from stream.model.backbone.families import architecture_of, checkpoint_names
from stream.model.backbone.names import MINILM
from stream.model.backbone.parameters import NO_PARAMETERS
from stream.model.methods.method import Method, fresh_parameters

RANDOM = "random"
"""Name of the random backbone."""
NUM_LABELS = 3
NUM_ROWS, LENGTH = 16, 40
_SPREAD = {MINILM: 0.03, RANDOM: 0.1}
"""Deviation of the random numbers that are added to fresh tensors."""
_CONFIG = BertConfig(
    vocab_size=200,
    hidden_size=64,
    num_hidden_layers=3,
    num_attention_heads=4,
    intermediate_size=96,
    max_position_embeddings=LENGTH,
)


def moved_tensors(method: Method, backbone: Backbone) -> dict[str, Tensor]:
    """What a method trains: fresh tensors, each moved by random numbers so that all of them do something."""
    generator = torch.Generator().manual_seed(0)
    sites = method.trained_sites(backbone.architecture, NUM_LABELS)
    fresh = fresh_parameters(sites, backbone, NO_PARAMETERS, 0)
    return {
        n: t + _SPREAD[backbone.name] * torch.randn(t.shape, generator=generator) for n, t in fresh.items()
    }


def random_rows(backbone: Backbone) -> dict[str, Tensor]:
    """Rows of 2 to 40 random tokens, padded, with labels."""
    generator = torch.Generator().manual_seed(1)
    lengths = torch.randint(2, LENGTH + 1, (NUM_ROWS,), generator=generator)
    shape = (NUM_ROWS, LENGTH)
    ids = torch.randint(5, backbone.architecture.vocab_size, shape, generator=generator)
    labels = torch.randint(NUM_LABELS, (NUM_ROWS,), generator=generator)
    inside = torch.arange(LENGTH) < lengths[:, None]
    return {"token_ids": ids.where(inside, 0), "lengths": lengths, "labels": labels}


def random_backbone() -> Backbone:
    """A BERT of three layers whose tensors are all drawn anew."""
    architecture = architecture_of(_CONFIG, pooling="mean")
    generator = torch.Generator().manual_seed(2)
    state = BertModel(_CONFIG, add_pooling_layer=False).state_dict()
    tensors = {
        ours: 0.2 * torch.randn(state[theirs].shape, generator=generator) + ours.endswith("norm.weight")
        for ours, theirs in checkpoint_names(architecture).items()
    }
    return make_backbone(RANDOM, architecture, tensors, None, device=CPU, dtype=torch.float32)


def save_checkpoint(backbone: Backbone, place: Path) -> Path:
    """The backbone as a checkpoint that both versions of transformers read."""
    names = checkpoint_names(backbone.architecture)
    model = BertModel(_CONFIG, add_pooling_layer=False)
    model.load_state_dict({theirs: backbone.tensors[ours] for ours, theirs in names.items()})
    model.save_pretrained(place)
    return place
