"""What a transaction is: records of fields of subfields of items, as bytes. In and out: frozen values, no checks.

ANSI/NIST-ITL 1-2011 traditional encoding, Annex B: FS ends a tagged record, GS separates fields, RS subfields, US
items. Splitting by separators and joining again loses nothing, so a decoded record keeps its bytes verbatim: tags
with fewer digits, leading zeros and the LEN it came with stay as they were.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

FS, GS, RS, US = b"\x1c", b"\x1d", b"\x1e", b"\x1f"
SEPARATORS = frozenset(FS + GS + RS + US)

BINARY_TYPES = frozenset({3, 4, 5, 6, 7, 8})
"""Untagged records: four bytes LEN, one byte IDC; their type is known from CNT only (ITL 2011, 7.1 and B.1)."""

DATA = 999
"""The field whose value is raw binary and may hold any byte; always the last (ITL 2011, Annex B)."""

Items = tuple[bytes, ...]

MOST_ROWS = 5000
"""Subfields, or items of one, that are still taken apart."""


class Field:
    """One field: number, value and tag; never changed after it was made.

    subfields: the value split by RS, then US, never empty; for field 999 one subfield of one item. A field that was
    read keeps only the bytes of its value and splits them when asked: a hostile value of nothing but separators
    would otherwise take fifty times its size. tag: the digits before the colon as they were read, e.g. `1.01`; empty
    for a field that was not read.
    """

    __slots__ = ("_parts", "_value", "number", "tag")

    def __init__(
        self, number: int, subfields: tuple[Items, ...] = (), tag: bytes = b"", *, value: bytes | None = None
    ) -> None:
        self.number = number
        self.tag = tag
        self._parts = subfields if value is None else None
        self._value = value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Field):
            return NotImplemented
        return (self.number, self.tag, self.subfields) == (other.number, other.tag, other.subfields)

    def __hash__(self) -> int:
        return hash((self.number, self.tag, self.value))

    def __repr__(self) -> str:
        return f"Field(number={self.number!r}, subfields={self.subfields!r}, tag={self.tag!r})"

    @property
    def subfields(self) -> tuple[Items, ...]:
        """The value as items of subfields."""
        if self._parts is not None:
            return self._parts
        assert self._value is not None
        if self.number == DATA:
            return ((self._value,),)
        return tuple(tuple(items.split(US)) for items in self._value.split(RS))

    @property
    def value(self) -> bytes:
        """The value as it stands in the file, separators included."""
        if self._value is not None:
            return self._value
        return RS.join(US.join(items) for items in self._parts or ())

    @property
    def size(self) -> tuple[int, int]:
        """How many subfields, and how many items the longest of them has, counted without splitting."""
        if self._parts is not None:
            return len(self._parts), max((len(items) for items in self._parts), default=0)
        assert self._value is not None
        if self.number == DATA:
            return 1, 1
        return self._value.count(RS) + 1, _most_items(self._value)

    @property
    def text(self) -> str:
        """The value as text: UTF-8 where it is, otherwise Latin-1, which cannot fail."""
        return to_text(self.value)

    @property
    def rows(self) -> tuple[tuple[str, ...], ...]:
        """The subfields as text items."""
        return tuple(tuple(to_text(item) for item in items) for items in self.subfields)


@dataclass(frozen=True)
class TaggedRecord:
    """A record of tagged fields: every type but 3 to 8. A new one may lack field 1 (LEN): the writer puts it."""

    type: int
    fields: tuple[Field, ...]

    @property
    def idc(self) -> str | None:
        """Field 2 as text; None in a Type-1, which has none."""
        return None if self.type == 1 else self.text(2)

    @property
    def data(self) -> bytes | None:
        """The bytes of field 999, or None."""
        found = self.field(DATA)
        return None if found is None else found.subfields[0][0]

    def field(self, number: int) -> Field | None:
        """The first field of that number, or None."""
        return next((each for each in self.fields if each.number == number), None)

    def text(self, number: int) -> str | None:
        """The value of a field as text, or None when the field is absent."""
        found = self.field(number)
        return None if found is None else found.text

    def rows(self, number: int) -> tuple[tuple[str, ...], ...]:
        """The subfields of a field as text items; empty when the field is absent, or so long that no field of the
        standard is meant (`check_fields` says so)."""
        found = self.field(number)
        if found is None or found.size[0] > MOST_ROWS or found.size[1] > MOST_ROWS:
            return ()
        return found.rows


@dataclass(frozen=True)
class BinaryRecord:
    """An untagged record (types 3 to 8), whole, with its LEN and IDC bytes."""

    type: int
    content: bytes

    @property
    def idc(self) -> str:
        """The IDC byte, as two decimal digits."""
        return f"{self.content[4]:02d}"


Record = TaggedRecord | BinaryRecord


@dataclass(frozen=True)
class Transaction:
    """The records of one file, Type-1 first."""

    records: tuple[Record, ...]

    @property
    def header(self) -> TaggedRecord:
        """The Type-1 record."""
        first = self.records[0]
        assert isinstance(first, TaggedRecord)
        return first

    @property
    def tot(self) -> str:
        """1.004, type of transaction; empty when absent."""
        return self.header.text(4) or ""

    @property
    def tcn(self) -> str:
        """1.009, the sender's control number; empty when absent."""
        return self.header.text(9) or ""

    @property
    def tcr(self) -> str | None:
        """1.010, the control number this one answers; None when absent or empty."""
        return self.header.text(10) or None

    def of_type(self, record_type: int) -> tuple[TaggedRecord, ...]:
        """All tagged records of one type, in file order."""
        return tuple(
            each for each in self.records if isinstance(each, TaggedRecord) and each.type == record_type
        )


@dataclass(frozen=True)
class TypeFour:
    """The 18-byte header of a Type-4 record and its image (ITL 2011, Table 13; big-endian).

    fgp: the positions given, unused bytes (255) left out; cga: 0 none, 1 WSQ20.
    """

    idc: int
    imp: int
    fgp: tuple[int, ...]
    isr: int
    width: int
    height: int
    cga: int
    data: bytes


def type_four(record: BinaryRecord) -> TypeFour:
    """Read a Type-4 record of at least 18 bytes (the decoder refuses shorter ones)."""
    raw = record.content
    positions = tuple(byte for byte in raw[6:12] if byte != 255)
    width, height = int.from_bytes(raw[13:15]), int.from_bytes(raw[15:17])
    return TypeFour(raw[4], raw[5], positions, raw[12], width, height, raw[17], raw[18:])


def type_four_record(image: TypeFour) -> BinaryRecord:
    """Write a Type-4 record; unused position bytes are 255."""
    positions = bytes(image.fgp) + b"\xff" * (6 - len(image.fgp))
    head = bytes((image.idc, image.imp)) + positions + bytes((image.isr,))
    body = head + image.width.to_bytes(2) + image.height.to_bytes(2) + bytes((image.cga,)) + image.data
    return BinaryRecord(4, (4 + len(body)).to_bytes(4) + body)


def _most_items(value: bytes) -> int:
    """Items of the longest subfield."""
    most, start = 0, 0
    while True:
        stop = value.find(RS, start)
        most = max(most, value.count(US, start, len(value) if stop < 0 else stop) + 1)
        if stop < 0:
            return most
        start = stop + 1


def to_text(value: bytes) -> str:
    """Bytes as text: UTF-8 where valid, otherwise Latin-1."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def to_number(value: str) -> int | None:
    """Up to nine ASCII digits as a number, anything else as None: other digits and endless ones are no numbers."""
    return int(value) if 0 < len(value) <= 9 and value.isascii() and value.isdigit() else None


def _bytes(value: str) -> bytes:
    """UTF-8; a lone surrogate becomes bytes too, so that the writer and not the codec refuses it."""
    return value.encode("utf-8", "surrogatepass")


def text(number: int, value: str) -> Field:
    """A field of one item."""
    return Field(number, ((_bytes(value),),))


def group(number: int, items: Sequence[str]) -> Field:
    """A field of one subfield with several items."""
    return Field(number, (tuple(_bytes(item) for item in items),))


def repeated(number: int, rows: Sequence[Sequence[str]]) -> Field:
    """A field of several subfields, each with its items."""
    return Field(number, tuple(tuple(_bytes(item) for item in row) for row in rows))


def data(content: bytes) -> Field:
    """Field 999."""
    return Field(DATA, ((content,),))


def content_field(records: Sequence[Record]) -> Field:
    """1.003 CNT for these records (without the Type-1): `1 US n`, then `type US IDC` each, in file order."""
    rows = [("1", str(len(records)))]
    rows += [(str(each.type), each.idc or "") for each in records]
    return repeated(3, rows)
