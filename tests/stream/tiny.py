"""A BERT small enough to train in a test, its tokenizer, and tasks that can be told apart by single words.

Nothing here is pretrained: every tensor is drawn from a seed.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import Tensor

from stream.learning.encoding import TokenSet, encode_split
from stream.model.backbone.architecture import Architecture, Pooling, tensor_shapes
from stream.model.backbone.backbone import Backbone, make_backbone
from tasks.task import DataStatus, Split, Task

CPU = torch.device("cpu")
SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
WORDS = tuple(f"{first}{second}" for first in "bdfgklmnprstvz" for second in ("a", "e", "i", "o", "u", "y"))
"""84 words of two letters."""
PIECES = tuple(f"##{word}" for word in WORDS)
"""The same as continuations, so that long words fall into pieces."""
VOCABULARY = (*SPECIAL_TOKENS, *WORDS, *PIECES)
"""173 tokens in order of their ids."""

TINY = Architecture(
    family="bert",
    num_layers=2,
    hidden_size=32,
    num_heads=4,
    intermediate_size=64,
    vocab_size=len(VOCABULARY),
    max_positions=40,
    num_token_types=2,
    embedding_size=32,
    layer_norm_eps=1e-12,
    activation="gelu",
    first_position=0,
    pooling="mean",
    hidden_dropout=0.1,
    attention_dropout=0.1,
)


def tiny_tokenizer() -> Tokenizer:
    """WordPiece over `VOCABULARY`, lower-cased, with BERT's special tokens and segment types."""
    ids = {token: i for i, token in enumerate(VOCABULARY)}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(token, ids[token]) for token in ("[CLS]", "[SEP]")],
    )
    return tokenizer


def random_tensors(architecture: Architecture, seed: int = 0) -> dict[str, Tensor]:
    """Every tensor that the encoder reads, none of them zero or one throughout."""
    generator = torch.Generator().manual_seed(seed)
    return {
        name: 0.2 * torch.randn(shape, generator=generator) + (name.endswith(".norm.weight"))
        for name, shape in tensor_shapes(architecture).items()
    }


def tiny_backbone(
    *, dtype: torch.dtype = torch.float32, pooling: Pooling = "mean", seed: int = 0, **changes: Any
) -> Backbone:
    """A backbone of the tiny architecture with random tensors; `changes` replace fields of `TINY`."""
    architecture = replace(TINY, pooling=pooling, **changes)
    return make_backbone(
        "tiny", architecture, random_tensors(architecture, seed), tiny_tokenizer(), device=CPU, dtype=dtype
    )


def random_head(num_labels: int, hidden_size: int = TINY.hidden_size, seed: int = 1) -> dict[str, Tensor]:
    """A head's tensors."""
    generator = torch.Generator().manual_seed(seed)
    return {
        "head.weight": torch.randn(num_labels, hidden_size, generator=generator),
        "head.bias": torch.randn(num_labels, generator=generator),
    }


def save_tokenizer(folder: Path) -> None:
    """The tiny tokenizer's files, as `transformers` writes them for a BERT."""
    from transformers import PreTrainedTokenizerFast

    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    special = dict(zip(names, SPECIAL_TOKENS, strict=True))
    PreTrainedTokenizerFast(tokenizer_object=tiny_tokenizer(), **special).save_pretrained(folder)


def save_tiny_bert(folder: Path, *, seed: int = 0, **options: Any) -> Path:
    """A local folder in the format of `transformers` with a random BERT, which `load_backbone` reads.

    `options` replace fields of the `BertConfig`.
    """
    from transformers import BertConfig, BertModel

    sizes = {
        "vocab_size": TINY.vocab_size,
        "hidden_size": TINY.hidden_size,
        "num_hidden_layers": TINY.num_layers,
        "num_attention_heads": TINY.num_heads,
        "intermediate_size": TINY.intermediate_size,
        "max_position_embeddings": TINY.max_positions,
    }
    return save_model(folder, BertModel(BertConfig(**{**sizes, **options})), seed=seed)


def save_model(folder: Path, model: Any, *, seed: int = 0) -> Path:
    """The folder of a `transformers` model whose tensors are all drawn anew, and of the tiny tokenizer."""
    randomise(model, seed)
    model.save_pretrained(folder)
    save_tokenizer(folder)
    return folder


def randomise(model: Any, seed: int = 0) -> None:
    """Draw every tensor of a module anew: fresh biases and layer norms would hide swapped names."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            is_scale = "norm" in name.lower() and name.endswith("weight")
            parameter.copy_(0.2 * torch.randn(parameter.shape, generator=generator) + is_scale)


def tiny_split(num_examples: int, *, num_labels: int = 2, offset: int = 0, num_noise: int = 4) -> Split:
    """Texts of 3 to 3 + `num_noise` words: the label's own word somewhere among words that say nothing."""
    texts, labels = [], []
    noise = WORDS[num_labels:]
    for i in range(offset, offset + num_examples):
        label = i % num_labels
        words = [noise[(7 * i + 3 * k) % len(noise)] for k in range(2 + i // num_labels % (num_noise + 1))]
        words.insert(i % (len(words) + 1), WORDS[label])
        texts.append(" ".join(words))
        labels.append(label)
    return Split(texts=texts, labels=labels)


def tiny_task(
    name: str = "tiny",
    *,
    num_train: int = 24,
    num_valid: int = 8,
    num_test: int = 10,
    num_labels: int = 2,
) -> Task:
    """A task whose label is the class's own word; any linear head over word counts solves it."""
    return Task(
        name=name,
        title=name.capitalize(),
        data=DataStatus.REAL,
        labels=tuple(f"class {i}" for i in range(num_labels)),
        train=tiny_split(num_train, num_labels=num_labels),
        valid=tiny_split(num_valid, num_labels=num_labels, offset=num_train),
        test=tiny_split(num_test, num_labels=num_labels, offset=num_train + num_valid),
        fingerprint=f"{name}-{num_train}-{num_valid}-{num_test}-{num_labels}",
    )


def tiny_tokens(texts: Sequence[str], pairs: Sequence[str] | None = None, max_length: int = 16) -> TokenSet:
    """The tokens of texts, all of class 0."""
    split = Split(texts=texts, labels=[0] * len(texts), pairs=pairs)
    return encode_split(tiny_tokenizer(), split, max_length=max_length).tokens
