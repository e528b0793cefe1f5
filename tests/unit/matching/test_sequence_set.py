"""The whole-set check: every kind of mistake, told by a matcher that knows the truth. (Real scores: station bench.)"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.friction_ridge import FGP, SLAP_FINGERS, MinutiaTemplate
from station.matching import sequence_set
from station.matching.sequence_blame import blame
from station.matching.sequence_set import check_set
from station.matching.sequence_types import OtherFinger, SetImpression, contact_name

PLAINS = (FGP.PLAIN_RIGHT_FOUR, FGP.PLAIN_LEFT_FOUR, FGP.PLAIN_RIGHT_THUMB, FGP.PLAIN_LEFT_THUMB)


def finger(person, number, minutiae=40):
    """A template that only the matcher below can read: whose finger it is stands in its size."""
    nothing = np.zeros(minutiae, np.float32)
    marks = np.zeros(minutiae, np.uint8)
    return MinutiaTemplate(1000 + person, 1000 + int(number), 500, nothing, nothing, nothing, marks, marks)


def knowing(probes, gallery, same=90.0, other=4.0):
    """90 for the same finger, 4 for another; 4 as well where either has hardly any minutiae."""

    def score(a, b):
        told = min(len(a), len(b)) >= 10
        return same if told and (a.width, a.height) == (b.width, b.height) else other

    return np.array([[score(a, b) for b in gallery] for a in probes], np.float32)


def a_set(rolls=None, plains=None, lack=(), minutiae=None, quality=80):
    """A set of person 0; rolls: claimed finger → (person, finger); plains: source → the same."""
    minutiae = minutiae or {}
    taken = []
    for number in range(1, 11):
        if number in lack:
            continue
        shows = (rolls or {}).get(number, (0, number))
        taken.append(
            SetImpression(FGP(number), FGP(number), finger(*shows, minutiae.get(number, 40)), quality)
        )
    for source in PLAINS:
        for claimed in SLAP_FINGERS[source]:
            if int(claimed) in lack:
                continue
            shows = (plains or {}).get(int(source), {}).get(int(claimed), (0, int(claimed)))
            taken.append(
                SetImpression(claimed, source, finger(*shows, minutiae.get(int(source), 40)), quality)
            )
    return taken


def check(taken, others=(), identify=knowing):
    return check_set(taken, others, identify=identify)


def alarms(taken, others=(), identify=knowing):
    return [one for one in check(taken, others, identify) if one.alarm]


LEFT_ON_RIGHT = {2: (0, 10), 3: (0, 9), 4: (0, 8), 5: (0, 7)}
RIGHT_ON_LEFT = {7: (0, 5), 8: (0, 4), 9: (0, 3), 10: (0, 2)}


def test_a_clean_set_says_nothing():
    assert check(a_set()) == ()


def test_a_set_with_missing_fingers_says_nothing():
    assert check(a_set(lack=(1, 9))) == ()


def test_an_empty_set_and_a_single_impression_say_nothing():
    assert check([]) == ()
    assert check(a_set()[:1]) == ()


def test_two_exchanged_rolls_are_one_alarm_that_names_both():
    (found,) = alarms(a_set(rolls={2: (0, 3), 3: (0, 2)}))
    assert (found.code, set(found.sources)) == ("sequence.swapped", {FGP(2), FGP(3)})
    assert found.message.startswith("The right index finger agrees with the right middle finger")
    assert "and the right middle finger" in found.advice


def test_three_rolls_in_a_circle_are_all_named():
    found = alarms(a_set(rolls={2: (0, 3), 3: (0, 4), 4: (0, 2)}))
    assert {source for one in found for source in one.sources} == {FGP(2), FGP(3), FGP(4)}


def test_a_finger_rolled_twice_names_the_roll_that_is_wrong_and_shows_both():
    taken = a_set(rolls={3: (0, 2)})
    (found,) = alarms(taken)
    assert (found.code, found.sources) == ("sequence.repeated", (FGP(3),))
    assert {taken[place].source for place in found.pair} == {FGP(2), FGP(3)}


def test_a_finger_rolled_twice_without_plains_cannot_say_which_is_wrong():
    (found,) = alarms(a_set(rolls={3: (0, 2)})[:10])
    assert (found.code, set(found.sources)) == ("sequence.repeated", {FGP(2), FGP(3)})
    assert "Take both again" in found.advice


def test_a_slap_of_the_other_hand_is_one_alarm_about_the_slap():
    (found,) = alarms(a_set(plains={13: LEFT_ON_RIGHT}))
    assert (found.code, found.fgp in SLAP_FINGERS[FGP(13)]) == ("sequence.hands_swapped", True)
    assert FGP.PLAIN_RIGHT_FOUR in found.sources
    assert "agree with the left hand" in found.message


def test_both_slaps_exchanged_name_both_slaps():
    found = alarms(a_set(plains={13: LEFT_ON_RIGHT, 14: RIGHT_ON_LEFT}))
    assert {one.code for one in found} == {"sequence.hands_swapped"}
    assert {FGP.PLAIN_RIGHT_FOUR, FGP.PLAIN_LEFT_FOUR} <= {s for one in found for s in one.sources}


def test_rolls_of_the_hands_exchanged_name_the_rolls_too():
    rolls = {n: (0, n + 5 if n <= 5 else n - 5) for n in range(1, 11)}
    named = {source for one in alarms(a_set(rolls=rolls)) for source in one.sources}
    assert {FGP(n) for n in range(1, 11)} <= named


def test_exchanged_thumbs_could_be_the_rolls_or_the_plains_and_name_all_four():
    found = alarms(a_set(rolls={1: (0, 6), 6: (0, 1)}))
    assert set(found[0].sources) == {FGP(1), FGP(6), FGP(11), FGP(12)}
    assert len(found) == 1


def test_another_persons_roll_is_told_from_a_sound_set():
    (found,) = alarms(a_set(rolls={4: (1, 4)}))
    assert (found.code, found.sources, found.score) == ("sequence.other_person", (FGP(4),), 4.0)
    assert found.false_match_rate is None


def test_another_persons_slap_is_one_alarm():
    (found,) = alarms(a_set(plains={14: {n: (1, n) for n in (7, 8, 9, 10)}}))
    assert (found.code, found.sources) == ("sequence.other_person", (FGP(14),))


def test_a_thumb_that_differs_from_its_plain_leaves_open_which_is_wrong():
    (found,) = alarms(a_set(rolls={1: (1, 1)}))
    assert (found.code, set(found.sources)) == ("sequence.disagrees", {FGP(1), FGP(11)})


def test_an_officers_finger_is_named_with_its_label_and_nothing_else_is_said():
    taken = a_set(rolls={7: (5, 2)})
    (found,) = check(taken, [OtherFinger("officer avery", finger(5, 2))])
    assert (found.code, found.label, found.sources) == ("sequence.officer", "officer avery", (FGP(7),))
    assert taken[found.pair[0]].fgp == FGP(7)
    assert found.pair[1] is None


@pytest.mark.parametrize("weak", [{"minutiae": {4: 5}}, {"rolls": {4: (1, 4)}, "minutiae": {4: 12}}])
def test_a_roll_with_little_on_it_cannot_be_told_and_is_no_alarm(weak):
    (found,) = check(a_set(**weak))
    assert (found.code, found.alarm, found.fgp) == ("sequence.cannot_tell", False, FGP(4))


def test_a_roll_of_low_quality_is_no_alarm_by_its_silence():
    found = check(a_set(rolls={4: (1, 4)}, quality=50))
    assert [one.code for one in found] == ["sequence.cannot_tell"]


@pytest.mark.parametrize(("certain", "code"), [(95, "sequence.other_person"), (85, "sequence.cannot_tell")])
def test_silence_counts_only_where_the_minutiae_are_certain(certain, code):
    taken = a_set(rolls={4: (1, 4)})
    for one in taken:
        one.template.quality.setflags(write=True)
        one.template.quality[:] = certain
    assert [one.code for one in check(taken)] == [code]


def middling(probes, gallery):
    return knowing(probes, gallery, same=44.0)


def test_two_middling_agreements_of_the_same_two_fingers_are_an_alarm():
    assert alarms(a_set(rolls={2: (0, 3), 3: (0, 2)}), identify=middling)[0].code == "sequence.swapped"


def test_one_middling_agreement_alone_is_not():
    taken = [one for one in a_set(lack=(3,)) if one.fgp != 2 or one.source == 2]
    stray = SetImpression(FGP(4), FGP(13), finger(0, 2))
    taken = [stray if (one.fgp, one.source) == (4, 13) else one for one in taken if one.source != 4]
    assert [one for one in check(taken, identify=middling) if one.alarm] == []


def test_a_false_match_rate_is_told_when_the_matcher_has_one(monkeypatch):
    monkeypatch.setattr(
        "station.matching.false_match_rate", lambda score: 10.0 ** (-score / 10), raising=False
    )
    (found,) = alarms(a_set(rolls={3: (0, 2)}))
    assert found.false_match_rate == pytest.approx(1e-9)


def test_the_shipped_matcher_is_used_when_none_is_given():
    rng = np.random.default_rng(1)
    x, y, angle = (rng.uniform(10, high, 40).astype(np.float32) for high in (390, 390, 350))
    kind, quality = np.ones(40, np.uint8), np.full(40, 60, np.uint8)
    one = MinutiaTemplate(400, 400, 500, x, y, angle, kind, quality)
    (found,) = check_set([SetImpression(FGP(f), FGP(f), one) for f in (2, 3)])
    assert found.code == "sequence.repeated"


def test_scores_of_a_set_with_itself_are_the_same_both_ways():
    taken = [one.template for one in a_set()[:3]]
    scores = sequence_set.score_all(taken, taken)
    assert scores.shape == (3, 3)
    assert np.array_equal(scores, scores.T)


def test_contacts_have_names():
    assert contact_name(FGP.PLAIN_LEFT_FOUR) == "the slap of the left four fingers"
    assert contact_name(FGP.PLAIN_THUMBS) == "the plain of both thumbs"
    assert contact_name(FGP.PLAIN_LEFT_THUMB) == "the plain left thumb"
    assert contact_name(FGP.LEFT_RING) == "the left ring finger"


edges = st.lists(st.tuples(st.sampled_from(list(FGP)), st.sampled_from(list(FGP))), max_size=8)
agreeing = st.dictionaries(st.sampled_from(list(FGP)), st.integers(0, 4))


@given(edges, agreeing)
def test_blame_covers_every_conflict(pairs, agreements):
    found = blame(pairs, agreements)
    assert all(a in found.all or b in found.all for a, b in pairs)
    assert not found.certain & found.possible


@given(edges)
def test_without_conflicts_nobody_is_blamed_and_contacts_outside_them_never(pairs):
    involved = {contact for edge in pairs for contact in edge}
    assert blame(pairs, {}).all <= involved


def test_of_two_contacts_the_one_that_agrees_elsewhere_is_spared():
    found = blame([(FGP(2), FGP(13))], {FGP(13): 3})
    assert (found.certain, found.possible) == ({FGP(2)}, frozenset())
