"""Layer 3: a simulated U.are.U 4500 behind this machine's own kernel (vhci-hcd), captured through usbfs and libusb.

    python tests/hil/vhci_check.py [--speed 10]        # as root, after: modprobe vhci-hcd

Runs on any machine whose kernel has vhci-hcd (Raspberry Pi OS does), or in a virtual one: tests/hil/vhci.sh. Prints one
JSON line; exit 0 when the picture is the one the person left, the pulled cable was noticed and the reader came back,
1 when not, 3 when the kernel has no vhci-hcd or we are not root.
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from drivers.clock import SystemClock
from drivers.errors import DriverError
from drivers.links.usb import UsbLink
from drivers.models.uru4500 import Uru4500Reader
from drivers.reader import CaptureKind, CaptureRequest
from drivers.sim.peers.uru4500 import Uru4500Device, as_delivered
from drivers.sim.rig import person as witnessed
from drivers.sim.rig import watched
from drivers.sim.usbip import DEVICE_ID, FULL_SPEED, UsbIpDevice
from firmware_profiles.profile import load

HOST = Path("/sys/devices/platform/vhci_hcd.0")
PATIENCE_S = 30.0
PORT = 0


class Cable:
    """The device on a port of the kernel's virtual hub."""

    def __init__(self, device: Uru4500Device) -> None:
        self._device = device
        self._ends: tuple[socket.socket, socket.socket] | None = None

    def plug(self) -> None:
        ours, kernels = socket.socketpair()
        work = threading.Thread(target=UsbIpDevice(self._device).answer, args=(ours,), daemon=True)
        work.start()
        (HOST / "attach").write_text(f"{PORT} {kernels.fileno()} {DEVICE_ID} {FULL_SPEED}")
        self._ends = (ours, kernels)
        self._until(present=True)

    def pull(self) -> None:
        (HOST / "detach").write_text(str(PORT))
        for end in self._ends or ():
            end.close()
        self._until(present=False)

    def _until(self, *, present: bool) -> None:
        wanted = f"{self._device.ids[0]:04x}"
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            seen = any(
                path.read_text().strip() == wanted for path in Path("/sys/bus/usb/devices").glob("*/idVendor")
            )
            if seen == present:
                return
            time.sleep(0.05)
        raise TimeoutError(f"the kernel does not {'show' if present else 'lose'} the device")


def check(speed: float) -> dict[str, Any]:
    """What happened, by name; every name that ends in _ok must be true."""
    person, clock, profile = witnessed(seed=3), SystemClock(), load("uru4500")
    placed = watched(person)
    device = Uru4500Device(person, profile, clock, speed)
    cable = Cable(device)
    began = time.monotonic()
    cable.plug()
    found: dict[str, Any] = {"enumerated_s": round(time.monotonic() - began, 3)}
    reader = Uru4500Reader(profile, UsbLink(*device.ids), clock)
    reader.open()
    request = CaptureRequest(CaptureKind.PLAIN, (), 20.0, 20.0)
    began = time.monotonic()
    frame = reader.capture(request, lambda _: None, lambda: False)
    found["capture_s"] = round(time.monotonic() - began, 3)
    found["size"] = list(frame.pixels.shape)
    wanted = as_delivered(placed[-1].pixels, profile.image.rotate)
    found["different_pixels"] = (
        int((frame.pixels != wanted).sum()) if wanted.shape == frame.pixels.shape else -1
    )
    found["picture_ok"] = found["different_pixels"] == 0
    found["contrast"] = float(np.ptp(frame.pixels))
    cable.pull()
    try:
        reader.capture(request, lambda _: None, lambda: False)
        found["unplugged_ok"] = False
    except DriverError as error:
        found["unplugged"], found["unplugged_ok"] = error.code, True
    reader.close()
    cable.plug()
    again = Uru4500Reader(profile, UsbLink(*device.ids), clock)
    began = time.monotonic()
    again.open()
    second = again.capture(request, lambda _: None, lambda: False)
    found["back_s"] = round(time.monotonic() - began, 3)
    found["back_ok"] = second.pixels.shape == frame.pixels.shape
    again.close()
    cable.pull()
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--speed", type=float, default=10.0, help="how many times faster than a real person")
    args = parser.parse_args()
    if not HOST.exists():
        sys.stderr.write("no vhci-hcd in this kernel, or not loaded: as root, modprobe vhci-hcd\n")
        return 3
    found = check(args.speed)
    good = all(value for name, value in found.items() if name.endswith("_ok"))
    sys.stdout.write(json.dumps({"what": "SIMULATED U.are.U 4500 over vhci-hcd", "ok": good, **found}) + "\n")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
