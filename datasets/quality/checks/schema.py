"""Schema: could the file be read as what it was said to be, and did anything come of it. Counted by the intake."""

from __future__ import annotations

from datasets.quality.checks.spec import Spec

SPECS = (
    Spec(
        "schema.file",
        "The file can be read to its end",
        "count",
        "Reading stopped; the sample says where and why. Rows before that point were checked, those after it were not.",
        "A part of a file cannot be told from the whole by its content.",
        "Do what the reason says; most often, download or export the file again.",
    ),
    Spec(
        "schema.readable",
        "Records can be read",
        "share",
        "These records do not have the columns, types or times that the mapping promises; they were left out.",
        "A row that is left out is missing from every bar and backtest.",
        "Look at the samples and the rejects file; correct mapping, zone or unit, or the rows at their source.",
    ),
    Spec(
        "schema.rows",
        "There are rows",
        "count",
        "No row was accepted: 1 stands for the whole file.",
        "Without rows there is nothing to store, convert or publish.",
        "Check that the right file was uploaded and that kind and column mapping fit it.",
    ),
    Spec(
        "schema.instruments",
        "Symbols within the limit",
        "count",
        "The rows of symbols beyond the limit were left out.",
        "So many symbols usually mean that another column, such as an id, was mapped as the symbol.",
        "Map the right symbol column, or split the file.",
    ),
)
