"""Run the checks in order. In: Settings; out: a tuple of Check. No check can end the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from station.doctor import keys, machine, revocation, services
from station.doctor.check import Check, Status, fail
from station.settings import Settings

CHECKS: tuple[Callable[[Settings], Check], ...] = (
    services.check_reader,
    machine.check_disk,
    machine.check_ballast,
    machine.check_clock,
    machine.check_power,
    keys.check_station_key,
    keys.check_sealing,
    keys.check_signing,
    keys.check_client_certificate,
    keys.check_gateway_ca,
    keys.check_private_files,
    revocation.check_revocation,
    services.check_queue,
    machine.check_sqlite,
    services.check_gateway,
    services.check_officers,
    machine.check_modem_manager,
    machine.check_nfiq2,
)


def examine(settings: Settings, checks: Sequence[Callable[[Settings], Check]] = CHECKS) -> tuple[Check, ...]:
    """Every check's finding, in order."""
    return tuple(_guarded(check, settings) for check in checks)


def _guarded(check: Callable[[Settings], Check], settings: Settings) -> Check:
    try:
        return check(settings)
    except Exception as error:
        name = check.__name__.removeprefix("check_").replace("_", "-")
        return fail(name, f"the check itself failed: {error!r}", "report this")


__all__ = ["CHECKS", "Check", "Status", "examine"]
