"""The shipped table of rules, and how a table is read."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.errors import PolicyError
from station.policy import decide, parse_rules, require, shipped_rules

# What the shipped rules mean, whole: a simulated reader never feeds a real file; the station builds one type; toward
# production only a reader under Appendix F; a test gateway takes everything; of another gateway nothing is known.
# A tenprint reader (no number of a capture profile) before capture, so that the table of certification says yes.
MEANING = """
gateway     simulated  certification  CAR                               another type
production  yes        AppF           no  reader.simulated-stays-home   no  reader.simulated-stays-home
production  yes        PIV            no  reader.simulated-stays-home   no  reader.simulated-stays-home
production  yes        none           no  reader.simulated-stays-home   no  reader.simulated-stays-home
production  yes        unheard-of     no  reader.simulated-stays-home   no  reader.simulated-stays-home
production  no         AppF           yes reader.appendix-f             no  tot.known-only
production  no         PIV            no  reader.not-certified          no  tot.known-only
production  no         none           no  reader.not-certified          no  tot.known-only
production  no         unheard-of     no  reader.not-certified          no  tot.known-only
simulated   yes        AppF           yes gateway.test                  no  tot.known-only
simulated   yes        PIV            yes gateway.test                  no  tot.known-only
simulated   yes        none           yes gateway.test                  no  tot.known-only
simulated   yes        unheard-of     yes gateway.test                  no  tot.known-only
simulated   no         AppF           yes gateway.test                  no  tot.known-only
simulated   no         PIV            yes gateway.test                  no  tot.known-only
simulated   no         none           yes gateway.test                  no  tot.known-only
simulated   no         unheard-of     yes gateway.test                  no  tot.known-only
elsewhere   yes        AppF           no  none                          no  tot.known-only
elsewhere   yes        PIV            no  none                          no  tot.known-only
elsewhere   yes        none           no  none                          no  tot.known-only
elsewhere   yes        unheard-of     no  none                          no  tot.known-only
elsewhere   no         AppF           no  none                          no  tot.known-only
elsewhere   no         PIV            no  none                          no  tot.known-only
elsewhere   no         none           no  none                          no  tot.known-only
elsewhere   no         unheard-of     no  none                          no  tot.known-only
"""
ROWS = [line.split() for line in MEANING.strip().splitlines()[1:]]
OTHERS = "CNA CPDR CPNU RPIS NFUF FANC MAP AMN SRE ERRT car CARX".split()


def test_the_matrix_has_every_case():
    asked = itertools.product(
        ("production", "simulated", "elsewhere"), ("yes", "no"), ("AppF", "PIV", "none", "unheard-of")
    )
    assert [tuple(row[:3]) for row in ROWS] == list(asked)


@pytest.mark.parametrize(
    ("gateway", "simulated", "certification", "yes", "rule", "other", "other_rule"), ROWS
)
def test_the_shipped_rules_decide_as_they_are_meant(
    gateway, simulated, certification, yes, rule, other, other_rule
):
    for tot, allowed, wanted in (("CAR", yes, rule), *((tot, other, other_rule) for tot in OTHERS)):
        decision = decide(tot, certification=certification, simulated=simulated == "yes", gateway=gateway)
        assert (tot, decision.allowed, decision.rule) == (tot, allowed == "yes", wanted)
        assert decision.citation
        assert decision.reason


@given(st.text(max_size=8), st.text(max_size=8))
def test_a_simulated_reader_never_reaches_production(tot, certification):
    assert not decide(tot, certification=certification, simulated=True, gateway="production").allowed


def test_a_refusal_names_rule_and_authority():
    decision = decide("CAR", certification="none", simulated=True, gateway="production")
    with pytest.raises(PolicyError) as caught:
        require(decision)
    assert caught.value.code == "policy.refused"
    assert "reader.simulated-stays-home" in caught.value.message
    assert "Authority:" in caught.value.advice
    require(decide("CAR", certification="none", simulated=True, gateway="simulated"))


def test_an_empty_table_refuses_everything():
    assert not decide("CAR", certification="AppF", simulated=False, gateway="simulated", rules=()).allowed


def test_a_rule_with_a_tot_list_fits_only_those():
    rules = parse_rules('[[rule]]\nid="a"\nallowed=true\ncitation="c"\nreason="r"\ntot=["CNA"]\n')
    assert decide("CNA", certification="none", simulated=True, gateway="simulated", rules=rules).allowed
    assert not decide("CAR", certification="none", simulated=True, gateway="simulated", rules=rules).allowed


CONDITIONS = {
    "tot": ('["CAR", "CNA"]', {"CAR", "CNA"}, {"RPIS"}),
    "tot_not": ('["CAR"]', {"CNA"}, {"CAR"}),
    "certification": ('["AppF", "PIV"]', {"AppF", "PIV"}, {"none"}),
    "simulated": ("true", {True}, {False}),
    "gateway": ('"production"', {"production"}, {"simulated"}),
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_rule_fits_what_its_condition_names_and_nothing_else(name):
    condition, fitting, others = CONDITIONS[name]
    text = f'[[rule]]\nid="a"\nallowed=false\ncitation="c"\nreason="r"\n{name}={condition}\n'
    (rule,) = parse_rules(text)
    usual = {"tot": "CAR", "certification": "none", "simulated": False, "gateway": "simulated"}
    for value in fitting | others:
        assert rule.fits(**(usual | {name.removesuffix("_not"): value})) == (value in fitting)


def test_the_first_rule_that_fits_decides():
    rows = [f'[[rule]]\nid="{n}"\nallowed={n}\ncitation="c"\nreason="r"\n' for n in ("false", "true")]
    asked = {"certification": "none", "simulated": True, "gateway": "simulated"}
    for first, second in (rows, reversed(rows)):
        decision = decide("CAR", **asked, rules=parse_rules(first + second))
        assert str(decision.allowed).lower() == decision.rule
        assert decision.rule in first


@pytest.mark.parametrize("text", ["rule = 1", "[[rule", '[[rule]]\nid="a"\nalowed=true\n'])
def test_a_table_with_a_mistake_is_refused(text):
    with pytest.raises(PolicyError, match=r"policy.invalid"):
        parse_rules(text)


def test_every_shipped_rule_has_its_own_id():
    ids = [rule.id for rule in shipped_rules()]
    assert len(set(ids)) == len(ids)
