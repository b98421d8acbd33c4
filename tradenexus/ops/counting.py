"""Counts of long tables: exact while they are short, else estimated or capped: no list counts a million rows."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

from django.core import paginator
from django.db import connection

from tradenexus import db

CAP = 10_000  # rows that can be reached by turning pages; filters and the search lead further


class Paginator(paginator.Paginator):
    """Pages of a list; `words` says how exact `count` is."""

    words = ""

    @cached_property
    def count(self) -> int:
        """Rows in the list: exact up to CAP; beyond, PostgreSQL's own estimate of a whole table, else CAP."""
        estimate = self._estimate()
        if estimate > CAP:
            self.words = "about"
            return estimate
        rows: Any = self.object_list
        counted = rows.order_by().values("pk")[: CAP + 1].count()
        if counted > CAP:
            self.words = "more than"
        return min(counted, CAP)

    @cached_property
    def num_pages(self) -> int:
        """Pages that can be turned to; a far page would read and throw away all rows before it."""
        return max(1, math.ceil(min(self.count, CAP) / self.per_page))

    def _estimate(self) -> int:
        rows: Any = self.object_list
        query = rows.query
        if db.is_sqlite() or query.where or query.distinct:
            return 0
        with connection.cursor() as cursor:
            cursor.execute("SELECT reltuples FROM pg_class WHERE oid = to_regclass(%s)", [query.model._meta.db_table])
            row = cursor.fetchone()
        return int(row[0]) if row else 0
