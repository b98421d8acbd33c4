"""views.sql gives each table its rows with the instrument in front, odd names and older files too."""

from __future__ import annotations

import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq

from datasets.exports import views

FILES = {
    "trades": [
        "tables/trades/BINANCE_ETH-BTC/2024.parquet",
        "tables/trades/FX_EURUSD~X/2024.parquet",
        "tables/trades/A_B_C~01234567/2024.parquet",
        "tables/trades/A_B_C~89abcdef/2024.parquet",
    ],
    "quotes": [],
}
FOLDERS = {
    "trades/BINANCE_ETH-BTC": "BINANCE:ETH-BTC",
    "trades/FX_EURUSD~X": "FX:EURUSD=X",
    "trades/A_B_C~01234567": "A_B:C",
    "trades/A_B_C~89abcdef": "A:B_C",
}
READ = """
import duckdb
base = duckdb.connect()
base.execute(open("views.sql").read())
for row in base.sql("SELECT instrument, price, side FROM trades ORDER BY price").fetchall(): print(*row)
print(base.sql("SELECT count(*) FROM trades WHERE instrument = 'A:B_C'").fetchone()[0])
print(base.sql("SHOW TABLES").fetchall())
"""


def test_the_views_name_each_instrument(tmp_path):
    for number, path in enumerate(FILES["trades"]):
        place = tmp_path / path
        place.parent.mkdir(parents=True)
        columns = {"price": [float(number)]} | ({"side": [1]} if number else {})  # the first one is older
        pq.write_table(pa.table(columns), place)
    (tmp_path / "qc").mkdir()
    pq.write_table(pa.table({"session": ["2024-01-01"]}), tmp_path / views.LEDGER)
    (tmp_path / "views.sql").write_text(views.sql(FILES, FOLDERS))
    done = subprocess.run([sys.executable, "-I", "-c", READ], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "BINANCE:ETH-BTC 0.0 None",
        "FX:EURUSD=X 1.0 1",
        "A_B:C 2.0 1",
        "A:B_C 3.0 1",
        "1",
        "[('partition_status',), ('trades',)]",
    ]
