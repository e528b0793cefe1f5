"""The times of USB readers: bytes and bus time are those of the image, and a reader without a person waits."""

from __future__ import annotations

import pytest

from station.bench import readers_usb

BYTES = {"nb1010": 90 * 540, "upektc": 52_050, "uru4500": 64 + 289 * 384}


@pytest.mark.parametrize("driver", ["nb1010", "upektc", "uru4500"])
def test_an_image_takes_what_the_bus_needs_and_a_little_more(driver: str) -> None:
    ((image, _),) = readers_usb.images([driver]).values()
    assert image.bytes == BYTES[driver]
    assert image.bus_s >= image.bytes / 1_216_000
    assert image.took_s > image.bus_s


def test_descrambling_is_timed() -> None:
    assert 0 < readers_usb.descramble_s() < 1
