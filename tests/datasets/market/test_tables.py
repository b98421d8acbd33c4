"""Tables only grow: what was written under an older version stays readable."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from datasets.market import schemas, tables
from datasets.market.tables import Column
from tests.datasets.market import reference

RECORD = Path(__file__).with_name("tables.json")


def recorded() -> dict:
    return json.loads(RECORD.read_text())


def shape(table: tables.Table) -> dict:
    columns = [[each.name, each.dtype, each.nullable] for each in table.columns]
    return {"version": table.version, "span": table.span, "key": list(table.key), "columns": columns}


def test_every_released_table_can_still_be_read():
    for name, old in recorded().items():
        now = shape(tables.TABLES[name])
        assert now["columns"][: len(old["columns"])] == old["columns"], name
        assert (now["span"], now["key"]) == (old["span"], old["key"]), name
        assert all(nullable for _, _, nullable in now["columns"][len(old["columns"]) :]), name


def test_every_table_is_on_record():
    assert recorded() == {name: shape(table) for name, table in tables.TABLES.items()}, (
        "write tests/.../tables.json anew"
    )


def test_the_document_says_what_the_code_says():
    document = reference.PATH.read_text()
    assert document == reference.written(document), "run python -m tests.datasets.market.reference"


def test_a_nullable_column_may_be_added_and_nothing_else():
    old = tables.find("trades")
    assert tables.incompatible(old, old) == []
    added = replace(old, columns=(*old.columns, Column("venue_flag", "string")), version=2)
    assert tables.incompatible(old, added) == []
    assert tables.incompatible(old, replace(added, version=1))
    assert tables.incompatible(old, replace(added, columns=(*old.columns, Column("x", nullable=False))))
    assert tables.incompatible(old, replace(old, columns=old.columns[1:]))
    assert tables.incompatible(old, replace(old, span=tables.MONTH))


@pytest.mark.parametrize("table", tables.TABLES.values(), ids=lambda table: table.name)
def test_every_column_has_an_arrow_type(table):
    form = schemas.table_form(table)
    assert form.schema.names == list(table.names)
    assert set(table.key) <= set(table.names)


def test_an_unknown_table_is_named():
    with pytest.raises(tables.TableUnknown) as refused:
        tables.find("equities")
    assert "equities_bars" in refused.value.details["tables"]
