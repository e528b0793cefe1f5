"""One file per transaction type, found by the TOT it names. Nothing else knows the list."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast

from station.records.fields import Table
from station.records.header import Header
from station.records.transaction import Transaction


class TransactionType(Protocol):
    """What every file here has: TOT is field 1.004; TYPE_2 its Type-2 table; RECORDS how many records of each type
    besides the Type-1; PRINTS how many fingerprint records, Type-4 and Type-14 together; RESPONSE true when a bureau
    sends it; `example` a synthetic, valid one."""

    TOT: str
    TYPE_2: Table
    RECORDS: Mapping[int, tuple[int, int]]
    RESPONSE: bool
    PRINTS: tuple[int, int]

    def example(self, header: Header, images: Sequence[Any]) -> Transaction: ...


def names() -> tuple[str, ...]:
    """The files of this folder, without their suffix."""
    return tuple(sorted(each.name for each in pkgutil.iter_modules(__path__)))


def load(name: str) -> TransactionType:
    """One file by its name."""
    return cast(TransactionType, importlib.import_module(f"{__name__}.{name}"))


def by_tot(tot: str) -> TransactionType | None:
    """The file whose TOT this is, or None."""
    return _by_tot().get(tot)


@functools.cache
def _by_tot() -> dict[str, TransactionType]:
    # No map() here: the file of the type MAP shadows it in this package once it is loaded.
    return {module.TOT: module for module in (load(name) for name in names())}
