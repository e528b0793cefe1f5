"""Random valid bookings of every type in both forms: no finding, read back equal by us and by nistitl where it is."""

from __future__ import annotations

import datetime as dt
import importlib
import warnings
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from station.friction_ridge import AMP, FGP
from station.records import codes, tot
from station.records.decode import decode
from station.records.encode import encode
from station.records.header import Header
from station.records.transaction import BinaryRecord, Transaction, type_four
from station.records.validate import validate
from tests.unit.records.kit import image

SUBMISSIONS = [tot.load(name) for name in tot.names() if not tot.load(name).RESPONSE]
DAT = dt.date(2026, 11, 23)
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def nistitl() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return importlib.import_module("nistitl")
        except ImportError:
            return None


def day(earliest: dt.date, latest: dt.date) -> st.SearchStrategy[str]:
    return st.dates(earliest, latest).map(lambda value: f"{value:%Y%m%d}")


word = st.text(LETTERS, min_size=1, max_size=9)
name = st.builds(lambda s, g, m: f"{s},{g} {m}", st.text(LETTERS, min_size=1, max_size=20), word, word)
free = st.text(LETTERS + "0123456789 .,-/#'()", min_size=1, max_size=60).map(str.strip).filter(bool)


def subjects() -> st.SearchStrategy[dict[str, Any]]:
    """Values of every field the types may ask for; each type takes its own."""
    always = {
        "RET": st.sampled_from("YN"),
        "ATN": word.map(lambda value: f"DET {value}"),
        "NAM": name,
        "POB": st.sampled_from(sorted(codes.POB)),
        "DOB": st.one_of(st.just("00000000"), day(dt.date(1920, 1, 1), dt.date(2010, 1, 1))),
        "SEX": st.sampled_from(sorted(codes.SEX)),
        "RAC": st.sampled_from(sorted(codes.RAC)),
        "HGT": st.sampled_from(["000", "400", "511", "711", "N48", "N95"]),
        "WGT": st.integers(50, 499).map(lambda pounds: f"{pounds:03d}"),
        "EYE": st.sampled_from(sorted(codes.EYE)),
        "HAI": st.sampled_from(sorted(codes.HAI)),
        "DOA": day(dt.date(2026, 1, 1), DAT),
        "DPR": day(dt.date(2026, 1, 1), DAT),
        "RFP": st.just("LAW ENFORCEMENT"),
        "TSR": st.sampled_from(sorted(codes.TSR)),
        "NDR": st.lists(st.sampled_from(sorted(codes.NDR)), min_size=1, max_size=4),
        "ASL": st.lists(
            st.fixed_dictionaries({"DOO": day(dt.date(2020, 1, 1), DAT), "AOL": free}),
            min_size=1,
            max_size=40,
        ),
        "CRI": st.just("XX0010000"),
    }
    sometimes = {
        "OCA": word,
        "AKA": st.lists(name, min_size=1, max_size=10),
        "SOC": st.lists(st.from_regex("[0-9]{9}", fullmatch=True), min_size=1, max_size=4),
        "CTZ": st.lists(st.sampled_from(sorted(codes.CTZ)), min_size=1, max_size=10),
        "OCP": free,
        "RES": free,
        "ICO": free,
        "PHT": st.just("Y"),
    }
    return st.fixed_dictionaries(always, optional=sometimes)


@st.composite
def bookings(draw: st.DrawFn) -> tuple[Any, Transaction]:
    """A type and a whole submission of it, with up to ten fingers missing."""
    kind = draw(st.sampled_from(SUBMISSIONS))
    own = {rule.mnemonic for rule in kind.TYPE_2}
    subject = {key: value for key, value in draw(subjects()).items() if key in own}
    most = 8 if kind.TOT == "RPIS" else 10
    marks = draw(st.dictionaries(st.integers(1, 10).map(FGP), st.sampled_from(AMP), max_size=most))
    missing = {} if kind.TOT == "RPIS" else marks
    if len(missing) == 10:
        missing.popitem()  # a booking without any print is not this test's
    prints = [fgp for fgp in range(1, 11) if FGP(fgp) not in marks]
    if kind.TOT != "RPIS":
        prints += [
            slap for slap, fingers in _SLAPS.items() if any(FGP(each) not in missing for each in fingers)
        ]
    header = Header(
        draw(st.from_regex("[A-Z0-9-]{10,40}", fullmatch=True)),
        "EXSIB0000",
        "XX0010000",
        DAT,
        draw(st.datetimes(dt.datetime(2026, 1, 1), dt.datetime(2026, 11, 23), timezones=st.just(dt.UTC))),  # noqa: DTZ001
    )
    form = draw(st.sampled_from(["4", "14"]))
    return kind, kind.build(header, subject, [image(fgp) for fgp in prints], missing, form=form)


_SLAPS = {13: (2, 3, 4, 5), 14: (7, 8, 9, 10), 11: (1,), 12: (6,)}


@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(bookings())
def test_a_valid_booking_has_no_finding_and_reads_back_equal(made: tuple[Any, Transaction]) -> None:
    kind, txn = made
    content = encode(txn)
    again = decode(content)
    assert validate(again, today=DAT) == ()
    assert again == txn
    assert encode(again) == content
    assert again.tot == kind.TOT
    _compare(again, content)


def _compare(txn: Transaction, content: bytes) -> None:
    """Every text field of Type-2 and every image, as nistitl sees them."""
    library = nistitl()
    if library is None:
        return
    message = library.Message()
    message.parse(content)
    assert txn.tot == message.TOT
    theirs = next(message.iter(2))
    for field in txn.of_type(2)[0].fields:
        if field.number > 2 and field.size == (1, 1):
            assert getattr(theirs, f"_{field.number}") == field.text
    prints = [each for each in txn.records if each.type in (4, 14)]
    others = list(message.iter(prints[0].type))
    assert len(others) == len(prints)
    for ours, other in zip(prints, others, strict=True):
        if isinstance(ours, BinaryRecord):
            assert bytes(other.value).endswith(type_four(ours).data)
        else:
            assert bytes(other.DATA) == ours.data


def test_the_oracle_is_named_when_it_is_missing() -> None:
    if nistitl() is None:
        pytest.skip("nistitl is not installed: ./run setup; only our own decoder compared")
