"""A reader's profile with a tiny platen, so that every byte of a conversation can be tried: profile in, profile out."""

from __future__ import annotations

import msgspec

from firmware_profiles.profile import Profile

SMALL = (32, 24)  # pixels: a picture in a few packets, so that every byte of a conversation can be tried
SMALL_PACKET = 256


def shrunk(profile: Profile) -> Profile:
    """The same model with a platen of 32 x 24 pixels and blocks of at most 256 bytes."""
    width, height = SMALL
    sizes = (
        tuple(
            msgspec.structs.replace(
                size,
                width=width,
                height=height,
                bytes=size.bytes * width * height // (size.width * size.height),
            )
            for size in profile.image.sizes[:1]
        )
        or profile.image.sizes
    )
    if len(profile.kinds) > 1:  # the reader tells sizes by kind
        sizes = tuple(msgspec.structs.replace(sizes[0], kind=kind) for kind in profile.kinds)
    link = msgspec.structs.replace(profile.link, packet_bytes=min(profile.link.packet_bytes, SMALL_PACKET))
    return msgspec.structs.replace(
        profile, image=msgspec.structs.replace(profile.image, sizes=sizes), link=link
    )
