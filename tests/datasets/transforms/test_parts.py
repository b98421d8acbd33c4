"""Shares are dealt fairly, and what is gathered does not show how it was dealt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.transforms import candles, parts
from tests.datasets.transforms import tape


@given(rows=st.lists(st.integers(0, 1000), min_size=1, max_size=12), most=st.integers(1, 8))
def test_every_input_is_in_one_share_and_none_is_empty(rows, most):
    inputs = [{"instrument": str(number), "rows": each} for number, each in enumerate(rows)]
    shares = parts.spread(inputs, most)
    assert len(shares) == min(most, len(rows))
    assert all(shares)
    assert sorted(each["number"] for share in shares for each in share) == list(range(len(rows)))
    sums = [sum(each["rows"] for each in share) for share in shares]
    assert max(sums) - min(sums) <= max(rows) + len(rows)


@pytest.mark.parametrize("most", [2, 3, 9])
def test_files_and_policy_are_the_same_whatever_the_number_of_shares(tmp_path, most):
    inputs = []
    for number in range(5):
        columns = {"ts_event": list(range(number, 40)), "price": [1.0] * (40 - number)}
        columns["size"] = [float(number)] * (40 - number)  # of the first none is a trade
        path = tmp_path / f"{number}.parquet"
        inputs.append(tape.write(path, "trades", columns, instrument=f"I{number}"))
    answers = []
    for each in (1, most):
        told = []
        for number, share in enumerate(parts.spread(inputs, each)):
            room = tmp_path / f"{each}-{number}"
            room.mkdir()
            asked = {"kind": "trades", "frequencies": ["1m", "1h"], "inputs": share, "out_dir": str(room)}
            told.append(candles.build_many(asked, lambda said: None))
        made = parts.gather(told)
        answers.append([{**one, "files": [{**file, "path": ""} for file in one["files"]]} for one in made])
    assert answers[0] == answers[1]
    assert [file["instrument"] for file in answers[0][0]["files"]] == ["I1", "I2", "I3", "I4"]
