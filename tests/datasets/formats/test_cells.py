"""Words that were converted once are what they would be converted to again."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from datasets.formats import cells

words = st.lists(
    st.sampled_from(["buy", " BUY", "sell", "?", "", "a", "\x00", "A\ufffd", "1", "none", None]), max_size=9
)


def told(converted):
    array, bad = converted
    values = array.dictionary_decode() if pa.types.is_dictionary(array.type) else array
    return array.type, values.to_pylist(), [] if bad is None else bad.tolist()


@given(batches=st.lists(words, max_size=6), few=st.sampled_from([0, 3, 4096]))
def test_a_memo_changes_nothing(batches, few):
    before, cells._FEW = cells._FEW, few
    try:
        sides, makers, symbols = cells.Memo(), cells.Memo(), cells.Memo()
        for batch in batches:
            text = pa.array(batch, pa.string())
            for array in (text, text.dictionary_encode()):
                assert told(cells.sides(array, False, sides)) == told(cells.sides(array))
                assert told(cells.sides_of_maker(array, makers)) == told(cells.sides_of_maker(array))
                assert told(cells.symbols(array, symbols)) == told(cells.symbols(array))
    finally:
        cells._FEW = before


def test_words_are_converted_once():
    memo, asked = cells.Memo(), []

    def convert(fresh):
        asked.append(fresh.to_pylist())
        return pa.array([len(word) for word in asked[-1]], pa.int8()), None

    for batch in (["a", "bb"], ["bb", "a"], ["bb", "ccc"]):
        values, bad = memo.convert(pa.array(batch), convert)
        assert values.to_pylist() == [len(word) for word in batch]
        assert not bad.any()
    assert asked == [["a", "bb"], ["ccc"]]
