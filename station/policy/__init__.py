"""May these prints be taken and sent? TOT, reader and kind of gateway in, Decision with rule and citation out.

First version: one table, `rules.toml`, read from the top, first fit decides, no fit refuses. It is asked before capture
and again before submission. Toward production two more things are asked of a reader: whether the unit is what its
profile says, and the table of certification (certification.py). Signed bundles replace the rules later behind the same
function.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec
from msgspec import Struct

from firmware_profiles.fit import WORDS
from station.errors import PolicyError
from station.policy import certification as classes
from station.policy.certification import Kind

GatewayKind = Literal["simulated", "production"]


@dataclass(frozen=True)
class Decision:
    """The answer of the policy. rule: its id; citation: whose rule it is; reason: in the officer's words."""

    allowed: bool
    rule: str
    citation: str
    reason: str


class Rule(Struct, frozen=True, forbid_unknown_fields=True):
    """One row of the table. An absent condition fits everything."""

    id: str
    allowed: bool
    citation: str
    reason: str
    tot: list[str] | None = None
    tot_not: list[str] | None = None
    certification: list[str] | None = None
    simulated: bool | None = None
    gateway: GatewayKind | None = None

    def fits(self, tot: str, *, certification: str, simulated: bool, gateway: str) -> bool:
        """Whether every condition of this row holds."""
        return (
            (self.tot is None or tot in self.tot)
            and (self.tot_not is None or tot not in self.tot_not)
            and (self.certification is None or certification in self.certification)
            and (self.simulated is None or simulated == self.simulated)
            and (self.gateway is None or gateway == self.gateway)
        )


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    rule: list[Rule]


NO_RULE = Decision(False, "none", "no rule of this station", "No rule of this station allows it")


def parse_rules(text: str) -> tuple[Rule, ...]:
    """A table of rules from TOML text. Raises PolicyError `policy.invalid`."""
    try:
        return tuple(msgspec.convert(tomllib.loads(text), _File).rule)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise PolicyError("policy.invalid", f"the policy table cannot be read: {error}") from error


@cache
def shipped_rules() -> tuple[Rule, ...]:
    """The table that comes with the station."""
    return parse_rules(files(__name__).joinpath("rules.toml").read_text(encoding="utf-8"))


def decide(
    tot: str,
    *,
    certification: str,
    simulated: bool,
    gateway: str,
    fap: int | None = None,
    limits: Sequence[str] = (),
    kind: Kind | None = None,
    rules: Sequence[Rule] | None = None,
) -> Decision:
    """Whether prints for `tot` from a reader of this class may go to this kind of gateway.

    certification: `none`, `PIV` or `AppF` of the device class; gateway: `simulated` or `production`; fap: its capture
    device profile; limits: of the unit (firmware_profiles.fit.WORDS); kind: of one impression, None before capture.
    What a rule allows toward production, the unit's limits and the table of certification may still refuse.
    """
    for rule in shipped_rules() if rules is None else rules:
        if rule.fits(tot, certification=certification, simulated=simulated, gateway=gateway):
            said = Decision(rule.allowed, rule.id, rule.citation, rule.reason)
            if not rule.allowed or gateway == "simulated":
                return said
            return _limited(limits) or _outside_class(tot, kind, certification, fap) or said
    return NO_RULE


def _limited(limits: Sequence[str]) -> Decision | None:
    if not limits:
        return None
    told = "; ".join(WORDS.get(limit, limit) for limit in limits)
    citation = "Station principle: a unit that is not what its profile says is for training only"
    return Decision(False, "reader.limited", citation, f"Training only: {told}")


def _outside_class(tot: str, kind: Kind | None, certification: str, fap: int | None) -> Decision | None:
    """The table's refusal; before capture, when the kind is open, of a reader that may contribute nothing."""
    asked = classes.KINDS if kind is None else (kind,)
    cells = [classes.may_contribute(tot, one, certification=certification, fap=fap) for one in asked]
    if any(cell.use == "yes" for cell in cells):
        return None
    return Decision(False, "reader.class", cells[-1].citation, cells[-1].reason)


def require(decision: Decision) -> None:
    """Raises PolicyError `policy.refused` with rule and citation when the decision is no."""
    if not decision.allowed:
        raise PolicyError(
            "policy.refused", f"{decision.reason} (rule {decision.rule})", f"Authority: {decision.citation}"
        )
