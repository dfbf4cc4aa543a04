"""What users of other libraries would train: MiniLM, mean pooling, a linear head and the method."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import BertModel, BertPreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

TASK = "task"
"""Name of the one adapter and head of a training."""
HEAD_TYPE = "mean"


@dataclass(frozen=True)
class Method:
    """What is trained."""

    name: str
    """`houlsby`, `lora` or `fine-tune`."""
    adapter_size: int
    rank: int
    alpha: float


@dataclass(frozen=True)
class Setting:
    """What a user may choose for speed; the defaults are the library's."""

    attention: str | None = None
    """`sdpa` or `eager`; None leaves the library's default."""
    frozen: str = "float32"
    """Number format of weights that are not trained."""
    every: str = "float32"
    """Number format of all weights; for evaluation only."""


class MeanPooledClassifier(BertPreTrainedModel):
    """BERT, the mean of its last hidden states, a linear head."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.bert = BertModel(config, add_pooling_layer=False)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        self.post_init()

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, labels: Tensor | None = None, **_: Any
    ) -> SequenceClassifierOutput:
        """Logits, and the loss where labels are given."""
        hidden = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        logits = self.classifier(mean_pooled(hidden, attention_mask))
        return SequenceClassifierOutput(loss=loss_of(logits, labels), logits=logits)


def mean_pooled(hidden: Tensor, mask: Tensor) -> Tensor:
    """Mean over the tokens of each row, [batch, hidden]."""
    weights = mask[..., None].to(hidden.dtype)
    return (hidden * weights).sum(1) / weights.sum(1)


def loss_of(logits: Tensor, labels: Tensor | None) -> Tensor | None:
    """Mean cross-entropy in float32."""
    return None if labels is None else nn.functional.cross_entropy(logits.float(), labels)


def make_model(folder: str, num_labels: int, method: Method, setting: Setting) -> Any:
    """A model on the pretrained weights in `folder`, its trainable parameters marked."""
    if method.name == "houlsby":
        model = adapters_model(folder, setting)
        add_task(model, TASK, num_labels, method)
        model.train_adapter(TASK)
    else:
        model = MeanPooledClassifier.from_pretrained(
            folder, num_labels=num_labels, dtype=torch.float32, **attention(setting)
        )
        if method.name == "lora":
            model = with_lora(model, method)
    cast(model, setting)
    return model


def attention(setting: Setting) -> dict[str, str]:
    """The option of `from_pretrained`."""
    return {} if setting.attention is None else {"attn_implementation": setting.attention}


def cast(model: Any, setting: Setting) -> None:
    """Bring weights into the setting's number formats."""
    if setting.every == "bfloat16":
        model.to(torch.bfloat16)
    if setting.frozen == "bfloat16":
        for parameter in model.parameters():
            if not parameter.requires_grad:
                parameter.data = parameter.data.bfloat16()


def with_lora(model: Any, method: Method) -> Any:
    """PEFT's LoRA on query and value, and the head trained beside it."""
    import peft

    config = peft.LoraConfig(
        r=method.rank,
        lora_alpha=method.alpha,
        target_modules=["query", "value"],
        modules_to_save=["classifier"],
    )
    return peft.get_peft_model(model, config)


def adapters_model(folder: str, setting: Setting) -> Any:
    """The `adapters` library's model, to which a mean-pooling head is made known."""
    from adapters import BertAdapterModel
    from adapters.heads import PredictionHead

    class MeanHead(PredictionHead):
        """The library's own linear head, on the mean of the hidden states instead of the first one."""

        def __init__(self, model: Any, head_name: str, num_labels: int, **_: Any) -> None:
            super().__init__(head_name)
            self.config = {
                "head_type": HEAD_TYPE,
                "num_labels": num_labels,
                "layers": 1,
                "activation_function": None,
                "dropout_prob": 0.0,
            }
            self.build(model)

        def forward(
            self,
            outputs: Any,
            cls_output: Any = None,
            attention_mask: Tensor | None = None,
            return_dict: bool = False,
            **kwargs: Any,
        ) -> SequenceClassifierOutput:
            assert attention_mask is not None
            logits = super().forward(mean_pooled(outputs[0], attention_mask))
            return SequenceClassifierOutput(loss=loss_of(logits, kwargs.get("labels")), logits=logits)

    model = BertAdapterModel.from_pretrained(folder, dtype=torch.float32, **attention(setting))
    model.register_custom_head(HEAD_TYPE, MeanHead)
    return model


def add_task(model: Any, name: str, num_labels: int, method: Method) -> None:
    """A fresh adapter and head: the `adapters` library's own Houlsby configuration, in our size."""
    from adapters import DoubleSeqBnConfig

    reduction = model.config.hidden_size / method.adapter_size
    model.add_adapter(name, config=DoubleSeqBnConfig(reduction_factor=reduction))
    model.add_custom_head(head_type=HEAD_TYPE, head_name=name, num_labels=num_labels)
    model.set_active_adapters(name)
    model.active_head = name


def num_trained(model: Any) -> int:
    """Scalars that are trained."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
