"""Staging keeps what an attempt landed, over what an earlier one left."""

from backfill.landing import zones


def test_a_file_is_moved_in_over_an_earlier_one(tmp_path):
    for content in ("first", "second"):
        made = tmp_path / "made"
        made.write_text(content)
        kept = zones.keep(made, "work-1", "000001.parquet")
        assert kept.read_text() == content
        assert not made.exists()
    assert kept == zones.path("work-1", "000001.parquet")
    assert zones.works() == ["work-1"]
    zones.drop("work-1")
    assert zones.works() == []


def test_without_a_folder_there_is_nothing():
    assert zones.works() == []
    zones.drop("never-there")
