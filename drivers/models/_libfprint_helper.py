"""The libfprint helper process: commands on standard input in, what a reader says on standard output out.

Started by drivers/models/libfprint.py as `/usr/bin/python3 _libfprint_helper.py`, because GObject introspection comes
with the system's Python. Messages are those of drivers/wires/libfprint.py. It ends when standard input ends.

Host: {"do": "list"}, {"do": "open", "id": "uru4000/0"}, {"do": "capture", "number": n}, {"do": "cancel"},
{"do": "alive"}.
Helper: {"is": "devices", …}, "opened", "finger", "image" (with pixels), "retry", "cancelled", "alive", "error".
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from drivers.wires.libfprint import Message, Parser, WireError, pack

_LIBRARIES = ("FPrint", "Gio", "GLib")


def say(facts: dict[str, Any], pixels: bytes = b"") -> None:
    """One message to the host."""
    data = pack(Message(facts, pixels))
    while data:
        data = data[os.write(1, data) :]


class Helper:
    """One libfprint context and at most one opened reader."""

    def __init__(self, fprint: Any, gio: Any) -> None:
        self._fprint = fprint
        self._gio = gio
        self._context = fprint.Context.new()
        self._device: Any = None
        self._cancel: Any = None
        self._number = 0
        self._doing = ""  # open, capture, or nothing

    def obey(self, facts: dict[str, Any]) -> None:
        """Do one command; what goes wrong is said, not raised."""
        try:
            match facts.get("do"):
                case "list":
                    say(
                        {
                            "is": "devices",
                            "devices": [self._about(one) for one in self._context.get_devices()],
                        }
                    )
                case "open":
                    self._open(str(facts.get("id", "")))
                case "capture":
                    self._capture(int(facts.get("number", 0)))
                case "alive":
                    say({"is": "alive", "doing": self._doing})
                case "cancel" if self._cancel is not None:
                    self._cancel.cancel()
                case "cancel":
                    say({"is": "cancelled", "number": self._number})
                case other:
                    say({"is": "error", "code": "helper", "message": f"no command {other!r}"})
        except Exception as error:  # whatever libfprint raises becomes a message
            self._tell(error)

    def _about(self, device: Any) -> dict[str, Any]:
        feature = self._fprint.DeviceFeature.CAPTURE
        return {
            "id": f"{device.get_driver()}/{device.get_device_id()}",
            "driver": device.get_driver(),
            "name": device.get_name(),
            "swipe": device.get_scan_type() == self._fprint.ScanType.SWIPE,
            "images": bool(device.has_feature(feature)),
        }

    def _open(self, wanted: str) -> None:
        found = [(self._about(one), one) for one in self._context.get_devices()]
        found = [(about, one) for about, one in found if about["images"] and about["id"].startswith(wanted)]
        if not found:
            say(
                {
                    "is": "error",
                    "code": "not-found",
                    "message": f"libfprint knows no image reader {wanted!r} here",
                }
            )
            return
        device = found[0][1]
        self._doing = "open"
        device.open(None, self._opened)

    def _opened(self, device: Any, result: Any) -> None:
        self._doing = ""
        try:
            device.open_finish(result)
        except Exception as error:  # as in obey
            self._tell(error)
            return
        self._device = device
        device.connect("notify::finger-status", self._finger)
        say({"is": "opened", **self._about(device)})

    def _finger(self, device: Any, _: Any) -> None:
        there = bool(device.get_finger_status() & self._fprint.FingerStatusFlags.PRESENT)
        say({"is": "finger", "number": self._number, "present": there})

    def _capture(self, number: int) -> None:
        self._number = number
        self._cancel = self._gio.Cancellable()
        self._doing = "capture"
        self._device.capture(True, self._cancel, self._captured)

    def _captured(self, device: Any, result: Any) -> None:
        self._cancel, self._doing = None, ""
        try:
            image = device.capture_finish(result)
        except Exception as error:  # as above
            self._tell(error)
            return
        facts = {
            "is": "image",
            "number": self._number,
            "width": image.get_width(),
            "height": image.get_height(),
        }
        say({**facts, "ppmm": image.get_ppmm()}, bytes(image.get_data()))

    def _tell(self, error: Exception) -> None:
        domain, code = str(getattr(error, "domain", "")), getattr(error, "code", -1)
        message = str(getattr(error, "message", error))
        if "retry" in domain:
            say({"is": "retry", "number": self._number, "code": code, "message": message})
        elif "g-io-error" in domain:
            say({"is": "cancelled", "number": self._number, "message": message})
        else:
            say({"is": "error", "code": f"{domain or type(error).__name__} {code}", "message": message})


def main() -> int:
    """Until standard input ends."""
    try:
        importlib.import_module("gi").require_version("FPrint", "2.0")
        fprint, gio, glib = (importlib.import_module(f"gi.repository.{name}") for name in _LIBRARIES)
    except (ImportError, ValueError) as error:
        say({"is": "error", "code": "missing", "message": str(error)})
        return 3
    loop, parser, helper = glib.MainLoop(), Parser(), Helper(fprint, gio)

    def heard(source: int, _: Any) -> bool:
        data = os.read(source, 65536)
        if not data:
            loop.quit()
            return False
        try:
            for message in parser.feed(data):
                helper.obey(message.facts)
        except WireError:
            loop.quit()  # what follows cannot be understood either: the host sees the end and starts anew
            return False
        return True

    glib.io_add_watch(0, glib.IO_IN | glib.IO_HUP, heard)
    loop.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
