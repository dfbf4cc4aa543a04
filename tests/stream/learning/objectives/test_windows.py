from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stream.errors import UserError
from stream.learning.objectives.windows import WindowSet, answer_tokens, encode_windows
from tasks.task import GoldAnswers, Split
from tests.stream.tiny import WORDS, tiny_tokenizer

MAX_LENGTH = 16
WORD = st.sampled_from([*WORDS[:12], *(one + two for one, two in zip(WORDS[:6], WORDS[6:12], strict=True))])


def split_of(*rows):
    """(question, context, answer) rows; the answer's first occurrence is gold."""
    return Split(
        texts=[question for question, _, _ in rows],
        labels=(),
        pairs=[context for _, context, _ in rows],
        answers=[
            GoldAnswers(question_id=f"q{i}", texts=(answer, "another"), starts=(context.index(answer), 0))
            for i, (_, context, answer) in enumerate(rows)
        ],
    )


def windows_of(*rows, max_length=MAX_LENGTH):
    """Windows of rows under the tiny tokenizer."""
    return encode_windows(tiny_tokenizer(), split_of(*rows), max_length=max_length)


def tokens_of(windows: WindowSet, i: int):
    """Token texts and context characters of window i."""
    part = slice(int(windows.offsets[i]), int(windows.offsets[i + 1]))
    tokenizer = tiny_tokenizer()
    return [tokenizer.id_to_token(j) for j in windows.ids[part].tolist()], windows.chars[part].numpy()


def test_a_short_context_is_one_window():
    """Question and context lie in one window as in BERT, with the answer's tokens as labels."""
    windows = windows_of(("ba be", "da de dida", "de di")).tokens
    assert isinstance(windows, WindowSet)
    tokens, chars = tokens_of(windows, 0)
    assert tokens == ["[CLS]", "ba", "be", "[SEP]", "da", "de", "di", "##da", "[SEP]"]
    assert chars.tolist() == [[-1, -1]] * 4 + [[0, 2], [3, 5], [6, 8], [8, 10]] + [[-1, -1]]
    assert windows.labels.tolist() == [[5, 6]]
    assert (windows.second.tolist(), windows.question.tolist()) == ([4], [0])


def test_a_long_context_is_cut_into_overlapping_windows():
    """Each window begins with the question and shares 5 of 16 tokens with the one before."""
    context = " ".join(WORDS[:30])
    windows = windows_of(("ba be", context, WORDS[20])).tokens
    contexts = [tokens_of(windows, i)[0][4:-1] for i in range(len(windows))]
    assert all(tokens_of(windows, i)[0][:4] == ["[CLS]", "ba", "be", "[SEP]"] for i in range(len(windows)))
    assert [len(words) for words in contexts] == [11, 11, 11, 11, 6]
    assert all(one[-5:] == two[:5] for one, two in pairwise(contexts))
    assert windows.question.tolist() == [0] * 5


def test_a_window_without_the_answer_points_at_its_first_token():
    """Only windows that hold the whole answer have its tokens as labels."""
    context = " ".join(WORDS[:30])
    windows = windows_of(("ba be", context, f"{WORDS[11]} {WORDS[12]}")).tokens
    assert windows.labels.tolist() == [[0, 0], [9, 10], [0, 0], [0, 0], [0, 0]]


@given(st.lists(WORD, min_size=1, max_size=40), st.lists(WORD, min_size=1, max_size=5), st.data())
def test_the_labels_cover_the_answer(words, question, data):
    """Labels stand for the answer's characters, some window has them, and no context token is lost."""
    context = "  ".join(words)
    first = data.draw(st.integers(0, len(words) - 1))
    last = data.draw(st.integers(first, min(first + 1, len(words) - 1)))
    begin = sum(len(word) + 2 for word in words[:first])
    end = sum(len(word) + 2 for word in words[: last + 1]) - 2
    golds = GoldAnswers(question_id="q", texts=(context[begin:end],), starts=(begin,))
    split = Split(texts=[" ".join(question)], labels=(), pairs=[context], answers=[golds])
    encoded = encode_windows(tiny_tokenizer(), split, max_length=MAX_LENGTH)
    windows, seen = encoded.tokens, set()
    found = []
    for i, (start, stop) in enumerate(windows.labels.tolist()):
        tokens, chars = tokens_of(windows, i)
        assert len(tokens) <= MAX_LENGTH
        seen |= {tuple(pair) for pair in chars.tolist()}
        if (start, stop) != (0, 0):
            found.append(context[chars[start, 0] : chars[stop, 1]])
    assert found
    assert set(found) == {context[begin:end]}
    whole = tiny_tokenizer().encode(context, add_special_tokens=False).offsets
    assert set(whole) <= seen


def test_a_long_question_is_cut_and_counted():
    """A question takes at most a sixth of the tokens, so that there is room for the context."""
    encoded = windows_of((" ".join(WORDS[:20]), "da de", "de"), ("ba", "da de", "da"))
    assert tokens_of(encoded.tokens, 0)[0] == ["[CLS]", "ba", "be", "[SEP]", "da", "de", "[SEP]"]
    assert encoded.num_truncated == 1


def test_an_answer_longer_than_any_window_is_counted():
    """No window holds the whole answer: all point at their first token, and the question counts as cut."""
    context = " ".join(WORDS[:30])
    encoded = windows_of(("ba", context, context))
    assert set(map(tuple, encoded.tokens.labels.tolist())) == {(0, 0)}
    assert encoded.num_truncated == 1


@pytest.mark.parametrize(
    ("begin", "end", "expected"),
    [
        (6, 8, (3, 3)),
        (3, 8, (2, 3)),
        (7, 8, (3, 3)),
        (0, 2, None),
        (12, 20, None),
        (9, 11, (4, 4)),
        (20, 22, None),
    ],
)
def test_tokens_of_an_answer_worked_by_hand(begin, end, expected):
    """An answer that begins inside a token starts there; one that leaves the window is not in it."""
    chars = np.array([[-1, -1], [-1, -1], [3, 5], [6, 8], [9, 14], [-1, -1]], np.int32)
    assert answer_tokens(chars, begin, end) == expected


def test_windows_survive_storage():
    """What is stored gives the same windows, contexts and gold answers, and equal splits give equal bytes."""
    rows = [("ba be", " ".join(WORDS[:30]), WORDS[20]), ("ba", "dé “de”", "“de”")]
    windows = windows_of(*rows).tokens
    content = windows.to_bytes()
    restored = WindowSet.from_bytes(content)
    assert content == windows_of(*rows).tokens.to_bytes() == restored.to_bytes()
    assert restored.questions.contexts == (rows[0][1], rows[1][1])
    assert restored.questions.answers == ((WORDS[20], "another"), ("“de”", "another"))
    assert restored.questions.identities == ("q0", "q1")
    assert (restored.num_examples, len(restored)) == (2, 6)
    assert torch.equal(restored.chars, windows.chars)


def test_a_context_is_stored_once():
    """Ten questions about one context take little more room than one."""
    context = " ".join(WORDS * 3)
    one, ten = (len(windows_of(*[("ba", context, "ba")] * n).tokens.content) for n in (1, 10))
    assert ten < one + 10 * 60


def test_the_tokenizer_keeps_its_settings():
    """The backbone's fingerprint covers them, so windows leave none behind."""
    tokenizer = tiny_tokenizer()
    tokenizer.enable_padding(length=7)
    before = tokenizer.to_str()
    encode_windows(tokenizer, split_of(("ba", "da de", "de")), max_length=MAX_LENGTH)
    assert tokenizer.to_str() == before


def test_a_length_without_room_is_refused():
    """One sentence says what is needed; at the least length allowed windows can be made."""
    with pytest.raises(UserError, match=r"--max-length is 8; windows .* need 16 or more"):
        windows_of(("ba", "da de", "de"), max_length=8)
    assert len(windows_of((" ".join(WORDS[:9]), " ".join(WORDS[:40]), "de"), max_length=16).tokens) > 3


def test_a_context_without_tokens_has_a_window():
    """Characters that the tokenizer drops leave a window without context tokens."""
    windows = windows_of(("ba", "\u200d\u200d", "\u200d")).tokens
    assert len(windows) == 1
    assert windows.labels.tolist() == [[0, 0]]
