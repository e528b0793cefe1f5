"""Template codecs, one file per standard and year, found by name. In and out: MinutiaTemplate and bytes."""

from __future__ import annotations

from typing import Protocol

from station.friction_ridge import FGP, IMP, MinutiaTemplate
from station.templates import incits378_2004, iso19794_2_2005, json_text
from station.templates.minutia_record import MAGIC, ViewHeader, bad


class Codec(Protocol):
    """What every template codec offers."""

    NAME: str

    def encode(
        self, template: MinutiaTemplate, *, fgp: FGP | int = 0, imp: IMP | int = 0, quality: int = 0
    ) -> bytes: ...


CODECS: dict[str, Codec] = {codec.NAME: codec for codec in (json_text, iso19794_2_2005, incits378_2004)}
"""Name as on the command line to module; each has `encode(template, *, fgp, imp, quality) -> bytes`."""

__all__ = ["CODECS", "Codec", "ViewHeader", "decode_any", "encode"]


def encode(name: str, template: MinutiaTemplate, *, fgp: int = 0, imp: int = 0, quality: int = 0) -> bytes:
    """Bytes of a template in the named format. Raises TemplateError template.unknown_format and the codec's own."""
    if name not in CODECS:
        raise bad("unknown_format", f"no template format is called {name!r}; there are {', '.join(CODECS)}")
    return CODECS[name].encode(template, fgp=fgp, imp=imp, quality=quality)


def decode_any(data: bytes) -> MinutiaTemplate:
    """A template of any of the formats. The two binary ones start alike; bytes 8 and 9 tell them apart: zero for
    ISO, whose length has four bytes, the length itself for INCITS 378. Raises TemplateError."""
    if data[: len(MAGIC)] != MAGIC:
        return json_text.decode(data)
    if data[8:10] == b"\x00\x00":
        return iso19794_2_2005.decode(data)[0]
    return incits378_2004.decode(data)[0]
