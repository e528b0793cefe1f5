"""Does this unit fit its profile? A profile and what the device answered in, the limits on its use out.

A limit is a reason why nothing the unit takes may enter a production submission; it may still train and be tried.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from firmware_profiles.profile import Firmware, Profile

WORDS: Mapping[str, str] = MappingProxyType(
    {
        "model.other": "the reader calls itself another model than its profile",
        "firmware.bad": "this firmware is known to misbehave",
        "firmware.unknown": "nobody has tested this firmware",
        "ppi.uncalibrated": "its resolution was not measured on this unit",
        "ppi.not_500": "its resolution is neither 500 nor 1000 ppi within 1 %",
        "certificate.not_ours": "the certificate does not cover this software",
    }
)
"""Every limit, in words that follow `training only:`."""

Verdict = Literal["good", "bad", "unknown"]


def limits(
    profile: Profile, *, model: str, firmware: str, ppi: int, calibrated: bool = False
) -> tuple[str, ...]:
    """Keys of WORDS, in its order; empty for a unit that is what its profile says. calibrated: it was measured."""
    verdict = firmware_is(profile.firmware, firmware)
    cert = profile.cert
    found = {
        "model.other": bool(profile.match.models) and model not in profile.match.models,
        "firmware.bad": verdict == "bad",
        "firmware.unknown": verdict == "unknown" and profile.firmware.unknown != "accept",
        "ppi.uncalibrated": profile.calibration.required_before_booking
        and not (calibrated or profile.ppi.calibrated),
        "ppi.not_500": not any(abs(ppi - wanted) <= wanted / 100 for wanted in (500, 1000)),
        "certificate.not_ours": cert.scheme != "none" and not cert.valid_for_submission,
    }
    return tuple(key for key in WORDS if found[key])


def firmware_is(known: Firmware, version: str) -> Verdict:
    """A release in the bad list is bad, whatever the good one says. Entries are one release or a range `1.2..1.9`."""
    if any(covers(bad.version, version) for bad in known.known_bad):
        return "bad"
    return "good" if any(covers(entry, version) for entry in known.known_good) else "unknown"


def known_effect(known: Firmware, version: str) -> str:
    """What a bad release does, and who says so; empty for another."""
    return next((f"{b.effect} ({b.source})" for b in known.known_bad if covers(b.version, version)), "")


def covers(entry: str, version: str) -> bool:
    """Is the release the entry, or within its range, both ends included?"""
    first, dots, last = entry.partition("..")
    return _within(first, last, version) if dots else entry == version


def _within(first: str, last: str, version: str) -> bool:
    """Parts between slashes (unit/library) are ranges of their own."""
    parts = [text.split("/") for text in (first, version, last)]
    if len({len(each) for each in parts}) != 1:
        return False
    return all(
        version_key(low) <= version_key(is_) <= version_key(high)
        for low, is_, high in zip(*parts, strict=True)
    )


def version_key(version: str) -> tuple[tuple[int, int, str], ...]:
    """For order: runs of digits as numbers, runs of letters as text; `1.10` comes after `1.9`."""
    parts = re.findall(r"[0-9]+|[a-z]+", version.lower())
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts)


def once_measured(found: tuple[str, ...], ppi: int) -> tuple[str, ...]:
    """The limits of a unit whose true ppi was measured on a target, and is this."""
    good = any(abs(ppi - wanted) <= wanted / 100 for wanted in (500, 1000))
    others = {key for key in found if not key.startswith("ppi.")}
    return tuple(key for key in WORDS if key in others or (key == "ppi.not_500" and not good))
