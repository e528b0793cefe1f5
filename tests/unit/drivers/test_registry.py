"""Readers by name, and what is attached."""

from __future__ import annotations

import builtins
from typing import Any

import pytest

from drivers import registry
from drivers.clock import SystemClock, synchronised
from drivers.errors import LinkError, ReaderFault
from drivers.links import link_error
from drivers.links import serial as serial_links
from drivers.links import usb as usb_links
from drivers.models.fap60 import Fap60Reader
from drivers.remote import RemoteReader

CLOCK = SystemClock()


def test_the_drivers_are_the_files_of_the_folder() -> None:
    assert set(registry.drivers()) >= {"fap60", "gt521", "sfm", "uru4500", "zfm"}
    assert registry.drivers() == tuple(sorted(registry.drivers()))


def test_a_reader_is_made_by_driver_profile_and_address() -> None:
    reader = registry.make_reader("fap60", "fap60-simulated", "serial:/dev/x", {}, CLOCK)
    assert isinstance(reader, Fap60Reader)


def test_a_unix_address_is_a_remote_reader() -> None:
    reader = registry.make_reader("any", "", "unix:/run/x.sock", {}, CLOCK)
    assert isinstance(reader, RemoteReader)
    assert str(reader.socket_path) == "/run/x.sock"


@pytest.mark.parametrize(
    ("driver", "profile", "options", "code"),
    [
        ("nosuch", "", {}, "reader.unknown_driver"),
        ("../x", "", {}, "reader.unknown_driver"),
        ("fap60", "nosuch", {}, "reader.profile"),
        ("fap60", "zfm20", {}, "reader.profile"),
        ("fap60", "", {"speed": "1"}, "reader.option"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_would(
    driver: str, profile: str, options: dict[str, str], code: str
) -> None:
    with pytest.raises(ReaderFault) as caught:
        registry.make_reader(driver, profile, "serial:/dev/x", options, CLOCK)
    assert caught.value.code == code
    assert caught.value.advice


def test_opening_an_absent_reader_is_an_error_never_a_simulation() -> None:
    with pytest.raises(LinkError) as caught:
        registry.open_reader("fap60", "", "serial:/dev/no-such-tty", {}, CLOCK)
    assert caught.value.code == "link.not_found"


def test_known_usb_readers_are_certain_and_serial_ports_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    devices = [usb_links.Attached("05ba:000a", "1-2", 0x0103), usb_links.Attached("1234:5678", "1-3", 1)]
    monkeypatch.setattr(usb_links, "attached", lambda: devices)
    monkeypatch.setattr(serial_links, "attached", lambda: [serial_links.Port("/dev/ttyUSB0", "CP210x")])
    found = registry.discover()
    assert (found[0].id, found[0].address, found[0].certain) == ("uru4500@1-2", "usb:05ba:000a@1-2", True)
    serial = {one.id for one in found[1:]}
    assert {"r503@ttyUSB0", "zfm20@ttyUSB0", "sfm-slim@ttyUSB0", "gt521@ttyUSB0"} <= serial
    assert all(one.address == "serial:/dev/ttyUSB0" and not one.certain for one in found[1:])
    assert not any(one.simulated for one in found)


def test_a_reader_is_found_by_id_address_usb_id_or_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    devices = [usb_links.Attached("05ba:000a", "1-2", 1), usb_links.Attached("147e:2016", "1-3", 2)]
    monkeypatch.setattr(usb_links, "attached", lambda: devices)
    monkeypatch.setattr(serial_links, "attached", list)
    for name in ("uru4500@1-2", "usb:05ba:000a@1-2", "usb:05ba:000a", "uru4500"):
        assert registry.find(name).address == "usb:05ba:000a@1-2"
    assert registry.find("usb:147e:2016").profile == "upek-area"  # the driver asks which it is
    assert registry.find("libfprint:any").driver == "libfprint"
    assert registry.find("unix:/run/x.sock").address == "unix:/run/x.sock"  # the service knows which it is
    devices.append(usb_links.Attached("05ba:000a", "1-4", 1))
    for name, code in (("usb:05ba:000a", "link.address"), ("usb:1234:5678", "link.not_found")):
        with pytest.raises(LinkError) as caught:
            registry.find(name)
        assert caught.value.code == code


def test_a_machine_without_usb_still_lists_serial_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> Any:
        raise link_error("link.no_backend", "x")

    monkeypatch.setattr(usb_links, "attached", none)
    monkeypatch.setattr(serial_links, "attached", list)
    assert registry.discover() == []


def test_a_missing_library_breaks_only_its_own_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_usb(name: str, *rest: Any) -> Any:
        if name == "drivers.models.uru4500":
            raise ImportError("no pyusb")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_usb)
    assert registry.make_reader("fap60", "", "serial:/dev/x", {}, CLOCK)


def test_the_clock_knows_whether_it_is_synchronised(monkeypatch: pytest.MonkeyPatch) -> None:
    import ctypes

    class Libc:
        def __init__(self, answer: int) -> None:
            self.adjtimex = lambda _: answer

    for answer, expected in ((0, True), (5, False), (-1, False)):
        monkeypatch.setattr(ctypes, "CDLL", lambda *_, use_errno, answer=answer: Libc(answer))
        assert synchronised() is expected
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, use_errno: object())
    assert synchronised() is False


def test_the_system_clock_tells_aware_time_and_sleeps_no_negative_time() -> None:
    assert CLOCK.utcnow().utcoffset() is not None
    before = CLOCK.monotonic()
    CLOCK.sleep(-1.0)
    assert CLOCK.monotonic() >= before
