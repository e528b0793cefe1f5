"""Versions of the relay's schema, forward only: module `v0001_first` takes an empty database to version 1.

Each module has STATEMENTS, a tuple of SQL for PostgreSQL. They run in one transaction with the new version number.
"""

from __future__ import annotations

import importlib
import pkgutil


def migrations() -> dict[int, tuple[str, ...]]:
    """Version → the statements that lead to it, in order, without gaps from 1."""
    found: dict[int, tuple[str, ...]] = {}
    for module in sorted(info.name for info in pkgutil.iter_modules(__path__)):
        found[int(module[1:5])] = importlib.import_module(f"{__name__}.{module}").STATEMENTS
    return found
