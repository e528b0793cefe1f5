"""The shipped table of rules, and how a table is read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.errors import PolicyError
from station.policy import decide, parse_rules, require, shipped_rules


@pytest.mark.parametrize(
    ("tot", "certification", "simulated", "gateway", "allowed", "rule"),
    [
        ("CAR", "none", True, "simulated", True, "gateway.test"),
        ("CAR", "AppF", False, "production", True, "reader.appendix-f"),
        ("CAR", "AppF", True, "production", False, "reader.simulated-stays-home"),
        ("CAR", "PIV", False, "production", False, "reader.not-certified"),
        ("CAR", "none", False, "production", False, "reader.not-certified"),
        ("CAR", "none", False, "simulated", True, "gateway.test"),
        ("RPIS", "AppF", False, "production", False, "tot.known-only"),
        ("CAR", "AppF", False, "elsewhere", False, "none"),
    ],
)
def test_the_shipped_rules_decide(tot, certification, simulated, gateway, allowed, rule):
    decision = decide(tot, certification=certification, simulated=simulated, gateway=gateway)
    assert (decision.allowed, decision.rule) == (allowed, rule)
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


@pytest.mark.parametrize("text", ["rule = 1", "[[rule", '[[rule]]\nid="a"\nalowed=true\n'])
def test_a_table_with_a_mistake_is_refused(text):
    with pytest.raises(PolicyError, match=r"policy.invalid"):
        parse_rules(text)


def test_every_shipped_rule_has_its_own_id():
    ids = [rule.id for rule in shipped_rules()]
    assert len(set(ids)) == len(ids)
