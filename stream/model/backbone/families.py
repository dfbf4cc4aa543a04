"""How the supported families of `transformers` name their tensors and options: one table a family.

A family is data: where each of the project's tensors lies in a checkpoint, and how a configuration becomes
an `Architecture`. Adding a post-norm family means adding a table.
"""

from typing import Any, Literal

from stream.errors import UserError
from stream.model.backbone.architecture import Architecture, Pooling, tensor_shapes

_BERT_LAYER = {
    "attention.query": "attention.self.query",
    "attention.key": "attention.self.key",
    "attention.value": "attention.self.value",
    "attention.output": "attention.output.dense",
    "attention.norm": "attention.output.LayerNorm",
    "feed_forward.up": "intermediate.dense",
    "feed_forward.down": "output.dense",
    "feed_forward.norm": "output.LayerNorm",
}
_DISTILBERT_LAYER = {
    "attention.query": "attention.q_lin",
    "attention.key": "attention.k_lin",
    "attention.value": "attention.v_lin",
    "attention.output": "attention.out_lin",
    "attention.norm": "sa_layer_norm",
    "feed_forward.up": "ffn.lin1",
    "feed_forward.down": "ffn.lin2",
    "feed_forward.norm": "output_layer_norm",
}
_OUTSIDE_LAYERS = {
    "embeddings.word": "embeddings.word_embeddings.weight",
    "embeddings.position": "embeddings.position_embeddings.weight",
    "embeddings.token_type": "embeddings.token_type_embeddings.weight",
    "embeddings.norm.weight": "embeddings.LayerNorm.weight",
    "embeddings.norm.bias": "embeddings.LayerNorm.bias",
    "embeddings.projection.weight": "embeddings_project.weight",
    "embeddings.projection.bias": "embeddings_project.bias",
    "pooler.weight": "pooler.dense.weight",
    "pooler.bias": "pooler.dense.bias",
}
POOLER_NAMES = frozenset({_OUTSIDE_LAYERS["pooler.weight"], _OUTSIDE_LAYERS["pooler.bias"]})
"""The pooler's tensors in a checkpoint."""
_LAYERS_AT = {"bert": "encoder.layer", "roberta": "encoder.layer", "electra": "encoder.layer"}
SUPPORTED_FAMILIES = ("bert", "roberta", "distilbert", "electra")


def checkpoint_name(name: str, family: str) -> str:
    """Name in a `transformers` state dict of the project's tensor `name`."""
    if not name.startswith("layer."):
        return _OUTSIDE_LAYERS[name]
    _, layer, module, kind, leaf = name.split(".")
    if family == "distilbert":
        return f"transformer.layer.{layer}.{_DISTILBERT_LAYER[f'{module}.{kind}']}.{leaf}"
    return f"{_LAYERS_AT[family]}.{layer}.{_BERT_LAYER[f'{module}.{kind}']}.{leaf}"


def checkpoint_names(architecture: Architecture) -> dict[str, str]:
    """The project's tensor names, each with its name in the checkpoint."""
    return {name: checkpoint_name(name, architecture.family) for name in tensor_shapes(architecture)}


def _activation(name: str) -> Literal["gelu", "gelu_tanh", "relu"]:
    known: dict[str, Literal["gelu", "gelu_tanh", "relu"]] = {
        "gelu": "gelu",
        "gelu_new": "gelu_tanh",
        "gelu_pytorch_tanh": "gelu_tanh",
        "relu": "relu",
    }
    if name not in known:
        raise UserError(f"The backbone uses the activation {name!r}; supported are {', '.join(known)}.")
    return known[name]


def architecture_of(config: Any, *, pooling: Pooling | None = None) -> Architecture:
    """Architecture of a `transformers` configuration.

    The default pooling is BERT's pooler for BERT (as the paper's code) and the first token elsewhere; a
    checkpoint without a pooler is for `load_backbone` to find out.

    Raises:
        UserError: the model family, activation or position scheme is not supported.
    """
    family = str(config.model_type)
    if family not in SUPPORTED_FAMILIES:
        raise UserError(
            f"The backbone is a {family!r} model; supported families are {', '.join(SUPPORTED_FAMILIES)}."
        )
    scheme = getattr(config, "position_embedding_type", None) or "absolute"
    if scheme != "absolute":
        raise UserError(f"The backbone uses {scheme!r} position embeddings; only 'absolute' is supported.")
    if family == "distilbert":
        return _distilbert(config, pooling or "cls")
    first_position = int(config.pad_token_id) + 1 if family == "roberta" else 0
    hidden_size = int(config.hidden_size)
    return Architecture(
        family=family,
        num_layers=int(config.num_hidden_layers),
        hidden_size=hidden_size,
        num_heads=int(config.num_attention_heads),
        intermediate_size=int(config.intermediate_size),
        vocab_size=int(config.vocab_size),
        max_positions=int(config.max_position_embeddings) - first_position,
        num_token_types=int(config.type_vocab_size),
        embedding_size=int(config.embedding_size) if family == "electra" else hidden_size,
        layer_norm_eps=float(config.layer_norm_eps),
        activation=_activation(config.hidden_act),
        first_position=first_position,
        pooling=pooling or ("pooler" if family == "bert" else "cls"),
        hidden_dropout=float(config.hidden_dropout_prob),
        attention_dropout=float(config.attention_probs_dropout_prob),
    )


def _distilbert(config: Any, pooling: Pooling) -> Architecture:
    return Architecture(
        family="distilbert",
        num_layers=int(config.n_layers),
        hidden_size=int(config.dim),
        num_heads=int(config.n_heads),
        intermediate_size=int(config.hidden_dim),
        vocab_size=int(config.vocab_size),
        max_positions=int(config.max_position_embeddings),
        num_token_types=0,
        embedding_size=int(config.dim),
        layer_norm_eps=1e-12,  # fixed in the family's code, not in its configuration
        activation=_activation(config.activation),
        first_position=0,
        pooling=pooling,
        hidden_dropout=float(config.dropout),
        attention_dropout=float(config.attention_dropout),
    )
