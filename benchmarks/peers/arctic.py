"""ArcticDB over LMDB, told by lines of JSON what to write and read; run by benchmarks.lakereads in its own environment.

`python arctic.py FOLDER`. Each line asks {do, ...}, each answer is one line. The clock stands in here, around the
library's read alone; rows and the sum of two columns say afterwards that both sides read the same.
"""

import json
import sys
import time

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from arcticdb import Arctic


def write(library, ask):
    """Write one symbol whole, from the segments that the lake has of it."""
    frame = pa.concat_tables(pq.read_table(path) for path in ask["paths"]).to_pandas().set_index("ts_event")
    frame.index = frame.index.tz_localize(None)  # its quickest form: times without a zone
    library.write(ask["symbol"], frame)
    return {"rows": len(frame)}


def read(library, ask):
    """Read [start, end) of a symbol as PANDAS or PYARROW."""
    began, cpu = time.perf_counter(), time.process_time()
    within = (pd.Timestamp(ask["start"]), pd.Timestamp(ask["end"] - 1))
    data = library.read(ask["symbol"], date_range=within, output_format=ask["form"]).data
    took, cpu = (time.perf_counter() - began) * 1000, (time.process_time() - cpu) * 1000
    close, volume = (pd.Series(data[name]).sum() for name in ("close", "volume"))
    return {"ms": took, "cpu": cpu, "rows": len(data), "sum": float(close + volume)}


if __name__ == "__main__":
    bars = Arctic(f"lmdb://{sys.argv[1]}?map_size=200GB").get_library("bars", create_if_missing=True)
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps({"write": write, "read": read}[asked["do"]](bars, asked)), flush=True)
