"""Which readers to test and who helps: the environment in (set by tests/hil/certify.py), units and an assistant out."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

VARIABLE = "LIVESCAN_HIL"


class Unit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One attached reader. script: the person script of a simulated peer; attended: a person does what is asked."""

    driver: str
    profile: str
    address: str
    script: str = ""
    attended: bool = False

    @property
    def name(self) -> str:
        return f"{self.driver}@{self.address}"


def units() -> list[Unit]:
    """The readers to test; none in an ordinary run."""
    return msgspec.json.decode(os.environ.get(VARIABLE, "[]"), type=list[Unit])


class Assistant:
    """Who lays fingers on the platen and pulls cables: a person who is asked, or a simulated peer's script."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit

    def tell_person(self, script: bytes, *, nobody: bool) -> str:
        """Have (nobody: not) a finger laid on the platen from now on; why that cannot be done, or ""."""
        if self.unit.script:
            Path(self.unit.script).write_bytes(script)
            return ""
        words = (
            "Keep the platen EMPTY" if nobody else "Lay a target or made-up finger on it when its lamp asks"
        )
        return self._asked(words)

    def unplug(self) -> str:
        """Have the cable pulled; why that cannot be done, or ""."""
        return self._asked("Pull the reader's cable")

    def plug(self) -> str:
        return self._asked("Plug the reader in again")

    def _asked(self, words: str) -> str:
        if not self.unit.attended:
            return "nobody attends: ./run hil --attended"
        with Path("/dev/tty").open("r+") as terminal:
            terminal.write(f"\n>>> {self.unit.name}: {words}, then press Enter. ")
            terminal.flush()
            terminal.readline()
        return ""
