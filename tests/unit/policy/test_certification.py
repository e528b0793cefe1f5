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
KINDS = ("roll", "plain", "slap")
TENPRINT = ("CAR", "CNA", "CPDR", "CPNU", "NFUF", "FANC", "MAP", "AMN")  # EBTS 9.1: up to 14 images
RAPID = ("RPIS",)  # EBTS 11.2: 2 to 10 prints
CELLS = [
    (scheme, fap, tot, kind, use)
    for (scheme, fap), rows in EXPECTED.items()
    for tots, row in zip((TENPRINT, RAPID), rows, strict=True)
    for tot, (kind, use) in product(tots, zip(KINDS, row.split(), strict=True))
]
# Whose rule it is: class -> first words of the citation, tenprint and rapid.
WHOSE = {
    ("AppF", None): ("FBI EBTS Appendix F, IAFIS image quality: 1.6 x 1.5 in rolls", "FBI EBTS 11.2, RPIS"),
    ("AppF", 60): ("FBI EBTS Appendix F, IAFIS image quality: FAP 60, 3.2 x 3.0 in", "FBI EBTS 11.2, RPIS"),
    ("AppF", 160): ("FBI EBTS Appendix F, IAFIS image quality: FAP 60, 3.2 x 3.0 in", "FBI EBTS 11.2, RPIS"),
    ("AppF", 50): ("FBI EBTS Appendix F, IAFIS image quality: FAP 50, 3.2 x 2.0 in", "FBI EBTS 11.2, RPIS"),
    ("AppF", 150): ("FBI EBTS Appendix F, IAFIS image quality: FAP 50, 3.2 x 2.0 in", "FBI EBTS 11.2, RPIS"),
    ("AppF", 45): ("FBI EBTS Appendix F, IAFIS image quality: FAP 45, 1.6 x 1.5 in", "FBI EBTS 11.2, RPIS"),
    ("AppF", 145): ("FBI EBTS Appendix F, IAFIS image quality: FAP 45, 1.6 x 1.5 in", "FBI EBTS 11.2, RPIS"),
    ("PIV", 40): ("FBI PIV-071006, single finger, one to one: FAP 40", "FBI EBTS 11.2, RPIS"),
    ("PIV", 30): ("FBI PIV-071006, single finger, one to one: FAP 10 to 30", "FBI EBTS 11.2, RPIS"),
    ("PIV", 20): ("FBI PIV-071006, single finger, one to one: FAP 10 to 30", "FBI EBTS 11.2, RPIS"),
    ("PIV", 10): ("FBI PIV-071006, single finger, one to one: FAP 10 to 30", "FBI EBTS 11.2, RPIS"),
    ("none", None): ("No public list of certified products", "No public list of certified products"),
}


@pytest.mark.parametrize(("scheme", "fap", "tot", "kind", "use"), CELLS)
def test_each_cell_is_as_the_sources_say(scheme, fap, tot, kind, use):
    cell = classes.may_contribute(tot, kind, certification=scheme, fap=fap)
    assert cell.use == use
    assert cell.citation
    assert bool(cell.reason) == (use != "yes")


@pytest.mark.parametrize(("scheme", "fap"), WHOSE)
def test_each_cell_names_whose_rule_it_is(scheme, fap):
    for tot, whose in zip(("CAR", "RPIS"), WHOSE[scheme, fap], strict=True):
        assert classes.may_contribute(tot, "plain", certification=scheme, fap=fap).citation.startswith(whose)


def test_the_table_has_no_class_type_or_kind_beside_these():
    assert set(classes.CLASSES) == set(WHOSE) - {("none", None)}
    assert (classes.TENPRINT, classes.RAPID, classes.KINDS) == (TENPRINT, RAPID, KINDS)
    devices = "tenprint fap-60 fap-50 fap-45 fap-40 fap-10-30 none".split()
    assert set(classes.TABLE) == set(product(devices, ("tenprint", "rapid")))


@pytest.mark.parametrize("scheme", ["AppF", "PIV", "none"])
def test_a_capture_profile_that_no_list_names_counts_as_uncertified(scheme):
    listed = {fap for name, fap in WHOSE if name == scheme}
    found = {fap for fap in (None, *range(200)) if classes.device_class(scheme, fap) != "none"}
    assert found == listed - ({None} if scheme == "none" else set())


@given(st.text(max_size=8), st.sampled_from(KINDS))
def test_a_type_without_a_row_is_refused(tot, kind):
    if tot not in (*TENPRINT, *RAPID):
        assert classes.may_contribute(tot, kind, certification="AppF", fap=60).use == "no"


@pytest.mark.parametrize(
    ("scheme", "fap", "tot", "kind", "use"), [cell for cell in CELLS if cell[2] == "CAR"]
)
def test_the_policy_lets_nothing_into_production_that_the_table_refuses(scheme, fap, tot, kind, use):
    asked = {"certification": scheme, "simulated": False, "fap": fap, "kind": kind}
    decision = decide(tot, gateway="production", **asked)
    rules = {"AppF": "reader.appendix-f" if use == "yes" else "reader.class"}
    assert (decision.allowed, decision.rule) == (use == "yes", rules.get(scheme, "reader.not-certified"))
    assert decide(tot, gateway="simulated", **asked).allowed


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


def test_a_limit_without_words_of_its_own_is_said_as_it_is():
    decision = decide(
        "CAR",
        certification="AppF",
        simulated=False,
        gateway="production",
        fap=60,
        limits=("x.y", "ppi.not_500"),
    )
    assert decision.reason == "Training only: x.y; its resolution is neither 500 nor 1000 ppi within 1 %"
    assert classes.marks("AppF", 60, ("x.y",)) == ("X.Y",)


def test_a_cell_says_to_the_officer_why_not():
    asked = {"certification": "PIV", "fap": 20}
    assert classes.may_contribute("CAR", "slap", **asked).reason == (
        "A reader of class fap-10-30 may not contribute a slap to CAR: training and verification only"
    )
    assert classes.may_contribute("CAR", "roll", certification="none", fap=None).reason.startswith(
        "An uncertified reader may not contribute a roll to CAR"
    )
    assert classes.may_contribute("RPIS", "plain", **asked).reason.startswith("RPIS needs an agreement")


def test_before_capture_a_reader_is_refused_only_if_it_may_contribute_nothing():
    asked = {"certification": "AppF", "simulated": False, "gateway": "production", "fap": 45}
    assert decide("CAR", **asked).allowed
    assert decide("CAR", **asked, kind="slap").rule == "reader.class"
    refused = decide("CAR", **{**asked, "fap": 10})
    assert refused.rule == "reader.class"
    assert "may not contribute a slap to CAR" in refused.reason


@pytest.mark.parametrize(
    ("fgp", "imp", "kind"),
    [
        (FGP.LEFT_LITTLE, IMP.LIVESCAN_PLAIN, "plain"),
        (FGP.PLAIN_LEFT_THUMB, IMP.LIVESCAN_PLAIN, "plain"),
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
