"""Runs a device model on a pseudo-terminal: the model and a PtyEnd in, a serial port that behaves like the device out.

The loop is the only place of a peer process that waits. It survives hosts that come and go.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from drivers.clock import Clock, SystemClock
from drivers.links.memory import FarEnd
from drivers.links.pty import PtyEnd

_IDLE_S = 0.2
_BACKLOG = 8 << 20  # bytes nobody reads; a host that is gone loses them


def run(device: FarEnd, end: PtyEnd, clock: Clock, stop: Callable[[], bool]) -> None:
    """Carry bytes between device and end until stop() says so."""
    waiting = bytearray()
    while not stop():
        data = end.receive(0.0)
        if data:
            device.set_baud(end.baud())
            waiting.clear()  # the host spoke: the device model decides anew what it has to say
            device.hear(data, clock.monotonic())
        waiting += device.speak(clock.monotonic())
        del waiting[: end.send(bytes(waiting[:65536])) if waiting else 0]
        if len(waiting) > _BACKLOG:
            waiting.clear()
        wakes = device.wakes_at()
        wait_s = _IDLE_S if wakes is None else min(_IDLE_S, wakes - clock.monotonic())
        end.wait(_IDLE_S if waiting else wait_s, to_send=bool(waiting))


def arguments(description: str) -> argparse.ArgumentParser:
    """The options that every peer process has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--tty", type=Path, required=True, help="symlink to create to the simulated serial port"
    )
    parser.add_argument("--seed", type=int, default=1, help="which synthetic person stands there")
    parser.add_argument(
        "--session", type=int, default=0, help="another number: the same person, other touches"
    )
    parser.add_argument("--script", type=Path, help="JSON file of deviations, re-read at every placement")
    parser.add_argument("--speed", type=float, default=1.0, help="how many times faster than a real person")
    return parser


def serve(device: FarEnd, tty: Path, warm_up: Callable[[Callable[[], bool]], None]) -> int:
    """Make the port, print `ready PATH`, and be the device until SIGTERM or SIGINT. The symlink goes at the end."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    end = PtyEnd(tty)
    warming = threading.Thread(target=warm_up, args=(stop.is_set,))
    warming.start()
    sys.stdout.write(f"ready {tty}\n")
    sys.stdout.flush()
    try:
        run(device, end, SystemClock(), stop.is_set)
    finally:
        stop.set()
        end.unplug()
        warming.join()  # the interpreter must not end under a thread that is within a C library
    return 0
