"""Another program, or other libraries, are another edition; the same ones are the same."""

from datasets.engine import edition


def test_the_edition_changes_with_code_and_libraries_only(tmp_path, monkeypatch):
    before = edition.edition()
    assert (len(before), edition.edition()) == (64, before)
    monkeypatch.setattr(edition, "_LIBRARIES", (*edition._LIBRARIES, "pip-that-is-not-there"))
    assert edition.edition() != before
    monkeypatch.undo()
    more = edition.ROOT / "datasets" / "market"
    files = edition._sources()
    assert all(path.suffix == ".py" for path in files)
    monkeypatch.setattr(edition, "_sources", lambda: [path for path in files if path.parent != more])
    assert edition.edition() != before
