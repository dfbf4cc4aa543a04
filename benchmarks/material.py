"""Token sets to measure on: simulated tasks, so that no data is needed."""

from stream.learning.encoding import TokenSet, encode_split
from stream.model.backbone import Backbone
from tasks import DataMode, Limits, load_task, open_suite


def simulated_tokens(backbone: Backbone, name: str, num_examples: int, *, max_length: int = 128) -> TokenSet:
    """Training tokens of the simulated stand-in of one task of additional17."""
    card = next(card for card in open_suite("additional17").cards if card.name == name)
    task = load_task(card, mode=DataMode.SIMULATED, limits=Limits(max_train=num_examples, max_test=10))
    return encode_split(backbone.tokenizer, task.train, max_length=max_length).tokens
