"""Checks of the machine: disk, clock, power, memory of undervoltage, ModemManager, optional packages.

Sources: adjtimex(2) for clock state; rpi_volt hwmon `in0_lcrit_alarm` for undervoltage (sticky bits of the firmware
are cleared every two seconds by the kernel driver, so the alarm file is read).
"""

from __future__ import annotations

import ctypes
import datetime as dt
import shutil
import sqlite3
import subprocess
from pathlib import Path

from offline_queue import ballast
from offline_queue.database import wal_bug
from station.doctor.check import Check, fail, ok, warn
from station.imaging.quality import nfiq2
from station.settings import Settings

TIME_ERROR = 5
"""adjtimex(2): the clock is not synchronised."""
EARLIEST_PLAUSIBLE = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
HWMON = Path("/sys/class/hwmon")


def check_disk(settings: Settings) -> Check:
    """Free space where the queue lives, against the reserve below which new work is refused."""
    folder = settings.queue.database.parent
    try:
        free = shutil.disk_usage(folder).free // 2**20
    except OSError as error:
        return fail(
            "disk", f"{folder}: {error.strerror}", "create the folder and give it to the station's user"
        )
    reserve = settings.queue.reserve_mib
    if free < reserve:
        return fail(
            "disk", f"{free} MiB free in {folder}, reserve {reserve} MiB", "free space; bookings are refused"
        )
    if free < 8 * reserve:
        return warn("disk", f"{free} MiB free in {folder}", "free space soon; see docs/queue.md on retention")
    return ok("disk", f"{free} MiB free in {folder}")


def check_ballast(settings: Settings) -> Check:
    """The disk space that is held for what waits, and given up when the disk is full."""
    database, size = settings.queue.database, settings.queue.ballast_mib
    if not size:
        return ok("ballast", "none, by [queue] ballast_mib")
    if not database.exists():
        return ok("ballast", "made with the first booking")
    parts = (ballast.of_queue(database, size << 20), ballast.of_audit(database, ballast.AUDIT_BYTES))
    missing = sum(part.missing for part in parts) >> 20
    if missing:
        return warn(
            "ballast",
            f"{missing} MiB of it are not there: the disk was full, or there was no booking yet",
            "free space; it is made again by itself, and new bookings are taken then",
        )
    return ok("ballast", f"{sum(part.size for part in parts) >> 20} MiB held beside the queue")


def check_sqlite(_settings: Settings, *, version: str = sqlite3.sqlite_version) -> Check:
    """The library under the queue. SQLite 3.7.0 to 3.51.2 can damage a file when two connections write at once."""
    if wal_bug(version):
        return ok("sqlite", f"{version} has the WAL-reset bug: avoided, only one process at a time may write")
    return ok("sqlite", f"{version}, without the WAL-reset bug")


def clock_state() -> int:
    """The kernel's clock state by adjtimex(2): 0 to 4 synchronised, 5 not."""
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(512)  # struct timex is about 208 bytes; modes = 0 only reads
    return int(libc.adjtimex(buffer))


def check_clock(_settings: Settings, *, now: dt.datetime | None = None, state: int | None = None) -> Check:
    """A wrong clock breaks TLS and dates; an unsynchronised one is evidence of nothing."""
    now = now or dt.datetime.now(dt.UTC)
    if now < EARLIEST_PLAUSIBLE:
        return fail(
            "clock", f"the clock says {now:%Y-%m-%d}", "set the time (chrony, RTC module) before booking"
        )
    if (clock_state() if state is None else state) == TIME_ERROR:
        return warn(
            "clock", f"{now:%Y-%m-%d %H:%M:%SZ}, not synchronised", "check chrony or systemd-timesyncd"
        )
    return ok("clock", f"{now:%Y-%m-%d %H:%M:%SZ}, synchronised")


def check_power(_settings: Settings, *, hwmon: Path = HWMON) -> Check:
    """Undervoltage now, on a Raspberry Pi."""
    for alarm in sorted(hwmon.glob("*/in0_lcrit_alarm")):
        if (alarm.parent / "name").read_text().strip() == "rpi_volt":
            if alarm.read_text().strip() != "0":
                return fail("power", "undervoltage", "use the supply made for this board; readers drop out")
            return ok("power", "no undervoltage")
    return ok("power", "no undervoltage sensor on this machine")


def check_modem_manager(_settings: Settings) -> Check:
    """ModemManager may probe a serial reader with AT commands for ten seconds."""
    try:
        state = subprocess.run(
            ["systemctl", "is-active", "ModemManager"], capture_output=True, text=True, timeout=5, check=False
        ).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ok("modem-manager", "no systemd to ask")
    if state == "active":
        return warn(
            "modem-manager", "active", "keep the udev rule ID_MM_DEVICE_IGNORE, or disable ModemManager"
        )
    return ok("modem-manager", "not active")


def check_nfiq2(_settings: Settings) -> Check:
    """Whether the real NFIQ 2 can be computed here; without it records carry no NFIQ 2 score."""
    found = nfiq2.library()
    if not found.works:
        return warn(
            "nfiq2", found.why, "optional: pip install 'livescan-booking-station[nbis]'; see docs/quality.md"
        )
    identity = f"CBEFF vendor {nfiq2.VENDOR:04X}, product {nfiq2.PRODUCT}"
    return ok("nfiq2", f"NFIQ 2 works through nbis-python ({identity})")
