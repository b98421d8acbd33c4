"""The analytical engine: capped child processes, the canonical Parquet writer, and the only door to DuckDB."""
