"""views.sql: one read-only DuckDB view a table over an explicit list of files, with the instrument as first column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_HEAD = """-- Views over this bundle for DuckDB. From this folder:  duckdb -init views.sql
-- From elsewhere, first:  SET file_search_path = '<this folder>';
-- Each view names its files; a file that is not listed is not read. Nothing here writes.
"""
LEDGER = "qc/partition_status.parquet"


def sql(files: Mapping[str, Sequence[str]], folders: Mapping[str, str]) -> str:
    """Return the text. `files`: table -> paths in the bundle; `folders`: `<table>/<folder>` -> instrument."""
    parts = [_HEAD, f"CREATE OR REPLACE VIEW partition_status AS\nSELECT * FROM read_parquet({text_of(LEDGER)});\n"]
    for table in sorted(files):
        if files[table]:
            parts.append(_view(table, files[table], folders))
    return "\n".join(parts)


def _view(table: str, paths: Sequence[str], folders: Mapping[str, str]) -> str:
    listed = ",\n    ".join(text_of(path) for path in sorted(paths))
    # hive_partitioning off: `=` in a folder's name is no column. union_by_name: older files lack newer columns.
    return (
        f'CREATE OR REPLACE VIEW "{table}" AS\n'
        f"SELECT {_instrument(table, folders)} AS instrument, * EXCLUDE (filename)\nFROM read_parquet([\n    {listed}\n"
        "], filename = true, hive_partitioning = false, union_by_name = true);\n"
    )


def _instrument(table: str, folders: Mapping[str, str]) -> str:
    """Return the expression that makes `VENUE:SYMBOL` of a file's folder, the odd ones by name."""
    folder = "split_part(filename, '/', -2)"
    usual = f"regexp_replace({folder}, '_', ':')"  # the first `_` only
    odd = []
    for place, instrument in sorted(folders.items()):
        of, _, name = place.partition("/")
        if of == table and name.replace("_", ":", 1) != instrument:
            odd.append(f"WHEN {text_of(name)} THEN {text_of(instrument)}")
    return f"CASE {folder} {' '.join(odd)} ELSE {usual} END" if odd else usual


def text_of(value: str) -> str:
    """Return a text as SQL writes it."""
    return "'" + value.replace("'", "''") + "'"
