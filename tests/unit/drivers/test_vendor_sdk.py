"""A vendor's library that lies, writes too far, hangs or is not there: typed faults, never a wrong image."""

from __future__ import annotations

import ctypes as c
import re
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import registry
from drivers.clock import SystemClock
from drivers.errors import CaptureRetry, DriverError, ReaderFault
from drivers.links import vendor_abi as wire
from drivers.links import vendor_library
from drivers.links.address import parse
from drivers.links.own_thread import OwnThread
from drivers.links.vendor_abi import Code, Phase, WireError
from drivers.links.vendor_library import VendorLibrary, entry_of
from drivers.models import vendor_sdk
from drivers.reader import CaptureKind, CaptureRequest, ReaderState
from drivers.sim import rig as rigs
from drivers.sim.clock import VirtualClock
from drivers.sim.peers.vendor_sdk import SdkDevice, rig_around
from drivers.sim.rig import Rig
from firmware_profiles.profile import load
from tests.sdk_example import VENDOR, example_library

REQUEST = CaptureRequest(CaptureKind.PLAIN, (2,), finger_s=5.0, lift_s=5.0)


@pytest.fixture
def device() -> SdkDevice:
    return SdkDevice(rigs.person(), VirtualClock())


def bench(device: SdkDevice, call_s: float = 5.0) -> Rig:
    return rig_around(device, device.clock, call_s)


def changed(device: SdkDevice, name: str, change: Callable[..., None]) -> None:
    """The call does what it should, and then change(*arguments) spoils the answer."""
    honest = getattr(device, f"_{name}")

    def call(*arguments: object) -> int:
        answer: int = honest(*arguments)
        change(*arguments)
        return answer

    device.answers[name] = call


def open_and_capture(rig: Rig) -> None:
    rig.reader.open()
    rig.reader.capture(REQUEST)


def fault_of(device: SdkDevice) -> ReaderFault:
    rig = bench(device)
    with pytest.raises(ReaderFault) as caught:
        open_and_capture(rig)
    assert rig.reader.state is ReaderState.FAULT
    assert caught.value.advice
    return caught.value


def set_value(name: str, value: object) -> Callable[..., None]:
    return lambda *arguments: setattr(arguments[-1][0], name, value)


@pytest.mark.parametrize(
    ("call", "field", "value"),
    [
        ("info", "ppi", 0),
        ("info", "ppi", 0xFFFFFFFF),
        ("info", "ppi", 5000),
        ("info", "preview_ppi", 1),
        ("info", "preview_ppi", 1000),
        ("info", "max_width", 0),
        ("info", "max_width", 0x80000000),
        ("info", "max_height", 5000),
        ("info", "max_height", 0),
        ("info", "kinds", 0),
        ("info", "kinds", 8),
        ("info", "fap", 61),
        ("info", "simulated", 2),
        ("info", "make", b""),
        ("info", "model", b""),
        ("info", "make", b"\xff\xfe"),
        ("info", "serial", b"REAL-1"),
        ("info", "firmware", b"1.0\x1b[2J"),
        ("info", "model", b"x" * 64),
        ("poll", "phase", 5),
        ("poll", "phase", 0xFFFFFFFF),
        ("poll", "phase", Phase.IDLE),
        ("poll", "present", 7),
        ("frame", "width", 0),
        ("frame", "height", 0),
        ("frame", "width", 801),
        ("frame", "height", 0xFFFFFFF0),
        ("frame", "ppi", 381),
    ],
)
def test_an_absurd_value_is_a_fault_that_names_the_library(
    device: SdkDevice, call: str, field: str, value: object
) -> None:
    changed(device, call, set_value(field, value))
    assert fault_of(device).code == "reader.library"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Code.NOT_FOUND, "link.not_found"),
        (Code.PERMISSION, "link.permission"),
        (Code.BUSY, "link.busy"),
        (Code.GONE, "link.disconnected"),
        (Code.IO, "link.io"),
        (Code.TIMEOUT, "link.timeout"),
        (Code.LICENCE, "reader.licence"),
        (Code.ARGUMENT, "reader.device_fault"),
        (Code.STATE, "reader.device_fault"),
        (Code.DEVICE, "reader.device_fault"),
        (Code.VERSION, "reader.library"),
        (-99, "reader.library"),
        (-(2**31), "reader.library"),
    ],
)
@pytest.mark.parametrize("call", ["open", "info", "start", "poll", "frame"])
def test_every_negative_answer_of_every_call_is_a_typed_fault(
    device: SdkDevice, call: str, answer: int, code: str
) -> None:
    device.answers[call] = lambda *_: answer
    assert fault_of(device).code == code


@pytest.mark.parametrize("call", ["open", "info", "start", "poll", "frame", "cancel"])
def test_after_each_trouble_the_next_capture_is_right(device: SdkDevice, call: str) -> None:
    rig = bench(device)
    device.answers[call] = lambda *_: Code.IO
    with pytest.raises(DriverError):
        open_and_capture(rig)
    device.answers.clear()
    rig.reader.open()
    frame = rig.reader.capture(REQUEST)
    assert (frame.pixels == rig.placed[-1].pixels).all()
    rig.reader.close()
    assert not device.held


def test_the_librarys_own_words_are_in_the_message_without_control_characters(device: SdkDevice) -> None:
    device._words = b"lamp\x1b[31m broken \xff"
    device.answers["start"] = lambda *_: Code.DEVICE
    assert "start answered -12: lamp [31m broken" in fault_of(device).message


def test_a_failing_last_error_does_not_hide_the_fault(device: SdkDevice) -> None:
    device.answers |= {"start": lambda *_: Code.GONE, "last_error": lambda *_: Code.DEVICE}
    assert fault_of(device).code == "link.disconnected"


@pytest.mark.parametrize("call", ["info", "poll", "frame"])
def test_a_struct_written_too_far_is_noticed(device: SdkDevice, call: str) -> None:
    def spill(*arguments: object) -> None:
        struct = arguments[-1][0]  # type: ignore[index]
        c.memset(c.addressof(struct) + c.sizeof(struct), 0, 4)

    changed(device, call, spill)
    fault = fault_of(device)
    assert (fault.code, "wrote beyond" in fault.message) == ("reader.library", True)


@pytest.mark.parametrize("call", ["frame", "last_error"])
def test_a_buffer_written_too_far_is_noticed(device: SdkDevice, call: str) -> None:
    def spill(*arguments: object) -> None:
        pixels, capacity = (arguments[2], arguments[3]) if call == "frame" else (arguments[1], arguments[2])
        c.memset(pixels + capacity, 1, 8)  # type: ignore[operator]

    device.answers["start"] = lambda *_: Code.DEVICE if call == "last_error" else device._start(*_)
    changed(device, call, spill)
    assert "wrote beyond" in fault_of(device).message


def test_an_image_that_was_never_written_is_not_delivered(device: SdkDevice) -> None:
    def only_the_head(unit: int, which: int, pixels: int, capacity: int, head: object) -> int:
        answer: int = device._frame(unit, which, pixels, capacity, head)
        c.memset(pixels, 0, capacity)
        return answer

    device.answers["frame"] = only_the_head
    assert "empty" in fault_of(device).message


def test_success_without_a_unit_is_no_success(device: SdkDevice) -> None:
    device.answers["open"] = lambda *_: Code.OK
    assert "no unit" in fault_of(device).message


@pytest.mark.parametrize("name", wire.CALLS)
def test_a_table_with_a_hole_is_refused(device: SdkDevice, name: str) -> None:
    honest = device.entry

    def entry(version: int, api: object) -> int:
        answer = honest(version, api)
        setattr(api._obj, name, dict(wire.Api._fields_)[name]())  # type: ignore[attr-defined]
        return answer

    device.entry = entry  # type: ignore[method-assign]
    assert name in fault_of(device).message


def test_a_table_of_another_version_is_refused(device: SdkDevice) -> None:
    device.entry = lambda version, api: Code.VERSION  # type: ignore[method-assign]
    assert fault_of(device).code == "reader.library"


def test_a_library_that_asks_again_is_a_retry_with_its_reason(device: SdkDevice) -> None:
    rig = bench(device)
    rig.reader.open()
    for reason, code in [
        (1, "lifted_early"),
        (2, "moved"),
        (3, "bad_roll"),
        (4, "dirty_platen"),
        (99, "retry"),
    ]:

        def again(unit: int, status: object, reason: int = reason) -> int:
            status[0].phase, status[0].reason = Phase.RETRY, reason  # type: ignore[index]
            return Code.OK

        device.answers["poll"] = again
        with pytest.raises(CaptureRetry) as caught:
            rig.reader.capture(REQUEST)
        assert caught.value.code == f"capture.{code}"
        assert caught.value.advice
        assert rig.reader.state is ReaderState.IDLE
    rig.reader.close()


def test_a_finger_that_never_becomes_an_image_ends_at_the_deadline(device: SdkDevice) -> None:
    changed(device, "poll", set_value("phase", Phase.CAPTURE))
    assert fault_of(device).code == "link.timeout"


def test_a_finger_that_goes_and_comes_back_is_waited_for(device: SdkDevice) -> None:
    phases = iter([Phase.CAPTURE, Phase.AWAIT, Phase.CAPTURE, Phase.DONE])

    def poll(unit: int, status: object) -> int:
        device._poll(unit, status)
        status[0].phase = next(phases, Phase.DONE)  # type: ignore[index]
        return Code.OK

    device.answers["poll"] = poll
    rig = bench(device)
    rig.reader.open()
    assert rig.reader.capture(REQUEST).final
    rig.reader.close()


def test_a_hang_is_given_up_and_the_library_not_called_again_in_this_process(device: SdkDevice) -> None:
    gate = threading.Event()
    device.answers["poll"] = lambda *_: int(not gate.wait(30))
    rig = bench(device, call_s=0.05)
    rig.reader.open()
    with pytest.raises(ReaderFault) as caught:
        rig.reader.capture(REQUEST)
    assert caught.value.code == "reader.hung"
    with pytest.raises(ReaderFault) as caught:
        rig.reader.open()
    assert caught.value.code == "reader.hung"
    assert device.calls.count("open") == 1
    stuck = vendor_library._stuck["SIMULATED library"]
    gate.set()
    stuck._thread.join(5)
    device.answers.clear()
    rig.reader.open()  # it came back after all
    assert rig.reader.capture(REQUEST).final
    rig.reader.close()


def test_a_library_that_hangs_in_close_is_left_alone(device: SdkDevice) -> None:
    gate = threading.Event()
    device.answers["close"] = lambda *_: int(not gate.wait(30))
    rig = bench(device, call_s=0.05)
    rig.reader.open()
    rig.reader.close()
    assert rig.reader.state is ReaderState.CLOSED
    gate.set()
    vendor_library._stuck.pop("SIMULATED library")._thread.join(5)


def test_all_calls_come_from_one_thread(device: SdkDevice) -> None:
    threads = set()
    for name in ("open", "poll", "frame", "close"):
        changed(device, name, lambda *_: threads.add(threading.get_ident()))
    rig = bench(device)
    rig.reader.open()
    rig.reader.capture(REQUEST)
    rig.reader.close()
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_a_thread_hands_on_what_its_work_raises() -> None:
    thread = OwnThread("test")
    with pytest.raises(ZeroDivisionError):
        thread.run(lambda: 1 // 0, 5)
    assert thread.run(lambda: 7, 5) == 7
    thread.end()
    assert not thread._thread.is_alive()


def test_a_capture_on_a_library_that_is_not_open_is_a_fault() -> None:
    with pytest.raises(ReaderFault) as caught:
        VendorLibrary("none", lambda: pytest.fail("called")).poll()
    assert caught.value.code == "link.disconnected"


@pytest.mark.parametrize(
    ("text", "path", "unit"),
    [("sdk:/opt/x/lib.so", "/opt/x/lib.so", 0), ("sdk:/opt/x/lib.so?unit=2", "/opt/x/lib.so", 2)],
)
def test_an_sdk_address_has_a_path_and_a_unit(text: str, path: str, unit: int) -> None:
    assert (parse(text).path, parse(text).unit) == (path, unit)


@pytest.mark.parametrize(
    "text", ["sdk:", "sdk:lib.so", "sdk:/x.so?unit=", "sdk:/x.so?unit=-1", "sdk:/x.so?speed=1"]
)
def test_other_sdk_addresses_are_refused(text: str) -> None:
    with pytest.raises(ReaderFault, match=r"link\.address"):
        parse(text)


def test_the_driver_wants_an_sdk_address_and_a_clean_config() -> None:
    profile, clock = load("vendor-sdk"), SystemClock()
    with pytest.raises(ReaderFault, match=r"link\.address"):
        vendor_sdk.make(profile, "serial:/dev/x", {}, clock)
    with pytest.raises(ReaderFault, match=r"reader\.option"):
        vendor_sdk.make(profile, "sdk:/x.so", {"config": "a\0b"}, clock)


def test_libraries_that_cannot_be_loaded_say_why(tmp_path: Path) -> None:
    with pytest.raises(ReaderFault, match=r"link\.not_found"):
        entry_of(str(tmp_path / "absent.so"))
    text = tmp_path / "text.so"
    text.write_text("no library")
    with pytest.raises(ReaderFault, match=r"reader\.library_load"):
        entry_of(str(text))
    text.chmod(0o666)
    with pytest.raises(ReaderFault, match=r"reader\.library_unsafe"):
        entry_of(str(text))
    with pytest.raises(ReaderFault, match=r"reader\.library_unsafe"):
        entry_of(str(tmp_path))


def test_a_library_without_the_function_is_refused() -> None:
    math = next(
        (Path(f) for f in Path("/proc/self/maps").read_text().split() if re.search(r"libm\.so", f)), None
    )
    if math is None:
        pytest.skip("no libm here to load: run on a Linux with the GNU C library")
    with pytest.raises(ReaderFault, match=r"reader\.library_load"):
        entry_of(str(math))


def test_the_compiled_example_opens_through_the_registry(tmp_path: Path) -> None:
    address = f"sdk:{example_library()}?unit=0"
    with pytest.raises(ReaderFault, match=r"link\.not_found.*plugged"):
        registry.open_reader("vendor_sdk", "", address, {"config": str(tmp_path)}, SystemClock())
    (tmp_path / "plugged").touch()
    reader = registry.open_reader("vendor_sdk", "", address, {"config": str(tmp_path)}, SystemClock())
    assert (reader.info.model, reader.info.certification) == ("Example sensor of files", "none")
    reader.close()


def test_the_header_and_its_python_side_say_the_same() -> None:
    header = (VENDOR / "livescan_reader.h").read_text()
    told = {name: int(value) for name, value in re.findall(r"#define LSR_(\w+) \(?(-?\d+)u?\)?", header)}
    assert told["VERSION"] == wire.VERSION
    assert {name[2:]: code for name, code in told.items() if name.startswith("E_")} == {
        code.name: code.value for code in Code if code
    }
    assert {phase.name: told[phase.name] for phase in Phase} == {phase.name: phase.value for phase in Phase}
    assert {kind: told[kind.upper()] for kind in wire.KIND_BITS} == wire.KIND_BITS
    assert (told["CALL_MS"], told["OPEN_MS"]) == (wire.CALL_S * 1000, wire.OPEN_S * 1000)
    for struct, name in [(wire.Info, "info"), (wire.Request, "request"), (wire.Status, "status"),
                         (wire.FrameHead, "frame"), (wire.Api, "api")]:  # fmt: skip
        body = re.search(rf"typedef struct lsr_{name} {{(.*?)}} lsr_{name};", header, re.DOTALL)
        assert body is not None
        fields = re.findall(r"(?:^|\n)\s+(?:u?int32_t|char) (?:\(\*)?(\w+)", body[1])
        assert fields == [field[0] for field in struct._fields_]


@given(st.binary(min_size=c.sizeof(wire.Info), max_size=c.sizeof(wire.Info)))
def test_any_identity_is_believed_whole_or_refused(data: bytes) -> None:
    try:
        who = wire.identity(wire.Info.from_buffer_copy(data))
    except WireError:
        return
    assert 0 < who.max_width * who.max_height <= wire.MAX_SIDE**2
    assert who.make.isprintable()


@given(st.binary(max_size=80))
def test_any_text_is_clean_or_refused(data: bytes) -> None:
    with suppress(WireError):
        assert wire.text(data, "make").isprintable()


@given(st.binary(min_size=c.sizeof(wire.Status), max_size=c.sizeof(wire.Status)))
def test_any_status_is_a_phase_or_refused(data: bytes) -> None:
    with suppress(WireError):
        assert wire.progress(wire.Status.from_buffer_copy(data)).phase in Phase
