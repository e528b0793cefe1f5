"""Forms of addresses, the search for a line's speed and the wait for its silence, each at its edge."""

from __future__ import annotations

import pytest

from drivers.errors import LinkError
from drivers.links import address, link_error, stream
from drivers.sim.clock import VirtualClock

ADDRESSES = {
    "serial:/dev/ttyUSB0": address.Address("serial", "/dev/ttyUSB0"),
    "unix:/run/x.sock": address.Address("unix", "/run/x.sock"),
    "libfprint:any": address.Address("libfprint", "any"),
    "usb:05ba:000a": address.Address("usb", vendor=0x05BA, product=0x000A),
    "usb:05BA:000A@1-2.3": address.Address("usb", vendor=0x05BA, product=0x000A, where="1-2.3"),
    "sdk:/a.so": address.Address("sdk", "/a.so"),
    "sdk:/a.so?unit=0": address.Address("sdk", "/a.so"),
    "sdk:/a.so?unit=999": address.Address("sdk", "/a.so", unit=999),
}


@pytest.mark.parametrize("text", ADDRESSES)
def test_each_form_of_address_has_its_parts(text: str) -> None:
    assert address.parse(text) == ADDRESSES[text]


@pytest.mark.parametrize(
    "text",
    [
        "", "serial", "serial:", "unix:", "libfprint:", "usb:", "usb:5ba:000a", "usb:05ba:000", "usb:05ba:000a@1",
        "usb:05ba:000a@1-", "usb:05ba:000a@1-2.", "sdk:a.so", "sdk:/a.so?unit=1000", "sdk:/a.so?unit=", "http:x",
        "Serial:/dev/x",
    ],
)  # fmt: skip
def test_what_is_none_of_the_forms_is_refused(text: str) -> None:
    with pytest.raises(LinkError) as caught:
        address.parse(text)
    assert caught.value.code == "link.address"


# finding the speed of a line


class Line:
    """A link that takes some speeds."""

    def __init__(self, refuses: tuple[int, ...] = ()) -> None:
        self.refuses = refuses
        self.baud = 0

    def set_baud(self, baud: int) -> None:
        if baud in self.refuses:
            raise link_error("link.settings", "no")
        self.baud = baud


def tried(*bauds: int, refuses: tuple[int, ...] = (), rounds: int = 2) -> list[int]:
    asked: list[int] = []

    def answers(baud: int) -> bool:
        asked.append(baud)
        return False

    assert stream.find_baud(Line(refuses), bauds, answers, rounds) is None  # type: ignore[arg-type]
    return asked


def test_the_likeliest_speed_is_tried_twice_and_after_every_two_others() -> None:
    once = [1, 1, 2, 3, 1, 4, 5, 1, 6, 1]
    assert tried(1, 2, 3, 4, 5, 6, rounds=1) == once
    assert tried(1, 2, 3, 4, 5, 6) == once * 2
    assert tried(7) == [7, 7] * 2
    assert tried(1, 2, 1, 2, rounds=1) == [1, 1, 2, 1], "no speed counts twice"
    assert tried(1, 2, 3, refuses=(1, 3), rounds=1) == [2], "what the adapter refuses is passed over"


def test_the_speed_that_answers_ends_the_search() -> None:
    assert stream.find_baud(Line(), (1, 2, 3), lambda baud: baud == 3) == 3  # type: ignore[arg-type]


def test_a_link_that_breaks_ends_the_search() -> None:
    class Broken(Line):
        def set_baud(self, baud: int) -> None:
            raise link_error("link.disconnected", "gone")

    with pytest.raises(LinkError, match="gone"):
        stream.find_baud(Broken(), (1,), lambda _: True)  # type: ignore[arg-type]


class Chatter:
    """Bytes every so often, so many times; then silence."""

    def __init__(self, clock: VirtualClock, every_s: float, times: int) -> None:
        self.clock, self.every_s, self.left = clock, every_s, times
        self.asked: list[tuple[int, float]] = []

    def read(self, limit: int, timeout_s: float) -> bytes:
        self.asked.append((limit, timeout_s))
        if self.left and self.every_s <= timeout_s:
            self.left -= 1
            self.clock.sleep(self.every_s)
            return b"x"
        self.clock.sleep(timeout_s)
        raise link_error("link.timeout", "silent")


@pytest.mark.parametrize(("times", "quiet"), [(0, True), (9, True), (10, False), (11, False)])
def test_a_line_is_quiet_when_nothing_comes_for_so_long_before_the_time_is_up(
    times: int, quiet: bool
) -> None:
    clock = VirtualClock()
    line = Chatter(clock, 0.1, times)
    checks: list[int] = []
    assert stream.drain(line, clock, 0.2, 1.0, lambda: checks.append(1)) == quiet  # type: ignore[arg-type]
    assert len(checks) == min(times, 10)


def test_silence_is_no_bytes_and_another_fault_passes() -> None:
    clock = VirtualClock()
    line = Chatter(clock, 0.1, 1)
    assert stream.read_some(line, 0.5) == b"x"  # type: ignore[arg-type]
    assert stream.read_some(line, -1.0) == b""  # type: ignore[arg-type]
    assert line.asked == [(4096, 0.5), (4096, 0.0)]

    class Gone:
        def read(self, limit: int, timeout_s: float) -> bytes:
            raise link_error("link.disconnected", "gone")

    with pytest.raises(LinkError):
        stream.read_some(Gone(), 0.1)  # type: ignore[arg-type]
