"""Between our bars and Lona's words [pure, no Django]: the CSV in, the rows back, names, metrics, reports.

`slices.write_csv` and `answers.digest_answer` are entry points of the capped child (`engine.children`), because they
read Parquet or a stranger's bytes; `names` and `reports` are small values in, small values out.
"""
