"""What the kill tests have done in processes of their own: `python -m tests.datasets.maintenance.deeds DEED...`.

Each works on the installation of NEXUS_HOME; `look` prints what a reader sees and what fsck says, as JSON.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

FIRST, SECOND = [100.0, 101.0, 102.0], [100.0, 101.5, 102.0]
NAME, TABLE = "BINANCE:ETH-BTC", "crypto_bars_1d"


def setup() -> None:
    """Make the database, a person and the first revision."""
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    from tests.kit import lake, people
    from tradenexus.tenancy.models import Tenant

    owner = people.make("owner@example.org", Tenant.objects.create(name="first"))
    lake.registered(owner)
    _put(owner, FIRST, "first")


def commit() -> None:
    """Restate the rows; once, whoever asks again."""
    _put(_owner(), SECOND, "second")


def age() -> None:
    """Make every revision but the newest a year old, and leave a file that no row names."""
    from datasets.models import LakeEntry, LakeRevision
    from datasets.storage import blobs, layout
    from tradenexus import ids

    LakeRevision.objects.update(created_at=LakeEntry.everyone.get().updated_at - timedelta(days=365))
    blobs.put_bytes(layout.segment(_owner().tenant.id, "a" * 64, ids.uuid7()), b"garbage")


def gc() -> None:
    """Collect garbage whose time has come at once."""
    from datasets.maintenance import garbage

    garbage.AGE = timedelta(0)
    garbage.collect(_owner().tenant.id)


def flip() -> None:
    """Flip one bit of the segment in force."""
    from datasets.models import LakeSegment

    _flip(LakeSegment.everyone.get().key)


def _flip(key: str) -> None:
    from django.core.files.storage import storages

    path = Path(storages["data"].path(key))  # type: ignore[attr-defined]
    data = bytearray(path.read_bytes())
    data[-40] ^= 1
    path.unlink()
    path.write_bytes(data)


def flip_held() -> None:
    """Have rows refused, and flip one bit of them."""
    from datasets.models import LakeQuarantine

    _put(_owner(), [*SECOND, 9_000.0, *range(104, 130)], "third")
    _flip(LakeQuarantine.everyone.get().key)


def scrub() -> None:
    """Read everything."""
    from datasets.maintenance import lakescrub

    lakescrub.scrub(_owner().tenant.id, whole=True)


def backup() -> None:
    """Make a backup beside the installation."""
    from datasets.maintenance import backup as backups

    backups.make(Path(os.environ["NEXUS_HOME"]).parent / "backups")


def restore() -> None:
    """Restore the newest backup that lies beside the installation."""
    from datasets.maintenance import backup as backups
    from datasets.maintenance import restore as way_back

    way_back.restore(backups.all_in(Path(os.environ["NEXUS_HOME"]).parent / "backups")[-1])


def look() -> None:
    """Print what is there."""
    import pyarrow as pa

    from datasets.lake import scan
    from datasets.maintenance import fsck
    from datasets.models import LakeEntry, LakePartition, LakeSegment
    from tradenexus.audit.models import Entry

    tenant = _owner().tenant.id
    entry = LakeEntry.of(tenant).get()
    try:
        closes = pa.concat_tables(scan.tables_of(scan.locate(entry)))["close"].to_pylist()
    except scan.SegmentDamaged:
        closes = None
    found = fsck.check(tenant, deep=True)
    told: dict[str, Any] = {"closes": closes, "revision": entry.revision, "oldest": entry.oldest_revision}
    told |= {name: found[name]["count"] for name in ("dangling", "catalog")}
    told |= {"files": found["orphans"]["young"], "segments": LakeSegment.of(tenant).count()}
    told["red"] = LakePartition.objects.filter(code="CHECKSUM").count()
    told["told"] = Entry.of(tenant).filter(action__in=["lake.segment", "file.verified"]).count()
    print(json.dumps(told))


def _owner() -> Any:
    from tests.kit.people import Person
    from tradenexus.tenancy.models import Tenant, User

    return Person(User.objects.get(), Tenant.objects.get(), "", "admin")


def _put(owner: Any, closes: list[float], key: str) -> None:
    from tests.kit import lake

    folder = Path(os.environ["NEXUS_HOME"]) / "rows"
    folder.mkdir(exist_ok=True)
    lake.put(owner, folder, lake.offer(folder, lake.daily(closes), NAME, policy="newer"), key=key)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradenexus.settings")
    import django

    django.setup()
    for deed in sys.argv[1:]:
        globals()[deed]()
