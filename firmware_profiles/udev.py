"""udev rules from the profiles: in go Profiles, out comes the text of one rules file (udev(7)).

Every reader becomes readable by its group alone, is kept from falling asleep where its profile says so, and
ModemManager is told not to probe it. A serial adapter carries no reader identity, so UARTs are matched by the
adapter chips they usually hang on and only get ID_MM_DEVICE_IGNORE and the group.
"""

from __future__ import annotations

from collections.abc import Iterable

from firmware_profiles.profile import Profile, all_profiles

HEADER = "# Made by `python -m firmware_profiles.udev` from firmware_profiles/*.toml. Do not edit by hand.\n"

# USB-serial chips commonly found between a UART reader and a computer (usb.ids): not proof of a reader.
ADAPTERS: tuple[tuple[str, str, str], ...] = (
    ("0403", "6001", "FTDI FT232R"),
    ("0403", "6015", "FTDI FT230X"),
    ("067b", "2303", "Prolific PL2303"),
    ("10c4", "ea60", "Silicon Labs CP210x"),
    ("1a86", "7523", "WCH CH340"),
)


def rules(profiles: Iterable[Profile] | None = None) -> str:
    """The text of the rules file, the same for the same profiles."""
    chosen = tuple(all_profiles() if profiles is None else profiles)
    real = sorted((p for p in chosen if not p.simulated), key=lambda p: p.id)
    lines = [HEADER]
    done: set[str] = set()  # ids that several models share need one rule
    for profile in real:
        lines += _usb_rules(profile, done)
    uarts = [profile for profile in real if profile.link.kind == "uart"]
    if uarts:
        lines += _uart_rules(uarts)
    return "\n".join(lines) + "\n"


def _usb_rules(profile: Profile, done: set[str]) -> list[str]:
    lines = []
    for one in profile.match.usb:
        if one in done:
            continue
        done.add(one)
        vendor, product = one.split(":")
        match = f'SUBSYSTEM=="usb", ENV{{DEVTYPE}}=="usb_device", ATTR{{idVendor}}=="{vendor}"'
        match += f', ATTR{{idProduct}}=="{product}"'
        rule = f'{match}, GROUP="{profile.udev.group}", MODE="0660", TAG+="systemd"'
        if profile.udev.ignore_modem:
            rule += ', ENV{ID_MM_DEVICE_IGNORE}="1"'
        if not profile.power.autosuspend:
            rule += ', ATTR{power/control}="on"'
        lines += [f"# {profile.vendor} {profile.model}", rule]
    return lines


def _uart_rules(profiles: list[Profile]) -> list[str]:
    group = profiles[0].udev.group
    lines = ["", f"# serial adapters, for {', '.join(p.id for p in profiles)}"]
    for vendor, product, chip in ADAPTERS:
        match = f'SUBSYSTEM=="tty", ATTRS{{idVendor}}=="{vendor}", ATTRS{{idProduct}}=="{product}"'
        lines += [f"# {chip}", f'{match}, GROUP="{group}", MODE="0660", ENV{{ID_MM_DEVICE_IGNORE}}="1"']
    return lines


if __name__ == "__main__":  # pragma: no cover  one line, used by `make udev`
    import sys

    sys.stdout.write(rules())
