import numpy as np

from stream.learning.no_bert.terms import TermCounter, columns_of
from tasks.task import Split

PAIRED = Split(texts=["the cat", "the dog"], pairs=["cat", "a a bird"], labels=[0, 1])


def test_segments_have_their_own_columns():
    """The word cat of the second segment is another column than that of the first."""
    counter = TermCounter(PAIRED, characters=False)
    assert [(block.kind, block.stop - block.start) for block in counter.blocks] == [
        ("words", 3),
        ("bigrams", 2),
        ("words", 3),
        ("bigrams", 2),
    ]
    counts = counter.count(PAIRED).toarray()
    assert counts.sum(axis=1).tolist() == [2 + 1 + 1, 2 + 1 + 3 + 2]
    assert counts.dtype == np.float32


def test_other_splits_are_counted_by_the_training_terms():
    """Words that training lacks are left out."""
    counter = TermCounter(Split(texts=["one two"], labels=[0]), characters=False)
    counts = counter.count(Split(texts=["two three", ""], labels=[0, 0]))
    assert counts.toarray().tolist() == [[0, 1, 0], [0, 0, 0]]


def test_views_need_what_was_counted():
    """Single words have no bigrams, and characters are counted only where wanted."""
    single = Split(texts=["one", "two"], labels=[0, 1])
    assert TermCounter(single, characters=False).views == ("words",)
    assert TermCounter(single, characters=True).views == ("words", "characters")
    assert TermCounter(Split(texts=["😀 😀"], labels=[0]), characters=True).views == ("characters",)
    assert TermCounter(Split(texts=[""], labels=[0]), characters=True).views == ()


def test_texts_without_terms_have_no_columns():
    """Empty texts give counts of width 0."""
    nothing = Split(texts=["", " "], labels=[0, 1])
    assert TermCounter(nothing, characters=True).count(nothing).shape == (2, 0)


def test_rare_terms_of_many_examples_are_left_out():
    """From 500 examples up a term must occur in two of them."""
    texts = [f"same w{i}" for i in range(500)]
    for num_rows, num_words in ((499, 500), (500, 1)):
        counter = TermCounter(Split(texts=texts[:num_rows], labels=[0] * num_rows), characters=False)
        assert counter.blocks[0].stop == num_words


def test_a_view_picks_its_kept_columns():
    """Groups hold the columns of their kinds over all segments, without those dropped."""
    counter = TermCounter(PAIRED, characters=False)
    kept = np.ones(10, bool)
    kept[0] = False
    assert [group.tolist() for group in columns_of("words", counter.blocks, kept)] == [[1, 2, 5, 6, 7]]
    both = columns_of("words, bigrams", counter.blocks, kept)
    assert [group.tolist() for group in both] == [list(range(1, 10))]
