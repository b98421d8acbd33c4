"""Every feature can be computed, goes into a table of its own columns, and is made of daily bars."""

from __future__ import annotations

import importlib

import pytest

from datasets.features import registry, technicals
from datasets.market import tables


@pytest.mark.parametrize("feature", registry.FEATURES.values(), ids=lambda feature: feature.name)
def test_a_features_table_function_and_inputs_are_there(feature):
    table = tables.find(feature.table)
    assert [each.name for each in feature.columns] == list(table.names[1:])
    assert all(each.nullable for each in feature.columns)
    module, _, name = feature.function.partition(":")
    assert callable(getattr(importlib.import_module(module), name))
    for each in feature.inputs:
        assert (tables.find(each).family, tables.find(each).interval) == (tables.BARS, "1d")


def test_every_table_of_daily_bars_is_an_input_but_options():
    daily = {name for name, table in tables.TABLES.items() if (table.family, table.interval) == (tables.BARS, "1d")}
    assert set(registry.find("tv_technicals_1d").inputs) == daily - {"options_bars"}


def test_the_registry_knows_how_long_it_takes_until_a_row_is_whole():
    assert registry.find("tv_technicals_1d").warm_up == technicals.WARM_UP


def test_an_unknown_feature_is_refused_with_those_there_are():
    with pytest.raises(registry.FeatureUnknown) as refused:
        registry.find("tv_technicals_1m")
    assert refused.value.details["features"] == ["tv_technicals_1d"]
