"""Image codecs by the names of the standard (Type-14 CGA): WSQ20, PNG, JP2, NONE.

Every codec module has `encode(gray: uint8[h, w], ppi) -> bytes` and `decode(data: bytes) -> uint8[h, w]`, both
raising ImageError.
"""

from __future__ import annotations

import importlib
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from station.errors import ImageError

NAMES: dict[str, str] = {"WSQ20": "wsq20", "PNG": "png", "JP2": "jp2", "JP2L": "jp2l", "NONE": "none"}
"""CGA of ANSI/NIST-ITL table 15 to module name; imported late, so that a missing library breaks its codec only."""


class Codec(Protocol):
    """What a codec module offers."""

    def encode(self, gray: NDArray[np.uint8], ppi: int) -> bytes: ...
    def decode(self, data: bytes) -> NDArray[np.uint8]: ...


def by_name(cga: str) -> Codec:
    """The codec of a CGA code. Raises ImageError image.unknown_codec."""
    if cga not in NAMES:
        raise ImageError(
            "image.unknown_codec", f"no codec is called {cga!r}", f"One of {', '.join(NAMES)} is meant."
        )
    return cast(Codec, importlib.import_module(f"{__name__}.{NAMES[cga]}"))
