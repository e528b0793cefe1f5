"""The benches of sets and rolls: figures from a pool and counts that follow from it, not from the world."""

from __future__ import annotations

import argparse
import json

import numpy as np
import pytest

from station.bench import roll as roll_bench
from station.bench import sequence as bench
from station.bench import sequence_pool
from station.bench.sequence_plant import KINDS, Draw, planted
from station.bench.sequence_pool import Held, Key, Pool, touch
from station.errors import EnvironmentFault
from station.friction_ridge import MinutiaTemplate


def template(person, finger, salt):
    """Minutiae of a finger, a pixel or so off in each touch."""
    base = np.random.default_rng([person, finger])
    x, y, angle = base.uniform(20, 380, 40), base.uniform(20, 380, 40), base.uniform(0, 360, 40)
    off = np.random.default_rng([person, finger, salt]).normal(0, 1.0, (3, 40))
    arrays = [(v + o).astype(np.float32) for v, o in zip((x, y, angle % 359), off, strict=True)]
    arrays[2] %= 360
    return MinutiaTemplate(400, 400, 500, *arrays, np.ones(40, np.uint8), np.full(40, 98, np.uint8))


@pytest.fixture(scope="module")
def pool():
    made = Pool(4, 3)
    for person in range(4):
        for number in range(1, 11):
            for salt, contact in enumerate(("roll", "plain")):
                for session in range(3):
                    held = Held(template(person, number, 10 * session + salt), 80)
                    made.held[Key(person, number, contact, session)] = held
    return made


def test_a_pool_is_the_same_after_save_and_load(pool, tmp_path):
    pool.save(tmp_path / "pool.npz")
    again = Pool.load(tmp_path / "pool.npz")
    assert (again.people, again.sessions, again.poor, len(again.held)) == (4, 3, 2, len(pool.held))
    key = Key(2, 7, "plain", 1)
    assert np.array_equal(again.held[key].template.x, pool.held[key].template.x)
    assert again.held[key].quality == 80


def test_a_file_that_is_no_pool_is_a_fault_of_the_environment(tmp_path):
    (tmp_path / "pool.npz").write_bytes(b"PK nothing")
    with pytest.raises(EnvironmentFault) as caught:
        Pool.load(tmp_path / "pool.npz")
    assert caught.value.code == "environment.no_pool"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_mistake_puts_wrong_fingers_where_it_says(pool, kind):
    shown = {id(held.template): key for key, held in pool.held.items()}
    for seed in range(5):
        plant = planted(Draw(pool, 0.3, seed), kind)
        persons = [shown[id(one.template)].person for one in plant.impressions]
        usual = max(set(persons), key=persons.count)
        wrong = {
            int(one.source)
            for one in plant.impressions
            if (shown[id(one.template)].person, shown[id(one.template)].finger) != (usual, int(one.fgp))
        }
        assert wrong
        assert wrong == plant.wrong


def test_a_clean_set_has_every_finger_where_it_belongs(pool):
    shown = {id(held.template): key for key, held in pool.held.items()}
    plant = planted(Draw(pool, 0.3, 1), "clean")
    assert not plant.wrong
    assert len({shown[id(one.template)].person for one in plant.impressions}) == 1
    assert all(shown[id(one.template)].finger == one.fgp for one in plant.impressions)


def test_the_bench_counts_and_says_whether_the_wanted_figures_are_met(pool, tmp_path, capsys):
    pool.save(tmp_path / "pool.npz")
    parser = argparse.ArgumentParser()
    bench.add_arguments(parser)
    words = ["--pool", str(tmp_path / "pool.npz"), "--sets", "4", "--planted", "2", "--json"]
    assert bench.run(parser.parse_args(words)) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["touches"]["ordinary"]["clean"] == {
        "sets": 4, "stopped": 0.0, "interval": told["touches"]["ordinary"]["clean"]["interval"], "noted": 0,
    }  # fmt: skip
    assert {one["caught"] for one in told["touches"]["poor"]["kinds"].values()} == {1.0}
    assert "met" in bench.table(told)


def test_poor_touches_have_one_thing_wrong_and_ordinary_ones_none():
    rng = np.random.default_rng(1)
    usual = touch(rng, poor=False)
    assert 0.4 <= usual.pressure <= 0.6
    fields = {name for name, _, _ in sequence_pool.POOR}
    assert fields == {"moisture", "pressure", "wear", "smear", "distortion"}
    assert touch(np.random.default_rng(2), poor=True) != touch(np.random.default_rng(2), poor=False)


def test_a_slap_that_cannot_be_segmented_is_tried_again_then_given_up(monkeypatch):
    monkeypatch.setattr(sequence_pool, "_pixels", lambda step, subject, put_down: None)
    found = {"slap": []}

    def fingers(step, pixels):
        if step.kind == "slap":
            found["slap"].append(step.fgp)
            return []
        return [(step.fingers[0], "roll", Held(template(0, int(step.fgp), 0), 80))]

    monkeypatch.setattr(sequence_pool, "_fingers", fingers)
    told = []
    made = sequence_pool.grow(1, 1, 1, told.append)
    assert (made.unsegmented, len(found["slap"]), told) == (2, 6, ["person 1 of 1"])


def test_the_roll_bench_judges_what_it_saw():
    seen = roll_bench.Seen()
    seen.frame_ms += [5.0, 7.0]
    seen.alarms += [(), ()]
    seen.score("stitched against a plain", 90.0)
    for code in roll_bench.FAULTS:
        seen.notice(code, True)
    result = roll_bench.summary(seen)
    assert (result["met"], result["frame_ms"], result["noticed"]["clean roll"]["share"]) == (True, 6.0, 0.0)
    assert "stitched against a plain" in roll_bench.table(result)
    seen.alarms[0] = ("roll.slip",)
    again = roll_bench.summary(seen)
    assert (again["met"], again["alarms"]) == (False, ["roll.slip"])
