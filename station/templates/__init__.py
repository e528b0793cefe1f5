"""Template codecs, one file per standard and year, found by name. In and out: MinutiaTemplate and bytes."""

from __future__ import annotations

from typing import Protocol

from station.friction_ridge import FGP, IMP, MinutiaTemplate
from station.templates import (
    incits378_2004,
    incits378_2009,
    iso19794_2_2005,
    iso19794_2_2011,
    json_text,
    type_9,
    type_9_efs,
    type_9_legacy,
)
from station.templates.minutia_record import bad


class Reader(Protocol):
    """What every format offers: its NAME, whether bytes claim to be it (cheap, never an error), and reading it."""

    NAME: str

    def matches(self, data: bytes) -> bool: ...

    def decode(self, data: bytes) -> MinutiaTemplate: ...


class Codec(Reader, Protocol):
    """A format that is written too."""

    def encode(
        self, template: MinutiaTemplate, *, fgp: FGP | int = 0, imp: IMP | int = 0, quality: int = 0
    ) -> bytes: ...


_WRITTEN: tuple[Codec, ...] = (
    json_text,
    iso19794_2_2005,
    iso19794_2_2011,
    incits378_2004,
    incits378_2009,
    type_9,
)
CODECS: dict[str, Codec] = {codec.NAME: codec for codec in _WRITTEN}
"""Name as on the command line to module."""
READERS: tuple[Reader, ...] = (*_WRITTEN, type_9_efs, type_9_legacy)
"""What `decode_any` tells apart, in the order it asks."""

__all__ = ["CODECS", "READERS", "Codec", "Reader", "decode_any", "encode", "format_of"]


def encode(name: str, template: MinutiaTemplate, *, fgp: int = 0, imp: int = 0, quality: int = 0) -> bytes:
    """Bytes of a template in the named format. Raises TemplateError template.unknown_format and the codec's own."""
    if name not in CODECS:
        raise bad("unknown_format", f"no template format is called {name!r}; there are {', '.join(CODECS)}")
    return CODECS[name].encode(template, fgp=fgp, imp=imp, quality=quality)


def format_of(data: bytes) -> Reader | None:
    """The format that bytes claim to be, None when it is none of these."""
    return next((reader for reader in READERS if reader.matches(data)), None)


def decode_any(data: bytes) -> MinutiaTemplate:
    """A template of any of the formats; of several views or records the first. Raises TemplateError
    template.unknown_format and the codec's own."""
    reader = format_of(data)
    if reader is None:
        raise bad("unknown_format", f"{len(data)} bytes are a template of none of the formats known here")
    return reader.decode(data)
