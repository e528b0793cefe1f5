"""What the operating system and the devices refuse, and what that means: tables typed from the meaning of each error.

Sources: errno(3), libusb's and the kernel's use of it (Documentation/driver-api/usb/error-codes.rst), FpDeviceRetry of
libfprint, docs/readers/faults.md. Both directions: what is not in a table has the usual code.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping
from types import ModuleType

import pytest
import usb.core

from drivers import capture_socket, hotplug, links, remote
from drivers.errors import CaptureRetry, DriverError, LinkError, ReaderFault
from drivers.links import serial as serial_link
from drivers.links import usb as usb_link
from drivers.models import _sfm_line, fap60, gt521, libfprint, nb1010, sfm, upektc, uru4500, zfm
from drivers.wires import upektc as upek_wire

NUMBERS = sorted(errno.errorcode)

# error: an open USB device; a serial port while it is opened; the socket of the capture service.
# `-`: the usual answer, which is link.io.
# EAGAIN at a serial port is its exclusive lock, ENOTTY and EINVAL a file that is no line.
MEANING = """
                usb           serial      service
EPERM           permission    permission  permission
ENOENT          not_found     not_found   not_found
EIO             io            -           -
ENXIO           -             not_found   -
EAGAIN          -             busy        -
EACCES          permission    permission  permission
EBUSY           busy          busy        -
ENODEV          disconnected  not_found   -
EINVAL          -             settings    -
ENOTTY          -             settings    -
EPIPE           stall         -           -
EPROTO          io            -           -
EOVERFLOW       io            -           -
EILSEQ          io            -           -
ESHUTDOWN       disconnected  -           -
ETIMEDOUT       timeout       -           -
ECONNREFUSED    -             -           not_found
"""
ROWS = {words[0]: words[1:] for words in (line.split() for line in MEANING.strip().splitlines()[1:])}


def expected(column: int, number: int) -> str:
    word = ROWS.get(errno.errorcode[number], ["-"] * 3)[column]
    return "link.io" if word == "-" else f"link.{word}"


@pytest.mark.parametrize(
    ("column", "table"), list(enumerate((usb_link._CODES, serial_link._CODES, remote._CODES)))
)
def test_each_error_of_the_system_has_the_code_of_its_meaning(column: int, table: Mapping[int, str]) -> None:
    assert {number: table.get(number, "link.io") for number in NUMBERS} == {
        number: expected(column, number) for number in NUMBERS
    }


def test_an_error_of_the_usb_library_becomes_its_code() -> None:
    for number in NUMBERS:
        error = usb_link._error(usb.core.USBError("x", errno=number), "doing")
        assert (number, error.code) == (number, expected(0, number))


def test_an_error_of_opening_a_serial_port_becomes_its_code() -> None:
    link = serial_link.SerialLink("/dev/x", 9600)
    for number in NUMBERS:
        assert link._open_error(OSError(number, os.strerror(number))).code == expected(1, number)
        assert link._open_error(serial_link.termios.error(number, "x")).code == expected(1, number)
    assert link._open_error(ValueError("no such speed")).code == "link.settings"
    assert link._open_error(OSError("without a number")).code == "link.io"


LINK_CODES = "not_found permission busy disconnected timeout stall io settings no_backend address"


def test_every_code_of_a_link_has_advice_and_there_is_no_other() -> None:
    assert set(links.ADVICE) == {f"link.{word}" for word in LINK_CODES.split()}
    for code in links.ADVICE:
        error = links.link_error(code, "x")
        assert (type(error), error.code, error.advice) == (LinkError, code, links.ADVICE[code])


# sets of codes that decide what happens next


@pytest.mark.parametrize(
    ("found", "meant"),
    [
        # the device is gone, so its coming back is waited for
        (hotplug._GONE, "link.not_found link.disconnected"),
        # it answers no longer as it should: it is reset before it is opened again
        (hotplug.DOUBTFUL, "link.timeout link.stall link.io reader.no_answer reader.hung"),
        # this request was refused; the reader is as it was
        (remote._HARMLESS, "reader.busy reader.kind reader.request"),
        # bytes were lost: the picture is taken again
        (upektc._HEALS, "link.timeout link.io"),
        (nb1010._HEALS, "link.timeout link.io"),
    ],
)
def test_the_codes_that_decide_are_these(found: object, meant: str) -> None:
    assert sorted(found) == sorted(meant.split())  # type: ignore[call-overload]


def test_a_zfm_module_without_a_finger_says_so_in_four_ways() -> None:
    assert sorted(zfm._NO_PICTURE) == [0x02, 0x03, 0x06, 0x07]


def test_an_sfm_module_is_asked_again_after_these_answers() -> None:
    # scan failed, try again, timed out, continue, busy, cancelled
    assert sorted(_sfm_line.AGAIN) == [0x63, 0x6B, 0x6C, 0x74, 0x80, 0x81]


def test_a_fap60_reader_tells_these_things_unasked() -> None:
    assert sorted(fap60._EVENTS) == [0x90, 0x91, 0x92, 0x9F]


def test_libfprints_retries_are_numbered_as_in_its_enumeration() -> None:
    # FpDeviceRetry: 0 general, 1 too short, 2 center finger, 3 remove finger
    assert libfprint._RETRIES == {1: "capture.too_short", 2: "capture.moved", 3: "capture.moved"}


def test_a_upek_sensor_asks_the_person_again_for_these_statuses() -> None:
    assert {status: words[0] for status, words in upektc._RETRIES.items()} == {
        0x1E: "capture.too_short",
        0x1D: "capture.moved",
    }
    assert upek_wire.TOO_SHORT != upek_wire.MOVED


# options of the drivers, and faults with their advice

OPTIONS: dict[ModuleType, str] = {
    zfm: "password baud",
    gt521: "baud",
    sfm: "baud",
    uru4500: "host_seed",
    upektc: "",
    nb1010: "",
    libfprint: "",
}


@pytest.mark.parametrize("model", OPTIONS, ids=lambda one: one.__name__.rpartition(".")[2])
def test_a_driver_takes_these_options(model: ModuleType) -> None:
    assert tuple(model.OPTIONS) == tuple(OPTIONS[model].split())


FAULTS: list[tuple[Callable[[str, str], ReaderFault], str]] = [
    (zfm._fault, "option no_answer refused password image_damaged noise geometry"),
    (gt521._fault, "option no_answer refused firmware image_damaged noise geometry"),
    (_sfm_line.fault, "option no_answer refused locked image_damaged noise geometry"),
    (fap60._fault, "identity no_answer refused device_fault protocol image_damaged image_late geometry"),
    (uru4500._fault, "option auth power image_damaged"),
    (upektc._fault, "protocol geometry image_damaged"),
    (nb1010._fault, "protocol image_damaged"),
    (libfprint._fault, "libfprint_missing libfprint no_answer protocol geometry"),
]


@pytest.mark.parametrize(("make", "codes"), FAULTS, ids=[make.__module__ for make, _ in FAULTS])
def test_every_fault_of_a_driver_says_what_to_do(make: Callable[[str, str], ReaderFault], codes: str) -> None:
    for code in codes.split():
        fault = make(f"reader.{code}", "x")
        assert (fault.code, bool(fault.advice)) == (f"reader.{code}", True)


# errors cross the capture socket as what they are


@pytest.mark.parametrize("kind", [DriverError, CaptureRetry, ReaderFault, LinkError])
def test_an_error_crosses_the_capture_socket_as_what_it_is(kind: type[DriverError]) -> None:
    crossed = capture_socket.ErrorHead.of(kind("a.b", "what", "how")).error()
    assert (type(crossed), crossed.code, crossed.message, crossed.advice) == (kind, "a.b", "what", "how")


def test_an_error_of_another_release_is_a_fault_of_the_reader() -> None:
    class Newer(LinkError):
        """A kind that the other side does not know."""

    head = capture_socket.ErrorHead.of(Newer("link.io", "x"))
    assert type(head.error()) is LinkError
    assert type(capture_socket.ErrorHead("Strange", "a", "b", "c").error()) is ReaderFault
