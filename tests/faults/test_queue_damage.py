"""A sample of the campaign `damage`; whole: `station bench queue --campaign damage`."""

from __future__ import annotations

import pytest

from station.bench import queue_damage


@pytest.mark.parametrize(
    "sealed",
    [
        pytest.param(False, id="own key"),
        pytest.param(True, id="sealed to the gateway", marks=pytest.mark.long),
    ],
)
def test_a_damaged_sector_is_found_before_sending_and_the_rest_is_sent(sealed: bool) -> None:
    told = queue_damage.run(14, seed=3, sealed=sealed)
    assert told["counts"]["live"] > 4
    assert told["counts"]["found_at_boot"]
    assert told["counts"]["sent"] > 100
    assert not any(told["must_be_zero"].values()), told
