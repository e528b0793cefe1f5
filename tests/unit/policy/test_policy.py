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


# What each pair of reader and gateway may do, from the meaning of the rules: nothing simulated reaches a real file, the
# station has a rule for CAR only, a real file takes Appendix F only, a test gateway takes every reader.
DOMAIN = """
tot   certification  simulated  gateway     decision
CAR   none           yes        simulated   yes gateway.test
CAR   PIV            yes        simulated   yes gateway.test
CAR   AppF           yes        simulated   yes gateway.test
CAR   none           no         simulated   yes gateway.test
CAR   PIV            no         simulated   yes gateway.test
CAR   AppF           no         simulated   yes gateway.test
CAR   none           yes        production  no  reader.simulated-stays-home
CAR   PIV            yes        production  no  reader.simulated-stays-home
CAR   AppF           yes        production  no  reader.simulated-stays-home
CAR   none           no         production  no  reader.not-certified
CAR   PIV            no         production  no  reader.not-certified
CAR   AppF           no         production  yes reader.appendix-f
CNA   none           yes        simulated   no  tot.known-only
CNA   PIV            yes        simulated   no  tot.known-only
CNA   AppF           yes        simulated   no  tot.known-only
CNA   none           no         simulated   no  tot.known-only
CNA   PIV            no         simulated   no  tot.known-only
CNA   AppF           no         simulated   no  tot.known-only
CNA   none           yes        production  no  reader.simulated-stays-home
CNA   PIV            yes        production  no  reader.simulated-stays-home
CNA   AppF           yes        production  no  reader.simulated-stays-home
CNA   none           no         production  no  tot.known-only
CNA   PIV            no         production  no  tot.known-only
CNA   AppF           no         production  no  tot.known-only
"""


def test_the_shipped_rules_decide_the_whole_of_their_domain():
    rows = [line.split() for line in DOMAIN.strip().splitlines()[1:]]
    assert len({tuple(row[:4]) for row in rows}) == 2 * 3 * 2 * 2
    found = []
    for tot, certification, simulated, gateway, *_ in rows:
        said = decide(tot, certification=certification, simulated=simulated == "yes", gateway=gateway)
        found.append([tot, certification, simulated, gateway, "yes" if said.allowed else "no", said.rule])
    assert found == rows


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
