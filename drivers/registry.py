"""Readers by name: driver, profile and address in, an open `Reader` out; and what seems to be attached here.

`drivers.models.<name>` is imported only when asked for, so a missing vendor library breaks only its own driver. There
is no fallback: an absent reader is an error, never a simulated one.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from drivers import models
from drivers.calibration import CalibratedReader
from drivers.clock import Clock
from drivers.errors import DriverError, LinkError, ReaderFault
from drivers.links import address as addresses
from drivers.links import link_error
from drivers.reader import Reader
from drivers.remote import RemoteReader
from firmware_profiles.profile import Profile, ProfileError, all_profiles, load

_NAME = re.compile(r"^[a-z][a-z0-9_]*$")


@dataclass(frozen=True)
class Candidate:
    """Something attached that may be a reader. certain: the identity was recognised, not only the kind of port."""

    id: str
    driver: str
    profile: str
    address: str
    description: str
    certain: bool
    simulated: bool


def drivers() -> tuple[str, ...]:
    """Names of all reader families in drivers/models, sorted."""
    names = (module.name for module in pkgutil.iter_modules(models.__path__))
    return tuple(sorted(name for name in names if not name.startswith("_")))  # the rest are parts of others


def make_reader(driver: str, profile: str, address: str, options: Mapping[str, str], clock: Clock) -> Reader:
    """The reader, not yet opened. profile "": that of the USB id, else the driver's first.

    Raises ReaderFault reader.unknown_driver, reader.profile, reader.option; LinkError link.address."""
    if addresses.parse(address).scheme == "unix":
        return RemoteReader(Path(addresses.parse(address).path), clock)
    if driver not in drivers() or not _NAME.match(driver):
        raise ReaderFault(
            "reader.unknown_driver", f"no driver {driver!r}", f"Known drivers: {', '.join(drivers())}."
        )
    chosen = _profile(driver, profile, addresses.parse(address))
    module = importlib.import_module(f"drivers.models.{driver}")
    _refuse_unknown(options, frozenset(getattr(module, "OPTIONS", ())), driver)
    reader: Reader = module.make(chosen, address, options, clock)
    return reader


def open_reader(
    driver: str,
    profile: str,
    address: str,
    options: Mapping[str, str],
    clock: Clock,
    calibrations: Path | None = None,
) -> Reader:
    """As make_reader, and opened: state IDLE. calibrations: a folder of units' true ppi. Raises also what
    Reader.open() raises, ReaderFault reader.calibration."""
    reader = make_reader(driver, profile, address, options, clock)
    if calibrations is not None and not isinstance(reader, RemoteReader):  # the service has done it already
        reader = CalibratedReader(reader, calibrations)
    reader.open()
    return reader


def discover() -> list[Candidate]:
    """What is attached, USB readers first. Problems of one bus hide only that bus."""
    return _usb_candidates() + _serial_candidates()


def find(name: str) -> Candidate:
    """The attached reader of that name: an id or an address as discover() has them, or `usb:vid:pid` where one such
    device is attached. Raises LinkError link.not_found when there is none, link.address when there are several."""
    if name.startswith("libfprint:"):  # libfprint has a list of its own, and asking for it takes a process
        return Candidate(name, "libfprint", "libfprint", name, "through libfprint", False, False)
    if name.startswith("unix:"):
        return Candidate(name, "", "", name, "what the capture service holds", False, False)
    found = discover()
    named = [one for one in found if name in (one.id, one.address)]
    named = named or [one for one in found if name == one.address.partition("@")[0] or name == one.profile]
    if not named and name.startswith("serial:"):
        advice = (
            "A serial port does not say what hangs on it: name it with --driver, --profile and --address."
        )
        raise LinkError("link.not_found", f"{name} is no port with a known reader", advice)
    if not named:
        raise link_error("link.not_found", f"no reader {name!r} is attached")
    if len(named) > 1:
        raise link_error("link.address", f"{name} may be {' or '.join(one.id for one in named)}")
    return named[0]


def _profile(driver: str, profile: str, place: addresses.Address) -> Profile:
    """The named one, else the one of that USB device, else the driver's first."""
    ids = f"{place.vendor:04x}:{place.product:04x}"
    try:
        own = [one for one in all_profiles() if one.driver == driver]
        own.sort(key=lambda one: ids not in one.match.usb)
        chosen = load(profile) if profile else own[0]
    except (ProfileError, IndexError) as error:
        advice = getattr(error, "advice", "Add one to firmware_profiles/.")
        raise ReaderFault("reader.profile", f"no usable profile: {error}", advice) from error
    if chosen.driver != driver:
        raise ReaderFault(
            "reader.profile",
            f"profile {chosen.id} belongs to driver {chosen.driver}, not {driver}",
            f"Profiles of {driver}: {', '.join(one.id for one in own)}.",
        )
    return chosen


def _refuse_unknown(options: Mapping[str, str], known: frozenset[str], driver: str) -> None:
    unknown = sorted(set(options) - known)
    if unknown:
        raise ReaderFault(
            "reader.option",
            f"{driver} has no option {', '.join(unknown)}",
            f"Options of {driver}: {', '.join(sorted(known)) or 'none'}.",
        )


def _usb_candidates() -> list[Candidate]:
    from drivers.links.usb import attached

    try:
        devices = attached()
    except DriverError:
        return []
    known: dict[str, Profile] = {}
    for own in all_profiles():
        for one in own.match.usb:
            known.setdefault(one, own)  # the first of those that share an id; its driver asks the device
    return [
        Candidate(
            id=f"{profile.id}@{device.where}",
            driver=profile.driver,
            profile=profile.id,
            address=f"usb:{device.ids}@{device.where}",
            description=f"{profile.vendor} {profile.model}",
            certain=True,
            simulated=profile.simulated,
        )
        for device in devices
        if (profile := known.get(device.ids)) is not None
    ]


def _serial_candidates() -> list[Candidate]:
    """A serial port does not say what hangs on it: every port with an adapter is a possible UART reader."""
    from drivers.links.serial import attached

    uart = [profile for profile in all_profiles() if profile.link.kind == "uart" and not profile.simulated]
    return [
        Candidate(
            id=f"{profile.id}@{Path(port.path).name}",
            driver=profile.driver,
            profile=profile.id,
            address=f"serial:{port.path}",
            description=f"{port.description}: may be a {profile.vendor} {profile.model}",
            certain=False,
            simulated=False,
        )
        for port in attached()
        for profile in uart
    ]
