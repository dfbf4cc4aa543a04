import json
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast, RobertaTokenizer

from stream.errors import UserError
from stream.learning import encoding
from stream.learning.encoding import TokenSet, encode_split
from tasks.task import Split
from tests.stream.tiny import PIECES, VOCABULARY, WORDS, tiny_backbone, tiny_tokenizer, tiny_tokens

TEXTS = ["ba be bi", "", "bo", "babe bu zzzz", "ba " * 30]
PAIRS = ["da de", "di", "", "do " * 30, "du"]
WORD_LISTS = st.lists(st.lists(st.sampled_from((*WORDS, "zz")), max_size=12).map(" ".join), max_size=6)


def rows(tokens: TokenSet) -> list[list[int]]:
    """Token ids of each example."""
    return [ids.tolist() for ids in torch.split(tokens.ids, tokens.lengths.tolist())]


def reference(**options: object) -> PreTrainedTokenizerFast:
    """The same tokenizer as `transformers` runs it."""
    return PreTrainedTokenizerFast(
        tokenizer_object=tiny_tokenizer(), pad_token="[PAD]", unk_token="[UNK]", **options
    )


def test_tokens_are_those_of_transformers() -> None:
    """Single texts give the ids of the `transformers` tokenizer, cut at the same length."""
    expected = reference()(TEXTS, truncation=True, max_length=10)["input_ids"]
    assert rows(tiny_tokens(TEXTS, max_length=10)) == expected


@settings(max_examples=30)
@given(texts=WORD_LISTS, max_length=st.integers(4, 20))
def test_pairs_are_those_of_transformers(texts: list[str], max_length: int) -> None:
    """Pairs give the padded ids, lengths and segment types of the `transformers` tokenizer."""
    if not texts:
        return
    pairs = [text[::-1] for text in reversed(texts)]
    expected = reference()(
        texts,
        pairs,
        truncation=True,
        max_length=max_length,
        padding=True,
        return_tensors="pt",
        return_token_type_ids=True,
    )
    tokens = tiny_tokens(texts, pairs, max_length=max_length)
    batch = tokens.batch(torch.arange(len(texts)), expected["input_ids"].shape[1])
    assert torch.equal(batch.token_ids, expected["input_ids"])
    assert torch.equal(batch.lengths, expected["attention_mask"].sum(1))
    assert batch.token_types is not None
    assert torch.equal(batch.token_types, expected["token_type_ids"])


def test_known_ids() -> None:
    """Words, pieces of words and unknown ones get the ids of the vocabulary between [CLS] and [SEP]."""
    (row,) = rows(tiny_tokens(["BA babe qq"]))
    names = ["[CLS]", "ba", "ba", "##be", "[UNK]", "[SEP]"]
    assert [VOCABULARY[i] for i in row] == names
    assert "##be" in PIECES


def test_an_empty_text_is_its_special_tokens() -> None:
    """An empty text is [CLS] [SEP]; no example is lost."""
    tokens = tiny_tokens(["", "ba"])
    assert tokens.lengths.tolist() == [2, 3]
    assert rows(tokens)[0] == [2, 3]


def test_an_empty_split_has_no_tokens() -> None:
    """A split without examples gives an empty set."""
    tokens = tiny_tokens([])
    assert (len(tokens), tokens.num_tokens, tokens.offsets.tolist()) == (0, 0, [0])


def test_cut_texts_are_counted() -> None:
    """A text is counted as cut only where a token is lost."""
    split = Split(texts=["ba be bi", "ba be", "ba be bi bo", "babe bi"], labels=[0, 0, 0, 0])
    encoded = encode_split(tiny_tokenizer(), split, max_length=5)
    assert encoded.num_truncated == 1
    assert encoded.tokens.lengths.tolist() == [5, 4, 5, 5]


def test_cut_pairs_are_counted_once() -> None:
    """A pair of which both texts are cut counts as one example."""
    split = Split(texts=["ba " * 9, "ba"], labels=[0, 1], pairs=["be " * 9, "be"])
    assert encode_split(tiny_tokenizer(), split, max_length=7).num_truncated == 1


@pytest.mark.parametrize(("max_length", "paired", "special"), [(1, False, 2), (2, False, 2), (3, True, 3)])
def test_a_length_without_room_for_a_word_is_refused(max_length: int, paired: bool, special: int) -> None:
    """A maximal length that special tokens fill is the user's mistake: nothing of a text would be left."""
    split = Split(texts=["ba"], labels=[0], pairs=["be"] if paired else None)
    with pytest.raises(UserError, match=f"--max-length is {max_length}; .* the {special} special tokens"):
        encode_split(tiny_tokenizer(), split, max_length=max_length)


@pytest.mark.parametrize("has_settings", [False, True])
def test_the_tokenizer_stays_as_it_was(has_settings: bool) -> None:
    """Tokenising changes no setting of the tokenizer, and so not the backbone's fingerprint either."""
    backbone = tiny_backbone()
    if has_settings:
        backbone.tokenizer.enable_padding(pad_id=7, pad_token="x", length=11)
        backbone.tokenizer.enable_truncation(13, stride=2)
    before, fingerprint = backbone.tokenizer.to_str(), backbone.fingerprint()
    tokens = encode_split(backbone.tokenizer, Split(texts=["ba"], labels=[0]), max_length=6).tokens
    assert tokens.lengths.tolist() == [3]
    assert backbone.tokenizer.to_str() == before
    assert backbone.fingerprint() == fingerprint


def test_chunks_give_what_one_call_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    """How many texts the tokenizer gets at a time changes nothing."""
    whole = tiny_tokens(TEXTS, PAIRS).to_bytes()
    monkeypatch.setattr(encoding, "_CHUNK", 2)
    assert tiny_tokens(TEXTS, PAIRS).to_bytes() == whole


@pytest.mark.parametrize("pairs", [None, PAIRS], ids=["single", "pairs"])
def test_bytes_round_trip(pairs: list[str] | None) -> None:
    """A stored set is restored with its formats and values, and its bytes are those of an equal set."""
    tokens = tiny_tokens(TEXTS, pairs)
    restored = TokenSet.from_bytes(tokens.to_bytes())
    for name in ("ids", "offsets", "second", "labels"):
        before, after = getattr(tokens, name), getattr(restored, name)
        assert before.dtype == after.dtype
        assert torch.equal(before, after)
    assert restored.to_bytes() == tiny_tokens(TEXTS, pairs).to_bytes()
    assert tiny_tokens(TEXTS[::-1], pairs).to_bytes() != tokens.to_bytes()


def test_a_batch_is_padded_with_zeros() -> None:
    """Rows come in the order asked for, each followed by zeros up to the length."""
    tokens = tiny_tokens(["ba be bi", "bo", "", "bu"])
    batch = tokens.batch(torch.tensor([3, 0, 2]), 8)
    whole = rows(tokens)
    assert batch.token_ids.tolist() == [whole[i] + [0] * (8 - len(whole[i])) for i in (3, 0, 2)]
    assert batch.token_ids.dtype == torch.int64
    assert batch.lengths.tolist() == [3, 5, 2]


def test_single_texts_need_no_segment_types() -> None:
    """Single texts carry no segment types; in pairs the padding is of type 0."""
    assert tiny_tokens(["ba be"]).batch(torch.tensor([0]), 6).token_types is None
    batch = tiny_tokens(["ba", "ba be"], ["be", ""]).batch(torch.tensor([0, 1]), 7)
    assert batch.token_types is not None
    assert batch.token_types.tolist() == [[0, 0, 0, 1, 1, 0, 0], [0, 0, 0, 0, 1, 0, 0]]


def test_robertas_pairs_have_one_segment(tmp_path: Path) -> None:
    """RoBERTa's tokenizer gives the second text of a pair no type of its own, as its model has none."""
    vocabulary = {token: i for i, token in enumerate(("<s>", "<pad>", "</s>", "<unk>", "a", "b"))}
    (tmp_path / "vocab.json").write_text(json.dumps(vocabulary))
    (tmp_path / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = RobertaTokenizer.from_pretrained(tmp_path, local_files_only=True).backend_tokenizer
    split = Split(texts=["ab"], labels=[0], pairs=["ba"])
    batch = encode_split(tokenizer, split, max_length=9).tokens.batch(torch.tensor([0]), 8)
    assert batch.token_ids.tolist() == [[0, 4, 5, 2, 2, 5, 4, 2]]
    assert batch.token_types is None


def test_moving_a_set_keeps_it() -> None:
    """A set on another device holds the same values."""
    tokens = tiny_tokens(TEXTS, PAIRS)
    assert tokens.to(torch.device("cpu")).to_bytes() == tokens.to_bytes()
