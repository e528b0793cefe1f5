"""Readers that go, come back, move, are exchanged, or hang: with injected ports, and over a pty that disappears."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from drivers import hotplug, registry, service
from drivers.clock import SystemClock
from drivers.errors import DriverError, LinkError, ReaderFault
from drivers.hotplug import Hotplug, Place
from drivers.links import link_error, usb
from drivers.links.pty import PtyEnd
from drivers.reader import CaptureKind, CaptureRequest, Frame, ReaderInfo, ReaderState
from drivers.registry import Candidate
from drivers.remote import RemoteReader
from drivers.service import CaptureService
from drivers.service_job import Job
from drivers.sim import rig as rigs
from drivers.sim import tty
from drivers.sim.clock import VirtualClock
from drivers.sim.peers.fap60 import Fap60Device
from firmware_profiles.profile import load
from tests.kit.helpers import Background
from tests.kit.waiting import PATIENCE_S, until

INFO = replace(ReaderInfo.of(load("zfm20"), "A1", "1"), kinds=frozenset({CaptureKind.PLAIN}))
HERE = Place("zfm", "zfm20", "serial:/dev/ttyUSB0")
THERE = "serial:/dev/ttyUSB1"
REQUEST = CaptureRequest(CaptureKind.PLAIN)


class Fake:
    """A reader that is nothing but its info and its link."""

    def __init__(self, info: ReaderInfo) -> None:
        self.info = info
        self.state = ReaderState.CLOSED
        self.link = self
        self.closed = 0

    def open(self) -> None:
        self.state = ReaderState.IDLE

    def close(self) -> None:
        self.closed += 1
        self.state = ReaderState.CLOSED

    def capture(self, *_: object) -> Frame:
        raise link_error("link.disconnected", "pulled")


class Ports:
    """What hangs on which address."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.at: dict[str, ReaderInfo | DriverError] = {HERE.address: INFO}
        self.made: list[Fake] = []
        self.resets: list[str] = []
        self.looks = 0
        self.unit = Hotplug(
            HERE, self.open_at, self.clock, self.look, self.at.__contains__, self.resets.append
        )

    def open_at(self, place: Place) -> Fake:
        found = self.at.get(place.address, link_error("link.not_found", place.address))
        if isinstance(found, DriverError):
            raise found
        self.made.append(Fake(found))
        return self.made[-1]

    def look(self) -> list[Candidate]:
        self.looks += 1
        return [
            Candidate(profile + address, "zfm", profile, address, "", certain=False, simulated=False)
            for address in sorted(self.at)
            for profile in ("r503", "zfm20")
        ]

    def codes(self) -> list[str]:
        return [one.code for one in self.unit.events()]

    def move(self, info: ReaderInfo = INFO) -> None:
        del self.at[HERE.address]
        self.at[THERE] = info


@pytest.fixture
def ports() -> Ports:
    return Ports()


def test_the_configured_reader_is_opened_and_said(ports: Ports) -> None:
    assert ports.unit().info == INFO
    assert ports.codes() == ["reader.attached"]
    assert ports.unit.events()[0].wall == ports.clock.utcnow().isoformat()
    assert ports.unit().state is ReaderState.IDLE
    assert ports.codes() == ["reader.attached"]
    assert ports.looks == 0


def test_the_same_unit_is_known_again_at_another_port(ports: Ports) -> None:
    ports.unit()
    ports.move()
    assert ports.unit().info == INFO
    assert ports.codes()[-1] == "reader.moved"
    assert THERE in ports.unit.events()[-1].message
    ports.unit()
    assert ports.codes().count("reader.moved") == 1  # it is looked for there first from now on


def test_another_unit_at_another_port_is_left_alone(ports: Ports) -> None:
    ports.unit()
    ports.move(replace(INFO, serial="B2"))
    with pytest.raises(LinkError) as caught:
        ports.unit()
    assert caught.value.code == "link.not_found"
    assert ports.made[-1].closed == 1


def test_another_unit_in_its_place_is_used_and_said(ports: Ports) -> None:
    ports.unit()
    ports.at[HERE.address] = replace(INFO, serial="B2", id="zfm20-B2")
    assert ports.unit().info.serial == "B2"
    last = ports.unit.events()[-1]
    assert last.code == "reader.swapped"
    assert INFO.id in last.message
    assert "zfm20-B2" in last.message


def test_before_any_unit_was_known_one_of_the_model_elsewhere_is_taken(ports: Ports) -> None:
    ports.move()
    assert ports.unit().info == INFO


def test_a_unit_that_moved_may_go_home(ports: Ports) -> None:
    ports.unit()
    ports.move()
    ports.unit()
    ports.at.clear()
    ports.at[HERE.address] = replace(INFO, serial="B2")
    assert ports.unit().info.serial == "B2"
    assert ports.codes()[-1] == "reader.swapped"


@pytest.mark.parametrize("code", ["link.busy", "link.permission"])
def test_a_reader_that_is_there_but_closed_to_us_is_not_looked_for_elsewhere(ports: Ports, code: str) -> None:
    ports.at[HERE.address] = link_error(code, "x")
    ports.at[THERE] = INFO
    with pytest.raises(LinkError) as caught:
        ports.unit()
    assert caught.value.code == code
    assert ports.looks == 0


def test_a_port_that_refuses_is_passed_over(ports: Ports) -> None:
    del ports.at[HERE.address]
    ports.at[THERE] = link_error("link.busy", "x")
    ports.at["serial:/dev/ttyUSB2"] = INFO
    assert ports.unit().info == INFO


def test_going_is_said_once_and_coming_back_too(ports: Ports) -> None:
    ports.unit()
    assert ports.unit.present()
    del ports.at[HERE.address]
    assert not ports.unit.present()
    ports.unit.lost()
    ports.unit.doubt("link.disconnected")
    ports.at[HERE.address] = INFO
    ports.unit()
    assert ports.codes() == ["reader.attached", "reader.lost", "reader.attached"]


def test_a_reader_new_at_another_port_is_noticed_once_and_not_looked_for_all_the_time(ports: Ports) -> None:
    ports.unit()
    del ports.at[HERE.address]
    assert [ports.unit.present() for _ in range(9)] == [False] * 9
    assert ports.looks == 1
    ports.at[THERE] = INFO
    ports.clock.sleep(2.0)
    assert ports.unit.present()
    ports.clock.sleep(2.0)
    assert not ports.unit.present()  # it was tried, and was not ours


@pytest.mark.parametrize("code", sorted(hotplug.DOUBTFUL))
def test_a_doubtful_device_is_reset_before_it_is_opened_again(ports: Ports, code: str) -> None:
    ports.unit()
    ports.unit.doubt(code)
    ports.unit()
    ports.unit()
    assert ports.resets == [HERE.address]
    assert ports.codes()[-1] == "reader.reset"
    assert code in ports.unit.events()[-1].message


def test_a_fault_that_says_nothing_of_the_device_resets_nothing(ports: Ports) -> None:
    ports.unit()
    ports.unit.doubt("reader.password")
    ports.unit()
    assert ports.resets == []


def test_a_reset_that_fails_is_said_and_opening_goes_on(ports: Ports) -> None:
    def refuse(_: str) -> None:
        raise link_error("link.permission", "x")

    unit = Hotplug(HERE, ports.open_at, ports.clock, ports.look, reset=refuse)
    unit.doubt("link.timeout")
    assert unit().info == INFO
    assert "no answer" in unit.events()[0].message


def test_a_hung_driver_loses_its_link(ports: Ports) -> None:
    reader = ports.unit()
    ports.unit.free(reader)
    assert ports.made[0].closed == 1
    ports.unit()
    assert ports.resets == [HERE.address]
    assert "reader.hung" in ports.unit.events()[-1].message


def test_units_without_a_serial_number_cannot_be_told_apart() -> None:
    nameless = replace(INFO, serial="unknown")
    assert hotplug.same_unit(nameless, replace(nameless, firmware="2"))
    assert not hotplug.same_unit(nameless, INFO)


def test_only_the_newest_events_are_kept(ports: Ports) -> None:
    for number in range(100):
        ports.at[HERE.address] = replace(INFO, serial=str(number))
        ports.unit()
    assert len(ports.unit.events()) == 32


# ---------------------------------------------------------------- the machine


def test_presence_is_read_from_the_kernel(tmp_path: Path) -> None:
    for name, value in (("idVendor", "05ba\n"), ("idProduct", "000a\n")):
        (tmp_path / "1-2").mkdir(exist_ok=True)
        (tmp_path / "1-2" / name).write_text(value)
    (tmp_path / "1-3").mkdir()
    assert hotplug.is_there("usb:05ba:000a@1-2", tmp_path)
    assert hotplug.is_there("usb:05ba:000a", tmp_path)
    assert not hotplug.is_there("usb:05ba:000b", tmp_path)
    assert not hotplug.is_there("usb:05ba:000a@1-3", tmp_path)
    assert hotplug.is_there("usb:05ba:000a", tmp_path / "none")  # no sysfs: cannot be known
    assert hotplug.is_there("unix:/x", tmp_path)
    assert hotplug.is_there("serial:/dev/null")
    assert not hotplug.is_there("serial:/dev/no-such-tty")


def test_a_usb_device_is_reset_and_a_serial_one_only_opened_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(usb, "reset", lambda *place: asked.append(place))
    hotplug.reset_device("usb:05ba:000a@1-2")
    hotplug.reset_device("serial:/dev/x")
    assert asked == [(0x05BA, 0x000A, "1-2")]


class _Device:
    bus, port_numbers = 1, (2,)
    idVendor, idProduct = 1, 2  # noqa: N815  pyusb's names

    def __init__(self, error: Exception | None = None) -> None:
        self.error, self.done = error, 0

    def reset(self) -> None:
        self.done += 1
        if self.error:
            raise self.error


def test_the_port_reset_finds_the_device_by_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    device = _Device()
    monkeypatch.setattr(usb.usb.core, "find", lambda **_: [device])
    monkeypatch.setattr(usb.usb.util, "dispose_resources", lambda _: None)
    usb.reset(1, 2, "1-2")
    assert device.done == 1
    with pytest.raises(LinkError) as caught:
        usb.reset(1, 2, "1-9")
    assert caught.value.code == "link.not_found"
    device.error = usb.bus_error(13)
    with pytest.raises(LinkError) as caught:
        usb.reset(1, 2)
    assert caught.value.code == "link.permission"


# ---------------------------------------------------------------- in the service


def test_the_service_lets_go_of_a_reader_that_went_and_opens_it_when_it_is_back(ports: Ports) -> None:
    desk = CaptureService(ports.unit, SystemClock(), watch=ports.unit)
    desk.look()
    assert desk.status()["attached"] is True
    desk._reopen()
    assert desk.status()["state"] == "idle"
    del ports.at[HERE.address]
    desk.look()
    assert desk.status()["attached"] is False
    assert desk.status()["state"] == "closed"
    assert ports.made[0].closed == 1
    desk.look()
    ports.at[HERE.address] = INFO
    desk.look()
    assert desk.status()["state"] == "idle"
    assert [one["code"] for one in desk.status()["events"]] == [
        "reader.attached",
        "reader.lost",
        "reader.attached",
    ]
    assert desk.status()["serial"] == "A1"


def test_the_service_does_not_look_while_it_captures(ports: Ports) -> None:
    desk = CaptureService(ports.unit, SystemClock(), watch=ports.unit)
    del ports.at[HERE.address]
    with desk._busy:
        desk.look()
    assert desk.status()["attached"] is True
    CaptureService(ports.unit, SystemClock()).look()  # without a watch there is nothing to look at


def test_the_service_frees_what_hangs(ports: Ports) -> None:
    desk = CaptureService(ports.unit, SystemClock(), watch=ports.unit)
    desk._reopen()
    release = threading.Event()
    job = Job(lambda _: release.wait(20) and None, SystemClock())
    assert desk._abandon(job).code == "reader.hung"
    assert ports.made[0].closed == 1
    release.set()
    assert job.finish(5)


def test_a_reader_that_hangs_at_opening_does_not_stop_the_service(
    ports: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    monkeypatch.setattr(service, "_CLOSE_S", 0.05)

    def hang() -> Any:
        release.wait(20)
        raise link_error("link.timeout", "x")

    desk = CaptureService(hang, SystemClock(), watch=ports.unit)
    desk._reopen()
    assert desk.status()["abandoned"] == 1
    release.set()


# ---------------------------------------------------------------- a pty that disappears and comes back


class Cable:
    """A simulated tenprint reader on a pty under a name that stays, as udev's symlinks do."""

    def __init__(self, name: Path) -> None:
        self.name = name
        self._stop = threading.Event()
        self._thread: Background | None = None

    def plug(self, seed: int = 1) -> None:
        self._stop.clear()
        self._end = PtyEnd(self.name)
        device = Fap60Device(rigs.person(seed=seed), load("fap60-simulated"))
        self._thread = Background(tty.run, device, self._end, SystemClock(), self._stop.is_set)

    def pull(self) -> None:
        if self._thread is not None:
            self._stop.set()
            self._thread.end()
            self._end.unplug()
            self._thread = None


@pytest.fixture
def cables(tmp_path: Path) -> Iterator[Callable[[str], Cable]]:
    made: list[Cable] = []

    def cable(name: str) -> Cable:
        made.append(Cable(tmp_path / name))
        return made[-1]

    yield cable
    for one in made:
        one.pull()


class Served:
    """The capture service as the verb wires it, in a thread; looking for candidates in a folder of ptys."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.socket = folder, folder / "s.sock"
        clock = SystemClock()

        def open_at(place: Place) -> Any:
            return registry.open_reader(place.driver, place.profile, place.address, {}, clock)

        place = Place("fap60", "fap60-simulated", f"serial:{folder / 'tty0'}")
        self.unit = Hotplug(place, open_at, clock, self.look)
        self._stop, ready = threading.Event(), threading.Event()
        self._thread = Background(
            service.serve, self.unit, self.socket, clock, lambda: None,
            stop=self._stop.is_set, ready=ready.set, watch=self.unit,
        )  # fmt: skip
        assert ready.wait(PATIENCE_S), "the service did not start"

    def look(self) -> list[Candidate]:
        return [
            Candidate(
                path.name, "fap60", "fap60-simulated", f"serial:{path}", "", certain=False, simulated=False
            )
            for path in sorted(self.folder.glob("tty*"))
        ]

    def until(self, code: str) -> list[dict[str, str]]:
        """The service's events once one of that code is among them."""

        def events() -> list[dict[str, str]]:
            found: list[dict[str, str]] = RemoteReader(self.socket).status()["events"]
            return found if any(one["code"] == code for one in found) else []

        return until(events, f"the event {code}")

    def stop(self) -> None:
        self._stop.set()
        self._thread.end()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path)
    yield made
    made.stop()


ROLL = CaptureRequest(CaptureKind.ROLL, (1,))


def test_a_cable_pulled_and_plugged_elsewhere_is_the_same_unit(
    cables: Callable[[str], Cable], served: Served
) -> None:
    first, second = cables("tty0"), cables("tty1")
    first.plug()
    reader = RemoteReader(served.socket)
    reader.open()
    before = reader.info
    first.pull()
    served.until("reader.lost")
    with pytest.raises(ReaderFault) as caught:
        reader.open()
    assert caught.value.code == "link.not_found"
    second.plug()
    reader.open()
    assert reader.info == before
    assert [one["code"] for one in served.until("reader.moved")][:2] == ["reader.attached", "reader.lost"]
    assert reader.capture(ROLL).reader == before


def test_a_reader_exchanged_in_the_middle_of_a_set_is_noticed(
    cables: Callable[[str], Cable], served: Served
) -> None:
    cable = cables("tty0")
    cable.plug(1)
    reader = RemoteReader(served.socket)
    reader.open()
    first = reader.capture(ROLL)
    cable.pull()
    served.until("reader.lost")
    cable.plug(2)
    message = served.until("reader.swapped")[-1]["message"]
    assert "SIM-00000001" in message
    assert "SIM-00000002" in message
    reader.open()
    assert reader.capture(ROLL).reader.serial != first.reader.serial
