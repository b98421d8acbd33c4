"""Shorthand for tests that read small files: write bytes, read them by a plan, show what came out."""

from datasets.formats import readers

CSV = {
    "format": "csv",
    "delimiter": ",",
    "quote": '"',
    "header": True,
    "kind": "trades",
    "timestampFormat": "epoch",
    "columnMapping": {"ts_event": "t", "price": "p", "size": "s"},
}


def batches(folder, data, block_bytes=2 << 20, **plan):
    path = folder / "raw"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return list(readers.open_batches(str(path), {**CSV, **plan}, block_bytes))


def rows(folder, data, column="price", **plan):
    """Return (values of a column, rejects as (row, line, column, value, reason))."""
    found = batches(folder, data, **plan)
    values = [value for batch in found for value in batch.table.column(column).to_pylist()]
    return values, rejects(found)


def rejects(found):
    return [tuple(each.as_dict().values()) for batch in found for each in batch.rejects]


def times(folder, values, **plan):
    """Return the times as ISO text and the reasons of the rejects, of a CSV column of the given texts."""
    text = "t,p,s\n" + "".join(f'"{value}",1,1\n' for value in values)
    found = batches(folder, text, **{"timestampFormat": None, **plan})
    instants = [
        str(value) for batch in found for value in batch.table.column("ts_event").cast("timestamp[ns]").to_numpy()
    ]
    return instants, [each[4] for each in rejects(found)]
