"""What people say of a dataset as a whole, beside what its files show: where it was got and what is traded in it.

Both may be left open: nothing is guessed. They are said with an upload or later, and belong to no version.
"""

from __future__ import annotations

import unicodedata

from datasets.market.kinds import ASSET_CLASSES
from datasets.models import Dataset
from tradenexus import db
from tradenexus.actor import Actor
from tradenexus.errors import BadRequest
from tradenexus.events import outbox

LONGEST = 64


def change(actor: Actor, dataset: Dataset, *, vendor: str | None = None, asset_class: str | None = None) -> bool:
    """Write down what is said, empty to take it back, None to leave it; inside `db.atomic()`. Tell whether it is news.

    BadRequest for a vendor of more than 64 characters and an asset class that is none of ASSET_CLASSES.
    """
    said = {"vendor": vendor, "asset_class": asset_class}
    new = {name: checked(name, value) for name, value in said.items() if value is not None}
    old = {name: getattr(dataset, name) for name in new}
    if new == old:
        return False
    Dataset.of(actor.tenant_id).filter(id=dataset.id).update(**new, updated_at=db.now())
    for name, value in new.items():
        setattr(dataset, name, value)
    details = {name: {"old": old[name], "new": new[name]} for name in new}
    outbox.record(actor, "dataset.described", dataset.ref, details=details)
    return True


def checked(name: str, text: str) -> str:
    """Return what is said as it is kept; BadRequest names the field."""
    kept = printable(text)
    if name == "asset_class" and kept and kept not in ASSET_CLASSES:
        known = ", ".join(ASSET_CLASSES)
        raise BadRequest(f"assetClass must be one of {known}", {"fields": {"assetClass": [kept[:32]]}})
    if len(kept) > LONGEST:
        raise BadRequest(f"{name} has at most {LONGEST} characters", {"fields": {name: [f"at most {LONGEST}"]}})
    return kept


def printable(text: str) -> str:
    """Return the text without control and format characters (they hide or turn what a name shows), trimmed."""
    return "".join(letter for letter in text if unicodedata.category(letter) not in {"Cc", "Cf", "Cs"}).strip()
