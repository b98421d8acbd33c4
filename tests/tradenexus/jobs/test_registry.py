"""Every kind of job has a name for programs and words for people."""

from __future__ import annotations

import re

import pytest

from tradenexus.jobs import registry


def test_every_registered_kind_says_in_words_what_it_does():
    labels = dict(registry.labelled())
    assert set(labels) == set(registry.names()) >= {"dataset.validate", "lona.publish", "platform.prune"}
    assert [words for words in labels.values() if not re.fullmatch(r"[A-Z][a-zA-Z0-9 ,]{4,40}", words)] == []


def test_no_two_kinds_are_called_the_same():
    labels = [words for _, words in registry.labelled()]
    assert len(labels) == len(set(labels))


@pytest.mark.parametrize("label", ["", "  ", "test.unnamed"])
def test_a_kind_without_words_is_not_registered(label):
    with pytest.raises(ValueError, match="say in words"):
        registry.handler("test.unnamed", label)(lambda run: None)
    assert "test.unnamed" not in registry.names()


def test_a_kind_that_no_app_knows_any_more_keeps_its_name():
    assert registry.label("dataset.forgotten") == "dataset.forgotten"
