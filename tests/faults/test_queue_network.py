"""Small runs of the campaigns `network` and `outage`: station and gateway agree on the set after every fault."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from station.bench import queue_network, queue_outage


@pytest.mark.parametrize("fault", queue_network.FAULTS)
def test_station_and_gateway_agree_after_every_fault(fault: str, tmp_path: Path) -> None:
    counts = queue_network.one_fault(fault, 3, random.Random(5), tmp_path)
    assert counts["in_custody"] == 3
    assert counts["struck"] >= 3, "the fault was really met, by each"
    for never in ("lost", "doubled", "falsely_sent", "sent_again_unasked", "sets_differ"):
        assert counts[never] == 0, never


def test_the_campaign_adds_up_its_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_network, "FAULTS", ("another_ack", "server_error"))
    said: list[str] = []
    result = queue_network.run(2, 3, said.append)
    assert (result["runs"], set(result["must_be_zero"].values())) == (4, {0})
    assert said == ["another_ack: 2 of 2 in custody", "server_error: 2 of 2 in custody"]


def test_a_station_that_never_asks_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mutation: a status of "not there" for everything makes the station send again what arrived."""
    monkeypatch.setattr(queue_network.Switch, "status", lambda self, submission_id: None)
    counts = queue_network.one_fault("lost_ack", 3, random.Random(5), tmp_path)
    assert counts["sent_again_unasked"] > 0
    assert counts["doubled"] == 0, "the gateway keeps an id once all the same"


def test_three_days_offline_with_reboots_in_1970_arrive_in_order() -> None:
    result = queue_outage.run(1, 2, bookings=40, reboots=6)
    assert (result["booked"], result["reboots"], result["boots_in_1970"]) == (40, 6, 3)
    assert result["refused_in_1970"] == 3
    assert set(result["must_be_zero"].values()) == {0}
