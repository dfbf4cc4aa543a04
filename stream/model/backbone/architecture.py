"""The shape of a post-norm BERT-family encoder, and the names of its tensors.

An `Architecture` is enough to count parameters; no weights are needed. The tensor names are the project's
own and the same for every family; `families.py` maps a checkpoint's names onto them.
"""

from dataclasses import dataclass
from math import prod
from typing import Literal

Pooling = Literal["mean", "cls", "pooler"]
Shape = tuple[int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Architecture:
    """Sizes and options that `encode` needs to know."""

    family: str
    """bert, roberta, distilbert or electra."""
    num_layers: int
    hidden_size: int
    num_heads: int
    intermediate_size: int
    vocab_size: int
    max_positions: int
    """Positions of the table that texts can use (RoBERTa's reserved rows are not counted)."""
    num_token_types: int
    """0 where the family has no segment embeddings."""
    embedding_size: int
    """Differs from `hidden_size` in small ELECTRA models, which project upwards."""
    layer_norm_eps: float
    activation: Literal["gelu", "gelu_tanh", "relu"]
    first_position: int
    """Row of the position table of the first token (RoBERTa: padding id + 1)."""
    pooling: Pooling
    hidden_dropout: float
    attention_dropout: float

    @property
    def projects_embeddings(self) -> bool:
        """Whether embeddings are projected to the hidden size."""
        return self.embedding_size != self.hidden_size


def layer_shapes(architecture: Architecture, layer: int) -> dict[str, Shape]:
    """Names and shapes of the tensors of one layer; weights are [out, in]."""
    d, f, at = architecture.hidden_size, architecture.intermediate_size, f"layer.{layer}"
    shapes: dict[str, Shape] = {}
    for name, out, into in (
        ("attention.query", d, d),
        ("attention.key", d, d),
        ("attention.value", d, d),
        ("attention.output", d, d),
        ("feed_forward.up", f, d),
        ("feed_forward.down", d, f),
    ):
        shapes[f"{at}.{name}.weight"] = (out, into)
        shapes[f"{at}.{name}.bias"] = (out,)
    for norm in layer_norms_of(layer):
        shapes[f"{norm}.weight"] = shapes[f"{norm}.bias"] = (d,)
    return shapes


def layer_norms_of(layer: int) -> tuple[str, str]:
    """The two layer norms of a layer, in forward order."""
    return f"layer.{layer}.attention.norm", f"layer.{layer}.feed_forward.norm"


def embedding_shapes(architecture: Architecture) -> dict[str, Shape]:
    """Names and shapes of the tensors below the first layer."""
    e = architecture.embedding_size
    shapes: dict[str, Shape] = {
        "embeddings.word": (architecture.vocab_size, e),
        "embeddings.position": (architecture.max_positions + architecture.first_position, e),
    }
    if architecture.num_token_types:
        shapes["embeddings.token_type"] = (architecture.num_token_types, e)
    shapes["embeddings.norm.weight"] = shapes["embeddings.norm.bias"] = (e,)
    if architecture.projects_embeddings:
        shapes["embeddings.projection.weight"] = (architecture.hidden_size, e)
        shapes["embeddings.projection.bias"] = (architecture.hidden_size,)
    return shapes


def tensor_shapes(architecture: Architecture) -> dict[str, Shape]:
    """Names and shapes of every tensor that `encode` reads; a pooler only where pooling uses it."""
    shapes = embedding_shapes(architecture)
    for layer in range(architecture.num_layers):
        shapes |= layer_shapes(architecture, layer)
    if architecture.pooling == "pooler":
        d = architecture.hidden_size
        shapes |= {"pooler.weight": (d, d), "pooler.bias": (d,)}
    return shapes


def layer_norm_shapes(architecture: Architecture) -> dict[str, Shape]:
    """The affine tensors of all layer norms, the embedding layer norm included."""
    return {name: shape for name, shape in tensor_shapes(architecture).items() if ".norm." in name}


def count_parameters(shapes: dict[str, Shape]) -> int:
    """Number of scalars in tensors of these shapes."""
    return sum(prod(shape) for shape in shapes.values())


def _bert(num_layers: int, hidden_size: int, num_heads: int) -> Architecture:
    return Architecture(
        family="bert",
        num_layers=num_layers,
        hidden_size=hidden_size,
        num_heads=num_heads,
        intermediate_size=4 * hidden_size,
        vocab_size=30522,
        max_positions=512,
        num_token_types=2,
        embedding_size=hidden_size,
        layer_norm_eps=1e-12,
        activation="gelu",
        first_position=0,
        pooling="pooler",
        hidden_dropout=0.1,
        attention_dropout=0.1,
    )


BERT_BASE_UNCASED = _bert(12, 768, 12)
"""Devlin et al. 2019: 109,482,240 parameters with the pooler."""
BERT_LARGE_UNCASED = _bert(24, 1024, 16)
"""Devlin et al. 2019."""
KNOWN_ARCHITECTURES = {"bert-base-uncased": BERT_BASE_UNCASED, "bert-large-uncased": BERT_LARGE_UNCASED}
"""Shapes that can be counted without their weights."""
