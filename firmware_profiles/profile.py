"""What is known about one reader model, as data: in goes a TOML file of this folder, out comes a frozen `Profile`.

Driver, peer and udev rules all read the same file. An unknown key, a wrong type or an impossible value is refused,
naming the file. Values carry their source in a comment beside them in the TOML.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal

import msgspec

SCHEMA = 1
FOLDER = Path(__file__).parent
_ID = re.compile(r"^[a-z0-9][a-z0-9-]*$")
_USB = re.compile(r"^[0-9a-f]{4}:[0-9a-f]{4}$")


class ProfileError(ValueError):
    """A profile file is missing, unreadable, or says something impossible. code is always `profile.invalid`."""

    code = "profile.invalid"

    def __init__(self, message: str, advice: str = "Correct the file in firmware_profiles/.") -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of a profile: frozen, and an unknown key is an error."""


class Match(_Part, frozen=True):
    """How the model is recognised. usb: `vid:pid`, lower case hex; bcd: device release range; models: the names it
    may answer with, empty where it says none: another name makes it fit for training only."""

    usb: tuple[str, ...] = ()
    bcd_min: int = 0
    bcd_max: int = 0xFFFF
    interface_class: int | None = None
    info_probe: str = ""
    models: tuple[str, ...] = ()


class Link(_Part, frozen=True):
    """How to talk to it; library: through somebody's library. Bauds in bits/s, packet_bytes: payload per packet,
    address and password as on the wire."""

    kind: Literal["uart", "usb", "library"]
    baud_default: int = 0
    baud_probe: tuple[int, ...] = ()
    baud_work: int = 0
    power_on_ms: int = 0
    packet_bytes: int = 0
    address: int = 0xFFFFFFFF
    password: int = 0


class Timeouts(_Part, frozen=True):
    """Milliseconds, except finger_s. image_ms: total for one image; retries: of one command or one image."""

    command_ms: int
    packet_idle_ms: int
    image_ms: int
    finger_s: float = 30.0
    retries: int = 2


class Geometry(_Part, frozen=True):
    """Size in pixels for a count of bytes on the wire, a kind of contact (roll, plain, slap), or a firmware version
    (as the device answers it; "": any)."""

    width: int
    height: int
    bytes: int = 0
    firmware: str = ""
    kind: Literal["roll", "plain", "slap", "any"] = "any"


class Image(_Part, frozen=True):
    """What arrives and how it becomes dark ridges on light ground, upright. rotate: degrees clockwise."""

    sizes: tuple[Geometry, ...]
    bits: Literal[4, 8]
    packing: Literal["high-nibble-first", "bytes", "uru-blocks"]
    invert: bool
    rotate: Literal[0, 180]
    missing_line_fill: Literal["none", "repeat-next"] = "none"
    size_from_device: bool = False


class Ppi(_Part, frozen=True):
    """nominal: pixels per inch until calibrated per unit; calibrated: False means `do not trust it for booking`."""

    nominal: int
    nominal_source: str
    square_pixels: bool
    calibrated: bool = False


class Cert(_Part, frozen=True):
    """Certificates belong to the vendor's hardware with the vendor's software, never to our driver."""

    scheme: Literal["none", "PIV", "AppF"]
    source: str
    fap: int | None = None
    covers_own_driver: bool = False
    valid_for_submission: bool = False


class Auth(_Part, frozen=True):
    """Challenge and response the device asks for. key: hex, from the public driver the TOML names."""

    kind: Literal["none", "aes-ecb"] = "none"
    key: str = ""


class Power(_Part, frozen=True):
    """max_ma: milliampere; autosuspend: False writes a udev rule that keeps the device awake."""

    max_ma: int
    autosuspend: bool = False
    usb_speed: Literal["", "full", "high"] = ""


class BadFirmware(_Part, frozen=True):
    """One release known to misbehave, and where that was reported."""

    version: str
    effect: str
    source: str


class Firmware(_Part, frozen=True):
    """Entries are one release as the device answers it, or a range `1.2..1.9` with both ends. unknown: what to do with
    a release in neither list: warn = training only, refuse = do not open, accept = as if it were good."""

    known_good: tuple[str, ...] = ()
    known_bad: tuple[BadFirmware, ...] = ()
    unknown: Literal["warn", "refuse", "accept"] = "warn"


class Calibration(_Part, frozen=True):
    """Per unit. required_before_booking: a unit without a calibration file must not book."""

    required_before_booking: bool
    target: str = ""
    expires_days: int = 365


class Udev(_Part, frozen=True):
    """group: who may open the device; ignore_modem: keep ModemManager away from the tty."""

    group: str = "livescan-capture"
    ignore_modem: bool = True


class Profile(_Part, frozen=True):
    """One reader model. id is the file's name; driver names drivers/models/<driver>.py."""

    schema: int
    id: str
    vendor: str
    model: str
    driver: str
    simulated: bool
    kinds: tuple[Literal["roll", "plain", "slap"], ...]
    link: Link
    timeouts: Timeouts
    image: Image
    ppi: Ppi
    cert: Cert
    power: Power
    calibration: Calibration
    match: Match = Match()
    auth: Auth = Auth()
    firmware: Firmware = Firmware()
    udev: Udev = Udev()
    quirks: tuple[str, ...] = ()

    def size_of_bytes(self, count: int) -> tuple[int, int] | None:
        """(width, height) of an image of `count` bytes on the wire; None when no size is known for it."""
        return next(((s.width, s.height) for s in self.image.sizes if s.bytes == count), None)

    def size_of_kind(self, kind: str) -> tuple[int, int] | None:
        """(width, height) of an image of that kind of contact; None when the model cannot take it."""
        return next(((s.width, s.height) for s in self.image.sizes if s.kind in (kind, "any")), None)

    def size_of_firmware(self, version: str) -> tuple[int, int] | None:
        """(width, height) of an image of that firmware, the named one before `any`; None when neither is known."""
        by_name = {size.firmware: (size.width, size.height) for size in reversed(self.image.sizes)}
        return by_name.get(version, by_name.get(""))


def parse(text: str, name: str) -> Profile:
    """A profile from TOML text. name: for messages. Raises ProfileError on anything not in the schema."""
    try:
        profile = msgspec.toml.decode(text, type=Profile)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise ProfileError(f"{name}: {error}") from error
    for wrong in _contradictions(profile):
        raise ProfileError(f"{name}: {wrong}")
    return profile


def _contradictions(profile: Profile) -> list[str]:
    """What the types cannot say, in words."""
    link, image = profile.link, profile.image
    checks: Sequence[tuple[bool, str]] = (
        (profile.schema == SCHEMA, f"schema is {profile.schema}, this program reads {SCHEMA}"),
        (bool(_ID.match(profile.id)), f"id {profile.id!r} is not lower case letters, digits and dashes"),
        (all(_USB.match(one) for one in profile.match.usb), "match.usb entries look like 05ba:000a"),
        (link.kind != "uart" or bool(link.baud_probe), "a uart needs link.baud_probe"),
        (link.kind != "usb" or bool(profile.match.usb), "a usb reader needs match.usb"),
        (
            bool(image.sizes or image.size_from_device)
            and all(s.width > 0 and s.height > 0 for s in image.sizes),
            "image.sizes is empty",
        ),
        (profile.ppi.nominal > 0, "ppi.nominal must be positive"),
        (bool(profile.kinds), "kinds is empty"),
        (profile.auth.kind == "none" or len(profile.auth.key) == 32, "auth.key is 32 hex digits"),
        (
            profile.cert.scheme != "none" or not profile.cert.valid_for_submission,
            "no certificate, no submission",
        ),
        *_about_certificates(profile),
    )
    return [words for good, words in checks if not good]


def _about_certificates(profile: Profile) -> Sequence[tuple[bool, str]]:
    """A certificate is for hardware, firmware and the vendor's software together (facts of the FBI's lists)."""
    if profile.cert.scheme == "none":
        return ()
    vendors_software = profile.link.kind == "library" or profile.cert.covers_own_driver
    return (
        (
            bool(profile.firmware.known_good),
            "a certificate needs firmware.known_good: it is for those releases",
        ),
        (bool(profile.match.models), "a certificate needs match.models: what the certified unit answers"),
        (profile.cert.fap is not None, "a certificate needs cert.fap"),
        (
            vendors_software or not profile.cert.valid_for_submission,
            "the certificate is for the vendor's software, and this driver is not",
        ),
        (profile.firmware.unknown != "accept", "a certificate does not cover unknown firmware"),
    )


@lru_cache(maxsize=64)
def load(profile_id: str) -> Profile:
    """The shipped profile of that id. Raises ProfileError when there is none or it is wrong."""
    path = FOLDER / f"{profile_id.replace('-', '_')}.toml"
    if not _ID.match(profile_id) or not path.is_file():
        raise ProfileError(f"no profile {profile_id!r}", f"Known profiles: {', '.join(names())}.")
    profile = parse(path.read_text(encoding="utf-8"), path.name)
    if profile.id != profile_id:
        raise ProfileError(f"{path.name}: id is {profile.id!r}, the file name says {profile_id!r}")
    return profile


def names() -> tuple[str, ...]:
    """Ids of all shipped profiles, sorted."""
    return tuple(sorted(path.stem.replace("_", "-") for path in FOLDER.glob("*.toml")))


def all_profiles() -> tuple[Profile, ...]:
    """Every shipped profile, sorted by id. Raises ProfileError when one is wrong."""
    return tuple(load(name) for name in names())
