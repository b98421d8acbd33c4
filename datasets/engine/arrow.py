"""Keeps pandas out of a child that needs only pyarrow, which imports it at its first conversion to numpy.

That import costs more than most of what a child does. Who wants pandas itself (the calendars) still imports it.
Without it pyarrow has no Python value for a time of nanoseconds: `datasets.formats.values` reads those.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any


def alone() -> None:
    """Have pyarrow, when it is imported, take it that there is no pandas."""
    if "pyarrow" not in sys.modules:
        sys.meta_path.insert(0, _OnImport())


class _OnImport:
    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name != "pyarrow":
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path)
        if spec is None or spec.loader is None:
            return spec
        load = spec.loader.exec_module

        def load_alone(module: ModuleType) -> None:
            load(module)
            _look_for_pandas(module)

        spec.loader.exec_module = load_alone  # type: ignore[method-assign]
        return spec


def _look_for_pandas(pyarrow: Any) -> None:
    """Let pyarrow look for pandas now, once and in vain; it keeps what it found."""
    if "pandas" in sys.modules:
        # It is pandas that is being imported, and pyarrow by it.
        return
    refusal = _NoPandas()
    sys.meta_path.insert(0, refusal)
    try:
        # Two looks: of the part in Python, and of the part in C++ at the first conversion.
        pyarrow.lib._pandas_api.have_pandas  # noqa: B018 (the question is what makes it look)
        pyarrow.array([0]).to_numpy()
    finally:
        sys.meta_path.remove(refusal)


class _NoPandas:
    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name, name=name)
