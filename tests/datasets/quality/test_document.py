"""The page of checks says what the code does."""

from pathlib import Path

from datasets.quality import document


def test_the_page_is_complete_and_true():
    page = Path(__file__).parents[3] / "docs/quality.md"
    assert page.read_text() == document.page(), "python -m datasets.quality.document > docs/quality.md"
