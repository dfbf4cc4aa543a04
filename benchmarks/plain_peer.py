"""The plain way to train adapters: a `transformers` BERT with adapters around two dense layers.

It stands for what a user writes without this project: the library's modules, its default attention, float32
or automatic mixed precision, batches padded to their longest text.
"""

import torch
from torch import Tensor, nn
from transformers import AutoModel

from stream.model.backbone.loading import minilm_folder
from stream.model.encoder.packing import Batch


class AdaptedDense(nn.Module):
    """A frozen dense layer followed by a bottleneck adapter."""

    def __init__(self, dense: nn.Linear, size: int) -> None:
        super().__init__()
        self.dense = dense
        self.down = nn.Linear(dense.out_features, size)
        self.up = nn.Linear(size, dense.out_features)

    def forward(self, x: Tensor) -> Tensor:
        """Dense, then the adapter with its skip connection."""
        y = self.dense(x)
        return y + self.up(nn.functional.gelu(self.down(y), approximate="tanh"))


class PlainPeer(nn.Module):
    """MiniLM with Houlsby adapters, trained layer norms and a head, mean pooling."""

    def __init__(self, size: int, num_labels: int) -> None:
        super().__init__()
        self.encoder = AutoModel.from_pretrained(minilm_folder(), dtype=torch.float32)
        self.encoder.requires_grad_(False)
        for layer in self.encoder.encoder.layer:
            layer.attention.output.dense = AdaptedDense(layer.attention.output.dense, size)
            layer.output.dense = AdaptedDense(layer.output.dense, size)
        for name, parameter in self.encoder.named_parameters():
            parameter.requires_grad_("LayerNorm" in name or ".down." in name or ".up." in name)
        self.head = nn.Linear(self.encoder.config.hidden_size, num_labels)

    def forward(self, batch: Batch) -> Tensor:
        """Logits, [batch, labels]."""
        positions = torch.arange(batch.token_ids.shape[1], device=batch.lengths.device)
        mask = (positions < batch.lengths.unsqueeze(-1)).long()
        hidden = self.encoder(input_ids=batch.token_ids, attention_mask=mask).last_hidden_state
        pooled = (hidden * mask.unsqueeze(-1)).sum(1) / batch.lengths.unsqueeze(-1)
        logits: Tensor = self.head(pooled)
        return logits
