"""A `transformers` BERT with the tiny architecture's tensors: what the encoder is compared with."""

from collections.abc import Mapping

import torch
import transformers
from torch import Tensor

from stream.model.backbone.families import checkpoint_names
from stream.model.encoder.packing import Batch
from tests.stream.tiny import TINY


def plain_bert(tensors: Mapping[str, Tensor]) -> transformers.BertModel:
    """A BERT without dropout and pooler that holds a copy of these tensors."""
    config = transformers.BertConfig(
        vocab_size=TINY.vocab_size,
        hidden_size=TINY.hidden_size,
        num_hidden_layers=TINY.num_layers,
        num_attention_heads=TINY.num_heads,
        intermediate_size=TINY.intermediate_size,
        max_position_embeddings=TINY.max_positions,
    )
    model = transformers.BertModel(config, add_pooling_layer=False).eval()
    model.load_state_dict({theirs: tensors[ours] for ours, theirs in checkpoint_names(TINY).items()})
    return model


def mean_pooled(model: transformers.BertModel, batch: Batch) -> Tensor:
    """Mean of the tokens' last hidden states, [batch, hidden]."""
    mask = (torch.arange(batch.token_ids.shape[1]) < batch.lengths[:, None]).long()
    hidden = model(input_ids=batch.token_ids, attention_mask=mask).last_hidden_state
    return (hidden * mask[..., None]).sum(1) / batch.lengths[:, None]
