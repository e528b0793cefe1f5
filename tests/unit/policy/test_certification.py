"""Every cell of the table of certification, and that the policy asks it."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_profiles.fit import WORDS
from station.friction_ridge import FGP, IMP
from station.policy import certification as classes
from station.policy import decide

# What is expected, written down a second time: class -> tenprint and rapid, each roll, plain, slap.
EXPECTED = {
    ("AppF", None): ("yes yes yes", "agreement agreement agreement"),
    ("AppF", 60): ("yes yes yes", "agreement agreement agreement"),
    ("AppF", 160): ("yes yes yes", "agreement agreement agreement"),
    ("AppF", 50): ("yes yes yes", "agreement agreement agreement"),
    ("AppF", 150): ("yes yes yes", "agreement agreement agreement"),
    ("AppF", 45): ("yes yes no", "agreement agreement no"),
    ("AppF", 145): ("yes yes no", "agreement agreement no"),
    ("PIV", 40): ("no no no", "no agreement no"),
    ("PIV", 30): ("no no no", "no agreement no"),
    ("PIV", 20): ("no no no", "no agreement no"),
    ("PIV", 10): ("no no no", "no agreement no"),
    ("none", None): ("no no no", "no no no"),
    ("none", 60): ("no no no", "no no no"),
    ("PIV", 60): ("no no no", "no no no"),
    ("AppF", 10): ("no no no", "no no no"),
    ("made up", 60): ("no no no", "no no no"),
}
CELLS = [
    (scheme, fap, tot, kind, use)
    for (scheme, fap), rows in EXPECTED.items()
    for tots, row in zip((classes.TENPRINT, classes.RAPID), rows, strict=True)
    for tot, (kind, use) in product(tots, zip(classes.KINDS, row.split(), strict=True))
]


@pytest.mark.parametrize(("scheme", "fap", "tot", "kind", "use"), CELLS)
def test_each_cell_is_as_the_sources_say(scheme, fap, tot, kind, use):
    cell = classes.may_contribute(tot, kind, certification=scheme, fap=fap)
    assert cell.use == use
    assert cell.citation
    assert bool(cell.reason) == (use != "yes")


def test_the_table_has_a_row_for_every_class_and_no_other():
    devices = {*classes.CLASSES.values(), classes.UNCERTIFIED}
    assert set(classes.TABLE) == {(device, family) for device in devices for family in ("tenprint", "rapid")}


@given(st.text(max_size=8), st.sampled_from(classes.KINDS))
def test_a_type_without_a_row_is_refused(tot, kind):
    if tot not in (*classes.TENPRINT, *classes.RAPID):
        assert classes.may_contribute(tot, kind, certification="AppF", fap=60).use == "no"


@pytest.mark.parametrize(("scheme", "fap"), EXPECTED)
@pytest.mark.parametrize("kind", classes.KINDS)
def test_the_policy_lets_nothing_into_production_that_the_table_refuses(scheme, fap, kind):
    use = classes.may_contribute("CAR", kind, certification=scheme, fap=fap).use
    decision = decide("CAR", certification=scheme, simulated=False, gateway="production", fap=fap, kind=kind)
    assert decision.allowed == (use == "yes")
    assert decide(
        "CAR", certification=scheme, simulated=False, gateway="simulated", fap=fap, kind=kind
    ).allowed


@pytest.mark.parametrize("limit", WORDS)
def test_each_limit_of_a_unit_stops_production_and_says_why(limit):
    decision = decide(
        "CAR",
        certification="AppF",
        simulated=False,
        gateway="production",
        fap=60,
        limits=(limit,),
        kind="roll",
    )
    assert (decision.allowed, decision.rule) == (False, "reader.limited")
    assert WORDS[limit] in decision.reason
    assert decide(
        "CAR", certification="AppF", simulated=False, gateway="simulated", fap=60, limits=(limit,)
    ).allowed


def test_before_capture_a_reader_is_refused_only_if_it_may_contribute_nothing():
    asked = {"certification": "AppF", "simulated": False, "gateway": "production", "fap": 45}
    assert decide("CAR", **asked).allowed
    assert decide("CAR", **asked, kind="slap").rule == "reader.class"
    assert decide("CAR", **{**asked, "fap": 10}).rule == "reader.class"


@pytest.mark.parametrize(
    ("fgp", "imp", "kind"),
    [
        (FGP.RIGHT_INDEX, IMP.LIVESCAN_ROLLED, "roll"),
        (FGP.RIGHT_INDEX, IMP.LIVESCAN_PLAIN, "plain"),
        (FGP.PLAIN_RIGHT_THUMB, IMP.LIVESCAN_PLAIN, "plain"),
        (FGP.PLAIN_RIGHT_FOUR, IMP.LIVESCAN_PLAIN, "slap"),
        (FGP.PLAIN_LEFT_FOUR, IMP.LIVESCAN_PLAIN, "slap"),
        (FGP.PLAIN_THUMBS, IMP.LIVESCAN_PLAIN, "slap"),
    ],
)
def test_position_and_type_tell_the_kind_of_contact(fgp, imp, kind):
    assert classes.kind_of(fgp, imp) == kind


def test_everything_but_a_fit_appendix_f_reader_is_marked():
    assert classes.marks("AppF", 60, ()) == ()
    assert classes.marks("none", None, ()) == ("NOT APPENDIX F",)
    assert classes.marks("PIV", 20, ("firmware.bad",)) == ("NOT APPENDIX F", WORDS["firmware.bad"].upper())
    assert classes.marks("AppF", 60, ("ppi.uncalibrated",)) == (WORDS["ppi.uncalibrated"].upper(),)
