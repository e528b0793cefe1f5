"""Every command, answer and code of the wires against a second table, typed from the makers' documents.

Sources: ZFM-20 user manual v2.0 and R503 manual v1.2.2; SparkFun's GT-511C3 header; Suprema's UF_Protocol_Manual and
UF_Error.h; libfprint 1.94.10 and recordings for the USB readers; docs/readers/fap60-protocol.md;
drivers/vendor/livescan_reader.h. The tables hold exactly what a driver uses: a number too many fails as well.
"""

from __future__ import annotations

import enum
import re
from pathlib import Path

import pytest

from drivers.errors import DriverError
from drivers.links import vendor_abi, vendor_library
from drivers.models import uru4500
from drivers.models import vendor_sdk as vendor_driver
from drivers.wires import fap60, gt521, nb1010, sfm, upektc, uru4000, zfm

# enumeration: number in hexadecimal and name, comma
MEANING: list[tuple[type[enum.IntEnum], str]] = [
    (zfm.Pid, "01 COMMAND, 02 DATA, 07 ACK, 08 END"),
    (
        zfm.Op,
        "01 GEN_IMG, 0A UP_IMAGE, 0E SET_SYS_PARA, 0F READ_SYS_PARA, 13 VFY_PWD, 3C READ_PROD_INFO",
    ),
    (
        zfm.Code,
        "00 OK, 01 PACKET_ERROR, 02 NO_FINGER, 03 CAPTURE_FAILED, 06 MESSY, 07 FEW_FEATURES, 0F CANNOT_SEND_IMAGE,"
        "13 WRONG_PASSWORD, 1A BAD_REGISTER, 21 PASSWORD_NEEDED",
    ),
    (
        gt521.Op,
        "01 OPEN, 04 CHANGE_BAUDRATE, 12 CMOS_LED, 26 IS_PRESS_FINGER, 60 CAPTURE_FINGER, 62 GET_IMAGE,"
        "63 GET_RAW_IMAGE",
    ),
    (
        gt521.Code,
        "1001 TIMEOUT, 1002 BAD_BAUDRATE, 1006 COMMUNICATION, 100C BAD_FINGER, 100E UNSUPPORTED, 100F DEVICE,"
        "1010 CANCELLED, 1011 BAD_PARAMETER, 1012 NOT_PRESSED",
    ),
    (
        sfm.Op,
        "01 WRITE, 03 READ, 15 SCAN, 20 READ_IMAGE, 60 CANCEL, 83 SCAN_BLOCKS, 84 READ_BLOCKS",
    ),
    (
        sfm.Param,
        "62 SCAN_TIMEOUT, 67 ENCRYPTION, 6C IMAGE_FORMAT, 6E FIRMWARE, 6F SERIAL, 71 BAUD, 75 TELL_SCAN",
    ),
    (
        sfm.Code,
        "61 OK, 62 SCANNED, 63 SCAN_FAILED, 69 NOT_FOUND, 6B TRY_AGAIN, 6C TIMED_OUT, 74 CONTINUE, 75 UNSUPPORTED,"
        "80 BUSY, 81 CANCELLED, 82 DATA_ERROR, 83 DATA_OK, 90 REJECTED, A1 LOCKED, B0 FAKE",
    ),
    (
        fap60.Type,
        "01 IDENTIFY, 02 LAMPS, 03 START, 04 CANCEL, 05 STATUS, 06 RESEND, 81 IDENTITY, 82 ACK, 85 STATUS_IS,"
        "90 FINGER, 91 PREVIEW, 92 FINAL, 9F FAULT",
    ),
    (fap60.Ack, "0 OK, 1 MALFORMED, 2 UNKNOWN, 3 BUSY, 4 NO_IMAGE"),
    (fap60.Finger, "0 NONE, 1 SETTLING, 2 SETTLED"),
]

# module: number in hexadecimal and name of a constant, comma
CONSTANTS = [
    (gt521, "30 ACK, 31 NACK, 1 DEVICE_ID"),
    (sfm, "40 START, 0A END, 30 GRAY, 32 TWO_SECONDS"),
    (fap60, "1 VERSION, 400000 MAX_PAYLOAD, 10 HEADER_BYTES, 14 OVERHEAD_BYTES, 0 RAW, 1 ZLIB"),
    (nb1010, "30 FINGER_LEVEL, 100 WIDTH, B4 HEIGHT, 10 ANSWER_BYTES, 21C PIECE_BYTES, 5A PIECES"),
    (
        upektc,
        "00 COMMAND, 03 READY, 04 POWER, 05 POWER_SET, 07 RESET, 01 RESET_DONE, 08 ALIVE, 09 ALIVE_TOO,"
        "28 STATUS, 2C FIRST_PART, 24 NEXT_PART, 20 LAST_PART,"
        "0C NO_FINGER, 13 KEEP_FINGER, 00 FINGER, 01 LIFTED, 1E TOO_SHORT, 1D MOVED, 40 FIRST_READ, 7C4 REST_READ",
    ),
    (
        uru4000,
        "01 NOT_IN_DATA, 02 SCRAMBLED, 04 KEEP_KEY, 80 CHANGE_KEY, 180 WIDTH, 122 MAX_LINES, 40 HEADER_BYTES,"
        "0F BLOCKS, 1B340 READ_BYTES",
    ),
    (
        uru4500,
        "04 _REQUEST, 81 _INTERRUPT, 82 _BULK, 07 _HWSTAT, 33 _SCRAMBLE_INDEX, 34 _SCRAMBLE_KEY, 4E _MODE, F0 _INFO,"
        "2000 _RESPONSE, 2010 _CHALLENGE, 10 _AWAIT_ON, 12 _AWAIT_OFF, 20 _CAPTURE, 70 _OFF, 80 _LOW_POWER,"
        "56AA _POWER_ON, 0101 _FINGER_ON, 0200 _FINGER_OFF, 0800 _DEATH",
    ),
    (zfm, "FFFFFFFF BROADCAST, 100 MAX_PAYLOAD, 10 PARAMETERS_BYTES, 2E PRODUCT_BYTES"),
]


def numbers(text: str) -> dict[str, int]:
    """`0A NAME, 0B OTHER` as {"NAME": 10, "OTHER": 11}."""
    pairs = (entry.split() for entry in text.split(",") if entry.strip())
    return {name: int(number, 16) for number, name in pairs}


@pytest.mark.parametrize(("codes", "text"), MEANING, ids=[f"{e.__module__}.{e.__name__}" for e, _ in MEANING])
def test_a_wire_has_the_numbers_of_its_document_and_no_other(codes: type[enum.IntEnum], text: str) -> None:
    assert {name: int(code) for name, code in codes.__members__.items()} == numbers(text)


@pytest.mark.parametrize(("module", "text"), CONSTANTS, ids=[module.__name__ for module, _ in CONSTANTS])
def test_the_constants_of_a_wire_are_those_of_its_document(module: object, text: str) -> None:
    wanted = numbers(text)
    assert {name: int(getattr(module, name)) for name in wanted} == wanted


def test_zfm_says_every_code_of_the_manuals_in_words() -> None:
    known = "00 01 02 03 06 07 0E 0F 13 15 18 19 1A 1B 1C 1D 20 21"  # of those that a capture can meet
    assert sorted(zfm.CODE_TEXT) == [int(code, 16) for code in known.split()]
    assert len(set(zfm.CODE_TEXT.values())) == len(zfm.CODE_TEXT)


def test_the_packet_codes_of_zfm_are_the_sizes_of_system_parameter_6() -> None:
    assert dict(enumerate(zfm.PACKET_SIZES)) == {0: 32, 1: 64, 2: 128, 3: 256}


def test_the_baud_codes_of_sfm_are_those_of_parameter_71() -> None:
    assert dict(sfm.BAUDS) == {
        0x31: 9600, 0x32: 19200, 0x33: 38400, 0x34: 57600, 0x35: 115200, 0x36: 230400, 0x37: 460800, 0x38: 921600,
    }  # fmt: skip


def test_the_sensors_of_upek_are_those_of_the_public_driver() -> None:
    assert [(one.name, one.width, one.height, one.area, one.size) for one in upektc.SENSORS] == [
        ("TCS1", 256, 360, True, (192, 270)),
        ("TCS2", 208, 288, True, (156, 216)),
        ("TCS3", 248, 360, True, (186, 270)),
        ("TCS4", 192, 512, False, (144, 384)),
        ("TCS5", 144, 512, False, (108, 384)),
    ]


def test_the_kinds_of_fap60_are_numbered_as_its_page_says() -> None:
    assert fap60.KIND_CODES == {"roll": 1, "plain": 2, "slap": 3}
    assert fap60.KIND_NAMES == {1: "roll", 2: "plain", 3: "slap"}


# the vendors' interface: the C header is the document


@pytest.fixture(scope="module")
def header(repo: Path) -> dict[str, int]:
    """The defines of livescan_reader.h by name, without LSR_."""
    text = (repo / "drivers/vendor/livescan_reader.h").read_text("utf-8")
    return {name: int(value) for name, value in re.findall(r"#define LSR_(\w+) \(?(-?\d+)u?\)?", text)}


def test_the_vendor_interface_has_the_numbers_of_its_header(header: dict[str, int]) -> None:
    errors = {name.removeprefix("E_"): value for name, value in header.items() if name.startswith("E_")}
    assert {code.name: int(code) for code in vendor_abi.Code} == {"OK": 0} | errors
    assert {phase.name: int(phase) for phase in vendor_abi.Phase} == {
        name: header[name] for name in ("IDLE", "AWAIT", "CAPTURE", "DONE", "RETRY")
    }
    assert {kind: header[kind.upper()] for kind in ("roll", "plain", "slap")} == vendor_abi.KIND_BITS
    assert (header["PREVIEW"], header["FINAL"]) == (vendor_abi.PREVIEW, vendor_abi.FINAL)
    assert header["VERSION"] == vendor_abi.VERSION
    assert (header["CALL_MS"] / 1000, header["OPEN_MS"] / 1000) == (vendor_abi.CALL_S, vendor_abi.OPEN_S)


def test_each_reason_of_a_vendor_to_try_again_has_its_own_code(header: dict[str, int]) -> None:
    meaning = {
        "LIFTED_EARLY": "capture.lifted_early",
        "MOVED": "capture.moved",
        "BAD_ROLL": "capture.bad_roll",
        "DIRTY": "capture.dirty_platen",
    }
    found = {number: reason[0] for number, reason in vendor_driver._REASONS.items()}
    assert found == {header[name]: code for name, code in meaning.items()}


# Answer of the library: fault of the reader. ARGUMENT, STATE: mistakes of ours. UNSUPPORTED: another kind of unit.
REFUSALS = """
ARGUMENT     reader.device_fault
VERSION      reader.library
NOT_FOUND    link.not_found
PERMISSION   link.permission
BUSY         link.busy
GONE         link.disconnected
IO           link.io
TIMEOUT      link.timeout
STATE        reader.device_fault
LICENCE      reader.licence
UNSUPPORTED  reader.device_fault
DEVICE       reader.device_fault
"""


def test_each_refusal_of_a_vendor_becomes_the_fault_of_its_meaning(header: dict[str, int]) -> None:
    library = vendor_library.VendorLibrary("x.so", lambda: None)  # type: ignore[arg-type, return-value]
    meaning = dict(line.split() for line in REFUSALS.strip().splitlines())
    assert set(meaning) == {name.removeprefix("E_") for name in header if name.startswith("E_")}
    for name, code in meaning.items():
        with pytest.raises(DriverError) as caught:
            library._require_done(header[f"E_{name}"], "open")
        assert (name, caught.value.code) == (name, code)


def test_success_of_a_vendor_is_no_fault_and_a_number_without_a_name_is_a_breach() -> None:
    library = vendor_library.VendorLibrary("x.so", lambda: None)  # type: ignore[arg-type, return-value]
    for answer in (0, 1, 7):
        library._require_done(answer, "poll")
    with pytest.raises(DriverError) as caught:
        library._require_done(-13, "poll")
    assert caught.value.code == "reader.library"
