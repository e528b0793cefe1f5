"""Is a profile file right? A path in, everything that is wrong with it out, in words; and what is only worth a look.

More than `profile.load` asks: it also looks at the other profiles and at the drivers there are.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from firmware_profiles import fit
from firmware_profiles.profile import FOLDER, Firmware, Profile, ProfileError, parse


def check(path: Path, drivers: Collection[str] | None = None) -> list[str]:
    """What is wrong with the file, nothing when it is right. drivers: names there are; None: not looked at."""
    try:
        profile = parse(path.read_text(encoding="utf-8"), path.name)
    except (OSError, UnicodeDecodeError) as error:
        return [f"{path.name}: cannot be read: {error}"]
    except ProfileError as error:
        return [error.message]
    found = [*_about_name(profile, path), *_about_firmware(profile.firmware), *_about_image(profile)]
    if drivers is not None and profile.driver not in drivers:
        found.append(f"driver {profile.driver!r} is none of {', '.join(sorted(drivers))}")
    return [f"{path.name}: {words}" for words in found]


def shipped() -> Sequence[Path]:
    """The files of this folder, sorted."""
    return sorted(FOLDER.glob("*.toml"))


def remarks(path: Path) -> list[str]:
    """What is right and yet keeps units of this model out of production. Only for a file that `check` passes."""
    profile = parse(path.read_text(encoding="utf-8"), path.name)
    if profile.simulated:
        return ["simulated: never for production"]
    said = []
    if profile.cert.scheme == "none":
        said.append("no certificate: training only")
    elif not profile.cert.valid_for_submission:
        said.append("the certificate does not cover this software: training only")
    if not profile.firmware.known_good:
        said.append("no firmware has been tested")
    if profile.calibration.required_before_booking:
        said.append("each unit has to be calibrated")
    return said


def _about_name(profile: Profile, path: Path) -> list[str]:
    wanted = f"{profile.id.replace('-', '_')}.toml"
    return [] if path.name == wanted else [f"id is {profile.id!r}, so the file is to be called {wanted}"]


def _about_firmware(known: Firmware) -> list[str]:
    entries = [*known.known_good, *(bad.version for bad in known.known_bad)]
    found = [f"firmware range {entry!r} ends before it begins" for entry in entries if _backwards(entry)]
    found += [f"firmware entry {entry!r} has no end" for entry in entries if not all(entry.split(".."))]
    both = [e for e in known.known_good if ".." not in e and fit.firmware_is(known, e) == "bad"]
    return found + [f"firmware {entry!r} is said to be good and bad" for entry in both]


def _backwards(entry: str) -> bool:
    first, dots, last = entry.partition("..")
    return bool(dots and first and last) and fit.version_key(first) > fit.version_key(last)


def _about_image(profile: Profile) -> list[str]:
    """Every kind it takes has a size, unless the device says it; no two sizes for the same case."""
    image, found = profile.image, []
    if not image.size_from_device:
        found += [f"no size for {kind}" for kind in profile.kinds if profile.size_of_kind(kind) is None]
    cases = [(size.kind, size.firmware, size.bytes) for size in image.sizes]
    return found + [f"two sizes for {case}" for case in sorted(set(cases)) if cases.count(case) > 1]
