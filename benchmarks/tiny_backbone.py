"""A BERT of one narrow layer with random weights, for long streams whose forward passes must cost little."""

import shutil
from pathlib import Path

import torch
from transformers import BertConfig, BertModel

from stream.model.backbone.loading import minilm_folder

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt")


def save_tiny_backbone(folder: Path) -> Path:
    """A folder that `load_backbone` reads: MiniLM's tokenizer, 32 hidden units, weights drawn from a seed."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in TOKENIZER_FILES:
        if (minilm_folder() / name).is_file():
            shutil.copy(minilm_folder() / name, folder / name)
    torch.manual_seed(0)
    configuration = BertConfig(
        vocab_size=30522,
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    BertModel(configuration).save_pretrained(folder)
    return folder
