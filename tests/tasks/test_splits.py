import hashlib
import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks import DataError
from tasks.splits import (
    Examples,
    Groups,
    SplitSizes,
    cut,
    hash_order,
    hashed_groups,
    paper_sizes,
    split_examples,
)

TABLE_3 = [
    (18846, 15076, 1885, 1885),
    (14640, 11712, 1464, 1464),
    (3118, 2494, 312, 312),
    (10860, 8688, 1086, 1086),
    (7991, 6392, 799, 800),
    (40000, 32000, 4000, 4000),
    (4225, 3380, 422, 423),
    (5000, 4000, 500, 500),
    (2524, 2019, 252, 253),
    (1159, 927, 116, 116),
    (4952, 3961, 495, 496),
    (183334, 146667, 18333, 18334),
    (422937, 338349, 42294, 42294),
    (5574, 4459, 557, 558),
]


@st.composite
def rows(draw):
    """Texts and labels of which the repeated texts are few enough for exact sizes, in any order.

    Plain lists: the type checker samples at random when a dataclass is made, which a strategy must not.
    """
    singles = [f"single {number}" for number in range(draw(st.integers(20, 60)))]
    repeats = draw(st.lists(st.integers(2, 4), max_size=5))
    texts = singles + [f"repeated {number}" for number, times in enumerate(repeats) for _ in range(times)]
    texts = draw(st.permutations(texts))
    return texts, [draw(st.sampled_from("ab")) for _ in texts]


def examples_of(drawn):
    texts, labels = drawn
    return Examples(texts=texts, labels=labels)


@pytest.mark.parametrize(("total", "train", "valid", "test"), TABLE_3)
def test_sizes_are_those_of_every_row_of_table_3(total, train, valid, test):
    """8n // 10 train and half the rest, rounded down, validates: Table 3 of the paper."""
    assert paper_sizes(total) == SplitSizes(num_train=train, num_valid=valid, num_test=test)


@given(rows(), st.integers(0, 3))
@settings(max_examples=40)
def test_counts_are_exact(drawn, seed):
    """With enough texts that stand alone, each split has exactly its 80/10/10 share."""
    examples = examples_of(drawn)
    splits = split_examples({"train": examples}, seed=seed, name="t")
    sizes = paper_sizes(len(examples))
    assert (len(splits["train"]), len(splits["valid"]), len(splits["test"])) == (
        sizes.num_train,
        sizes.num_valid,
        sizes.num_test,
    )


@given(rows(), st.integers(0, 3))
@settings(max_examples=40)
def test_no_text_crosses_a_border_and_no_row_is_lost(drawn, seed):
    """The splits share no text, and together they are the rows."""
    examples = examples_of(drawn)
    splits = split_examples({"train": examples}, seed=seed, name="t")
    train, valid, test = (set(splits[split].texts) for split in ("train", "valid", "test"))
    assert not (train & valid) | (train & test) | (valid & test)
    parts = [row for split in splits.values() for row in zip(split.texts, split.labels, strict=True)]
    assert sorted(parts) == sorted(zip(examples.texts, examples.labels, strict=True))


@given(rows(), st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_row_order_plays_no_part(drawn, order):
    """Shuffled rows give the same splits in the same order."""
    examples = examples_of(drawn)
    shuffled = list(range(len(examples)))
    order.shuffle(shuffled)
    once = split_examples({"train": examples}, seed=0, name="t")
    again = split_examples({"train": examples.take(np.array(shuffled))}, seed=0, name="t")
    assert once == again


def groups_of(lengths):
    """Groups of these lengths, with rows numbered through."""
    return Groups(rows=np.arange(sum(lengths)), lengths=np.array(lengths, dtype=np.int64))


def greedy(lengths, sizes):
    """The groups of each split by the rule in words: one after the other, each if it still fits."""
    left, parts = list(enumerate(lengths)), []
    for size in sizes:
        part = []
        for group, length in list(left):
            if length <= size:
                part.append(group)
                left.remove((group, length))
                size -= length
        parts.append(part)
    return [*parts, [group for group, _ in left]]


@given(st.lists(st.integers(1, 6), min_size=1, max_size=30), st.lists(st.integers(0, 12), max_size=2))
@settings(max_examples=100)
def test_groups_are_taken_while_they_fit(lengths, sizes):
    """The splits are those of the rule followed group by group, each row once."""
    starts = np.cumsum([0, *lengths])
    parts = [
        [row for group in part for row in range(starts[group], starts[group + 1])]
        for part in greedy(lengths, sizes)
    ]
    assert [list(part) for part in cut(groups_of(lengths), sizes)] == parts


@given(rows(), st.integers(0, 3))
@settings(max_examples=40)
def test_groups_are_ordered_by_the_hash_of_their_text(drawn, seed):
    """Equal texts stand together by label, texts in the order of a keyed BLAKE2b of length and UTF-8."""

    def hashed(text):
        content = text.encode()
        key = f"split {seed}".encode()
        return hashlib.blake2b(len(content).to_bytes(8, "little") + content, digest_size=16, key=key).digest()

    examples = examples_of(drawn)
    groups = hashed_groups(examples, seed=seed)
    by_hash = sorted(
        range(len(examples)), key=lambda row: (hashed(examples.texts[row]), examples.labels[row], row)
    )
    assert list(groups.rows) == by_hash
    counts = Counter(examples.texts)
    firsts = np.cumsum([0, *groups.lengths[:-1]])
    assert list(groups.lengths) == [counts[examples.texts[groups.rows[first]]] for first in firsts]


def test_the_seed_changes_the_splits():
    """Another split seed draws another test split."""
    examples = Examples(texts=[str(number) for number in range(100)], labels=["a"] * 100)
    tests = {
        tuple(split_examples({"train": examples}, seed=seed, name="t")["test"].texts) for seed in range(5)
    }
    assert len(tests) == 5


def test_tasks_of_one_file_are_split_alike():
    """Labels and task name play no part in which texts are tested."""
    texts = [str(number) for number in range(100)]
    one = split_examples({"train": Examples(texts=texts, labels=["a"] * 100)}, seed=0, name="one")
    two = split_examples({"train": Examples(texts=texts, labels=list("xy") * 50)}, seed=0, name="two")
    assert one["test"].texts == two["test"].texts


def test_pairs_with_the_same_letters_are_different_texts():
    """('ab', 'c') and ('a', 'bc') are two groups."""
    examples = Examples(texts=["ab", "a", "ab"], pairs=["c", "bc", "c"], labels=["x", "y", "z"])
    groups = hashed_groups(examples, seed=0)
    assert sorted(groups.lengths) == [1, 2]
    assert list(groups.rows) in ([0, 2, 1], [1, 0, 2])


def test_a_given_test_split_keeps_its_rows_and_leaves_one_in_nine_for_validation():
    """With a test file, the training rows are split 8 : 1."""
    train = Examples(texts=[str(number) for number in range(90)], labels=["a"] * 90)
    test = Examples(texts=["p", "q"], labels=["a", "b"])
    splits = split_examples({"train": train, "test": test}, seed=0, name="t")
    assert (len(splits["train"]), len(splits["valid"])) == (80, 10)
    assert splits["test"] == hash_order(test, seed=0)


def test_three_given_splits_are_kept():
    """With all files given nothing is split off."""
    part = Examples(texts=["p", "q"], labels=["a", "b"])
    splits = split_examples({"train": part, "valid": part, "test": part}, seed=0, name="t")
    assert {split: len(examples) for split, examples in splits.items()} == {"train": 2, "valid": 2, "test": 2}


@pytest.mark.parametrize("texts", [["a"] * 50, ["a", "b", "c"]])
def test_too_few_different_texts_are_refused(texts):
    """A split that would be empty is an error that names it."""
    with pytest.raises(DataError, match=r"task 't': .* too few different texts leave the .* split empty"):
        split_examples({"train": Examples(texts=texts, labels=["x"] * len(texts))}, seed=0, name="t")


def test_lone_surrogates_are_texts_too():
    """A text that UTF-8 cannot hold is split like any other."""
    texts = [f"\ud800{number}" for number in random.Random(0).sample(range(99), 20)]
    splits = split_examples({"train": Examples(texts=texts, labels=["x"] * 20)}, seed=0, name="t")
    assert len(splits["train"]) == 16
