"""Blocks hold whole records, and every record's first line is known, quoted newlines or not."""

from hypothesis import given
from hypothesis import strategies as st

from datasets.formats import blocks

texts = st.text(alphabet='a",\n\r', max_size=300).map(str.encode)


def plainly(data, line, quote):
    """Walk through the bytes: where each record that is not blank begins, and on which line."""
    found, inside, begun, at_line = [], False, 0, line
    for at in range(len(data) + 1):
        if at < len(data) and quote and data[at] == ord(quote):
            inside = not inside
        if at == len(data) or (data[at] == 10 and not inside):
            if data[begun:at] not in (b"", b"\r"):
                found.append((begun, at_line))
            at_line += data[begun : at + 1].count(b"\n")
            begun = at + 1
    return found


@given(data=texts, line=st.integers(1, 9), quote=st.sampled_from(['"', None]))
def test_records_begin_where_a_plain_walk_finds_them(data, line, quote):
    if quote and data.count(b'"') % 2:
        data += b'"'
    starts, lines = blocks.begins(blocks.whole(data, line), quote)
    assert list(zip(starts.tolist(), lines.tolist(), strict=True)) == plainly(data, line, quote)


@given(data=texts, size=st.integers(1, 40))
def test_blocks_of_any_size_hold_the_same_records(data, size):
    if data.count(b'"') % 2:
        data += b'"'
    pieces = [data[at : at + 7] for at in range(0, len(data), 7)]
    whole = list(blocks.cut(pieces, '"', size))
    assert b"".join(block.data for block in whole) == data
    found = [(block.data[start:], line) for block in whole for start, line in plainly(block.data, block.line, '"')]
    assert [line for _, line in found] == [line for _, line in plainly(data, 1, '"')]


@given(data=texts, line=st.integers(1, 9), quote=st.sampled_from(['"', None]))
def test_lines_of_a_counted_block_are_those_of_a_plain_walk(data, line, quote):
    if quote and data.count(b'"') % 2:
        data += b'"'
    plain = [at_line for _, at_line in plainly(data, line, quote)]
    assert blocks.lines_of(blocks.whole(data, line), quote, len(plain)).tolist() == plain
