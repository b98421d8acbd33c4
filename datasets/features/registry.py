"""The features there are: what each is made of, where it goes and the pure function that makes it.

Adding one is a table in `datasets.market`, a file and a line here. Nothing heavy is imported: the web process shows
the registry, and a capped child loads the function.
"""

from __future__ import annotations

from dataclasses import dataclass

from datasets.market import tables
from datasets.market.tables import Column
from tradenexus.errors import NotFound


class FeatureUnknown(NotFound):
    """There is no feature of this name. `details` lists those there are."""

    code = "FEATURE_UNKNOWN"


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature. `version` rises whenever a value may change; everything is then computed anew.

    inputs: tables of bars in order of rank; an instrument that stands in two of them is read from the first.
    table: where the rows go. warm_up: bars until a row is whole. function: `module:function`, Bars -> {column: array}.
    """

    name: str
    version: int
    about: str
    inputs: tuple[str, ...]
    table: str
    warm_up: int
    function: str

    @property
    def columns(self) -> tuple[Column, ...]:
        """Return what the function computes: the table's columns but the time."""
        return tables.find(self.table).columns[1:]


FEATURES = {
    feature.name: feature
    for feature in (
        Feature(
            "tv_technicals_1d",
            1,
            "technical indicators and ratings of daily bars",
            ("equities_bars", "crypto_bars_1d", "index_bars"),
            "features_tv_technicals_1d",
            200,
            "datasets.features.technicals:compute",
        ),
    )
}


def find(name: str) -> Feature:
    """Return the feature of this name; FeatureUnknown otherwise."""
    feature = FEATURES.get(str(name))
    if feature is None:
        raise FeatureUnknown(f"there is no feature {str(name)[:60]!r}", {"features": sorted(FEATURES)})
    return feature
