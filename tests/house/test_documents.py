"""Links between documents lead somewhere, and the documents a reader expects are there."""

import re

import pytest

from tests.house import tree

EXPECTED = ["quickstart", "glossary", "architecture", "settings", "errors", "api", "cli"]
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")


@pytest.mark.parametrize("document", EXPECTED)
def test_document_is_there(document):
    assert (tree.ROOT / "docs" / f"{document}.md").stat().st_size > 200


def test_links_between_documents_lead_somewhere():
    dead = [
        f"{tree.name(path)}: {link}"
        for path in tree.files()
        if path.suffix == ".md"
        for link in LINK.findall(path.read_text())
        if not (path.parent / link).exists()
    ]
    assert dead == []


def test_readme_leads_with_the_two_commands():
    readme = (tree.ROOT / "README.md").read_text()
    assert 0 < readme.index("make demo") < readme.index("make test") < 1200


def test_decisions_are_numbered_without_a_gap():
    numbers = sorted(int(path.name[:4]) for path in (tree.ROOT / "docs/decisions").glob("*.md"))
    assert numbers == list(range(1, len(numbers) + 1))
