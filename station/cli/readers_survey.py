"""What is attached, who holds it and what it lacks: candidates of the registry in, one `Finding` per unit out.

Looks at /proc, /sys and /dev only; opens no reader. A process of another user is seen only where /proc allows it.
"""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from drivers.errors import DriverError
from drivers.links import address as addresses
from drivers.registry import Candidate
from firmware_profiles import udev
from firmware_profiles.profile import load

RULES = "99-livescan-readers.rules"

# Vendors of fingerprint readers (usb.ids); a device of theirs without a profile is worth a line.
VENDORS = {
    "05ba": "DigitalPersona", "147e": "UPEK", "298d": "NEXT Biometrics", "1491": "Futronic", "1162": "SecuGen",
    "1b55": "ZKTeco", "16d1": "Suprema", "080b": "Cross Match", "113f": "Integrated Biometrics", "0a86": "Nitgen",
    "1fae": "Lumidigm", "0bca": "Startek", "225d": "Idemia", "138a": "Validity", "08ff": "AuthenTec",
    "27c6": "Goodix", "1c7a": "Egis",
}  # fmt: skip


@dataclass(frozen=True)
class Holder:
    """A process that has the device open. service: it is a capture service."""

    pid: int
    command: str
    service: bool

    def __str__(self) -> str:
        return f"{'capture service' if self.service else self.command} (process {self.pid})"


@dataclass(frozen=True)
class Lack:
    """What keeps a unit from being used. kind: driver, permission, profile, busy, power; advice: what to do."""

    kind: str
    message: str
    advice: str


@dataclass(frozen=True)
class Machine:
    """Where to look; tests look elsewhere."""

    proc: Path = Path("/proc")
    sys_usb: Path = Path("/sys/bus/usb/devices")
    dev: Path = Path("/dev")


HERE = Machine()


def node_of(address: str, machine: Machine = HERE) -> Path | None:
    """The device node behind an address; None when there is none, or the address names no device."""
    place = addresses.parse(address)
    if place.scheme == "serial":
        path = Path(place.path)
        return path if path.exists() else None
    if place.scheme != "usb" or place.where is None:
        return None
    folder = machine.sys_usb / place.where
    with suppress(OSError, ValueError):
        bus, number = (int((folder / name).read_text()) for name in ("busnum", "devnum"))
        node = machine.dev / "bus" / "usb" / f"{bus:03}" / f"{number:03}"
        return node if node.exists() else None
    return None


def holders(node: Path, machine: Machine = HERE) -> list[Holder]:
    """Processes that have node open, as far as /proc shows them to this user; never this process."""
    wanted = os.path.realpath(node)
    found = []
    for process in sorted(machine.proc.glob("[0-9]*"), key=lambda path: int(path.name)):
        if int(process.name) != os.getpid() and _holds(process, wanted):
            found.append(_holder(process))
    return found


def _holds(process: Path, wanted: str) -> bool:
    with suppress(OSError):
        for one in (process / "fd").iterdir():
            with suppress(OSError):
                if str(one.readlink()) == wanted:
                    return True
    return False


def _holder(process: Path) -> Holder:
    words: list[str] = []
    with suppress(OSError):
        words = (process / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    name = Path(words[0]).name if words and words[0] else "?"
    return Holder(int(process.name), name, "capture-service" in words)


def lacks(one: Candidate, node: Path | None, held: Sequence[Holder], machine: Machine = HERE) -> list[Lack]:
    """What a candidate lacks, the first thing to mend first."""
    found = [*_driver(one), *_permission(one, node), *_power(one, machine)]
    if held:
        others = ", ".join(str(holder) for holder in held)
        advice = "Use it through the service's socket." if held[0].service else "End that program first."
        found.append(Lack("busy", f"held by {others}", advice))
    return found


def _driver(one: Candidate) -> list[Lack]:
    try:
        importlib.import_module(f"drivers.models.{one.driver}")
    except (ImportError, OSError, DriverError) as error:
        return [Lack("driver", f"{one.driver} does not load: {error}", "Install the library it names.")]
    return []


def _permission(one: Candidate, node: Path | None) -> list[Lack]:
    if node is None or os.access(node, os.R_OK | os.W_OK):
        return []
    advice = (
        f"Install {RULES} (station readers udev), join group {load(one.profile).udev.group}, log in again."
    )
    rule = rule_for(one)
    return [
        Lack("permission", f"{node} is closed to this user" + (f"; rule: {rule}" if rule else ""), advice)
    ]


def rule_for(one: Candidate) -> str:
    """The udev rule that opens a USB candidate; "" for a serial adapter, whose rule goes by its chip."""
    place = addresses.parse(one.address)
    wanted = f'"{place.vendor:04x}", ATTR{{idProduct}}=="{place.product:04x}"'
    lines = udev.rules().splitlines() if place.scheme == "usb" else []
    return next((line for line in lines if wanted in line), "")


def _power(one: Candidate, machine: Machine) -> list[Lack]:
    place = addresses.parse(one.address)
    if place.where is None or load(one.profile).power.autosuspend:
        return []
    with suppress(OSError):
        if (machine.sys_usb / place.where / "power" / "control").read_text().strip() == "auto":
            advice = f"Install {RULES} (station readers udev) and plug it in again."
            return [Lack("power", "may be put to sleep by the kernel (power/control is auto)", advice)]
    return []


def without_profile(known: Sequence[Candidate], machine: Machine = HERE) -> list[tuple[str, str]]:
    """(address, words) of attached USB devices of reader vendors that no profile speaks of."""
    places = {addresses.parse(one.address).where for one in known}
    found = []
    for folder in sorted(machine.sys_usb.glob("*-*")):
        if re.fullmatch(r"\d+-\d+(\.\d+)*", folder.name) is None or folder.name in places:
            continue
        with suppress(OSError):
            vendor, product = ((folder / name).read_text().strip() for name in ("idVendor", "idProduct"))
            if vendor in VENDORS:
                found.append((f"usb:{vendor}:{product}@{folder.name}", VENDORS[vendor]))
    return found
