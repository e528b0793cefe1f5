"""One health report of the station: every check that can fail today, with what to do about it.

Each module here holds checks: functions Settings -> Check. A check never raises; what breaks inside becomes a `fail`.
"""

from __future__ import annotations

from station.doctor.report import CHECKS, Check, Status, examine

__all__ = ["CHECKS", "Check", "Status", "examine"]
