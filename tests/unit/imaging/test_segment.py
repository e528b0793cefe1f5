"""Segmentation: which finger is where, which hand lies there, and what is said when something is wrong."""

from __future__ import annotations

import dataclasses
import itertools

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.sim.finger import Platen, Rendering, Touch, render_slap, subject_finger
from drivers.sim.hand import SlapScene
from station.errors import ImageError
from station.imaging import segment
from station.imaging.slap_findings import name
from station.imaging.slap_outline import MOST_CORNERS, bounds, outline
from station.imaging.slap_patches import CELL_MM, Patch
from station.imaging.slap_split import parted, solidity
from station.imaging.slap_tips import Tip

PLATEN = Platen(1600, 1500, 500)
RIGHT, LEFT = (2, 3, 4, 5), (7, 8, 9, 10)


def slap(
    positions: tuple[int, ...], rotation: float = 0.0, scene: SlapScene | None = None, **touch: float
) -> Rendering:
    fingers = [subject_finger(3, position) for position in positions]
    return render_slap(fingers, PLATEN, Touch(rotation_deg=rotation, **touch), scene)  # type: ignore[arg-type]


def assert_fingers(rendering: Rendering, found, lean: float = 15.0) -> None:
    """Every true finger under its name, each side at most 32 px inside and 64 px outside the true one."""
    assert {finger.fgp for finger in found.fingers} == {box[0] for box in rendering.boxes}
    fingers = {finger.fgp: finger for finger in found.fingers}
    for position, x, y, width, height, angle in rendering.boxes:
        finger = fingers[position]
        sides = (
            x - finger.left,
            y - finger.top,
            finger.right + 1 - x - width,
            finger.bottom + 1 - y - height,
        )
        assert all(-32 <= side <= 64 for side in sides), (position, sides)
        assert abs(finger.angle_deg - angle) < lean
        assert 0.2 < finger.confidence <= 1


@pytest.mark.parametrize("rotation", [-45.0, -20.0, 0.0, 20.0, 45.0])
@pytest.mark.parametrize(
    ("fgp", "positions"), [(13, RIGHT), (14, LEFT), (15, (6, 1)), (11, (1,)), (12, (6,)), (3, (3,))]
)
def test_fingers_have_their_names_and_places_at_any_lean(fgp, positions, rotation):
    rendering = slap(positions, rotation)
    found = segment(rendering.pixels, 500, fgp)
    assert_fingers(rendering, found)
    assert abs(found.tilt_deg - rotation) < 15
    assert found.usable
    assert found.expected == len(positions)


@pytest.mark.parametrize("rotation", [-40.0, 0.0, 40.0])
@pytest.mark.parametrize(("fgp", "positions", "hand"), [(13, RIGHT, "right"), (14, LEFT, "left")])
def test_the_hand_is_told_from_the_arc_of_its_fingers(fgp, positions, hand, rotation):
    found = segment(slap(positions, rotation).pixels, 500, fgp)
    assert (found.hand, found.hand_certainty > 0.9) == (hand, True)


@pytest.mark.parametrize(
    ("asked", "positions", "stand_in"), [(13, LEFT, [2, 3, 4, 5]), (14, RIGHT, [10, 9, 8, 7])]
)
def test_the_wrong_hand_stops_and_its_fingers_go_by_the_names_asked_for(asked, positions, stand_in):
    found = segment(slap(positions).pixels, 500, asked)
    assert [finger.fgp for finger in found.fingers] == stand_in
    assert [(each.code, each.stops) for each in found.findings] == [("slap.wrong_hand", True)]
    assert not found.usable


@pytest.mark.parametrize(("fgp", "hand"), [(13, RIGHT), (14, LEFT)])
@pytest.mark.parametrize("gone", range(4))
def test_a_planned_missing_finger_leaves_the_others_their_names(fgp, hand, gone):
    present = tuple(p for i, p in enumerate(hand) if i != gone)
    rendering = slap(present, 10.0)
    found = segment(rendering.pixels, 500, fgp, missing=(hand[gone],))
    assert_fingers(rendering, found)
    assert found.expected == 3
    assert found.usable


def test_two_missing_fingers_and_those_of_the_other_hand_are_left_out_of_the_count():
    rendering = slap((2, 5))
    found = segment(rendering.pixels, 500, 13, missing=(3, 4, 8, 9))
    assert_fingers(rendering, found)
    assert found.expected == 2


def test_a_finger_that_should_be_there_is_told_as_fewer():
    rendering = slap((2, 3, 4))
    found = segment(rendering.pixels, 500, 13)
    assert [finger.fgp for finger in found.fingers] == [2, 3, 4]
    (finding,) = found.findings
    assert (finding.code, finding.stops) == ("slap.fewer_fingers", True)
    assert "3 of 4" in finding.message
    assert "right little" in finding.message


def test_a_finger_marked_missing_that_lies_there_is_told():
    found = segment(slap(RIGHT).pixels, 500, 13, missing=(3,))
    assert [finger.fgp for finger in found.fingers] == [2, 3, 4, 5]
    (finding,) = found.findings
    assert (finding.code, finding.stops, finding.box) == (
        "slap.unexpected_finger",
        True,
        found.fingers[1].box,
    )


def test_thumbs_and_single_fingers_have_no_hand():
    found = segment(slap((6, 1)).pixels, 500, 15)
    assert (found.hand, found.hand_certainty) == ("unknown", 0.0)


def test_thumbs_are_left_and_right_as_they_lie():
    found = segment(slap((6, 1)).pixels, 500, 15)
    assert [finger.fgp for finger in found.fingers] == [6, 1]
    assert found.fingers[0].right < found.fingers[1].right


@pytest.mark.parametrize(
    "scene", [SlapScene(lower=0.9), SlapScene(palm=0.9), SlapScene(lower=0.6, palm=0.6, halo=0.4)]
)
def test_lower_joints_and_palm_are_no_fingers_and_no_reason_to_stop(scene):
    rendering = slap(RIGHT, -15.0, scene)
    found = segment(rendering.pixels, 500, 13)
    assert_fingers(rendering, found)
    assert found.usable


@pytest.mark.parametrize(("fgp", "positions"), [(13, RIGHT), (14, LEFT)])
@pytest.mark.parametrize("gap_mm", [(-0.7, -0.3), (-0.3, 0.1)])
def test_fingers_that_touch_are_parted(fgp, positions, gap_mm):
    rendering = slap(positions, 0.0, SlapScene(gap_mm=gap_mm), pressure=0.8)
    assert_fingers(rendering, segment(rendering.pixels, 500, fgp))


def test_a_halo_is_told_and_does_not_widen_the_boxes():
    rendering = slap(RIGHT, 0.0, SlapScene(halo=0.7))
    found = segment(rendering.pixels, 500, 13)
    assert_fingers(rendering, found)
    assert [(each.code, each.stops) for each in found.findings] == [("slap.halo", False)]


@pytest.mark.parametrize(
    "touch", [{"moisture": 0.12}, {"moisture": 0.92}, {"pressure": 0.9}, {"noise": 0.8, "background": 0.4}]
)
def test_dry_wet_pressed_and_noisy_fingers_are_found(touch):
    rendering = slap(RIGHT, 12.0, **touch)
    assert_fingers(rendering, segment(rendering.pixels, 500, 13))


def test_a_fifth_finger_beside_the_hand_stops():
    rendering = slap(RIGHT)
    pixels = rendering.pixels.copy()
    _, x, y, width, height, _ = rendering.boxes[0]
    pixels[1000 - height : 1000, 60 : 60 + width] = 255
    pixels[20 : 20 + height, 1590 - width : 1590] = rendering.pixels[y : y + height, x : x + width]
    codes = {each.code: each.stops for each in segment(pixels, 500, 13).findings}
    assert codes.get("slap.more_fingers") is True


def test_a_faint_touch_in_front_of_the_hand_is_told_without_stopping():
    rendering = slap(RIGHT)
    pixels = np.full((2000, 1600), 253, np.uint8)
    pixels[500:] = rendering.pixels
    _, x, y, width, height, _ = rendering.boxes[3]
    ghost = 253.0 - 0.45 * (253.0 - rendering.pixels[y : y + height, x : x + width])
    pixels[60 : 60 + height, 700 : 700 + width] = ghost.astype(np.uint8)
    found = segment(pixels, 500, 13)
    assert [(each.code, each.stops) for each in found.findings] == [("slap.neighbour", False)]
    assert found.usable


def test_a_hand_that_lies_across_the_glass_is_told():
    found = segment(slap(RIGHT, 62.0).pixels, 500, 13)
    assert "slap.rotated" in {each.code for each in found.findings}
    assert not found.usable


def test_a_finger_over_the_edge_of_the_glass_is_told():
    rendering = slap(RIGHT)
    cut = np.ascontiguousarray(rendering.pixels[:, rendering.boxes[0][1] + 60 :])
    found = segment(cut, 500, 13)
    assert ("slap.cut_off", False) in {(each.code, each.stops) for each in found.findings}


@pytest.mark.parametrize("ppi", [250, 1000])
def test_boxes_are_in_the_pixels_of_the_picture(ppi):
    rendering = slap(LEFT)
    scale = ppi / 500
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    other = np.asarray(cv2.resize(rendering.pixels, None, fx=scale, fy=scale, interpolation=way), np.uint8)
    for one, two in zip(
        segment(rendering.pixels, 500, 14).fingers, segment(other, ppi, 14).fingers, strict=True
    ):
        assert one.fgp == two.fgp
        assert np.allclose(np.array(one.box) * scale, two.box, atol=24 * scale)


def test_polygons_are_what_aseg_takes():
    found = segment(slap(RIGHT, 33.0).pixels, 500, 13)
    for finger in found.fingers:
        assert 3 <= len(finger.polygon) <= 99
        assert bounds(finger.polygon) == finger.box
        assert finger.box == (
            finger.left,
            finger.top,
            finger.right - finger.left + 1,
            finger.bottom - finger.top + 1,
        )


@settings(max_examples=40)
@given(
    points=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 50)), min_size=1, max_size=60),
    ppi=st.sampled_from([250, 500, 1000]),
)
def test_an_outline_is_convex_clockwise_and_inside_the_picture(points, ppi):
    x, y = (np.array(c, np.float32) * np.float32(CELL_MM) for c in zip(*points, strict=True))
    patch = Patch(x, y, np.ones_like(x))
    shape = (round(50 * CELL_MM * ppi / 25.4), round(60 * CELL_MM * ppi / 25.4))
    corners = outline(Tip(patch, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0), ppi, shape)
    assert 3 <= len(corners) <= MOST_CORNERS
    assert all(0 <= a < shape[1] and 0 <= b < shape[0] for a, b in corners)
    turns = [
        (b[0] - a[0]) * (c[1] - b[1]) - (b[1] - a[1]) * (c[0] - b[0])
        for a, b, c in zip(corners, corners[1:] + corners[:1], corners[2:] + corners[:2], strict=True)
    ]
    assert all(turn > 0 for turn in turns), "y points down, so a positive turn is clockwise as seen"


def disc(x: float, y: float, radius: float) -> Patch:
    cells = [
        ((i + 0.5) * CELL_MM, (j + 0.5) * CELL_MM)
        for i, j in itertools.product(range(120), range(120))
        if np.hypot((i + 0.5) * CELL_MM - x, (j + 0.5) * CELL_MM - y) < radius
    ]
    return Patch(
        *(np.array(c, np.float32) for c in zip(*cells, strict=True)), np.full(len(cells), 9, np.float32)
    )


def test_a_disc_is_one_thing_and_two_that_overlap_are_two():
    one, two = disc(16, 20, 8.5), disc(31, 22, 8.5)
    assert solidity(one) > 0.95
    assert parted(one) == [one]
    both = {(float(x), float(y)) for p in (one, two) for x, y in zip(p.x, p.y, strict=True)}
    x, y = (np.array(c, np.float32) for c in zip(*sorted(both), strict=True))
    parts = parted(Patch(x, y, np.full(x.size, 9, np.float32)))
    assert sorted(round(part.middle[0]) for part in parts) == [16, 31]


def test_noise_has_no_fingers():
    pixels = np.random.default_rng(1).integers(0, 256, (1500, 1600), dtype=np.uint8)
    found = segment(pixels, 500, 13)
    assert found.fingers == ()
    assert [each.code for each in found.findings] == ["slap.fewer_fingers"]
    assert found.hand == "unknown"


def test_a_shaded_platen_has_no_fingers():
    gray = np.tile(np.linspace(60, 240, 1600), (1500, 1)).astype(np.uint8)
    assert segment(gray, 500, 14).fingers == ()


@pytest.mark.parametrize(
    ("pixels", "ppi", "code"),
    [
        (np.full((1500, 1600), 250, np.uint8), 500, "image.blank"),
        (np.zeros((20, 20), np.uint8), 500, "image.too_small"),
        (np.zeros((500, 500, 3), np.uint8), 500, "image.not_gray8"),
        (np.zeros((500, 500), np.uint16), 500, "image.not_gray8"),
        (np.zeros((500, 500), np.uint8), 72, "image.bad_ppi"),
    ],
)
def test_what_is_no_slap_is_refused_with_a_code(pixels, ppi, code):
    with pytest.raises(ImageError) as caught:
        segment(pixels, ppi, 13)
    assert caught.value.code == code


@pytest.mark.parametrize(("fgp", "missing"), [(0, ()), (16, ()), (13, (11,)), (13, (0,))])
def test_positions_that_do_not_exist_are_refused(fgp, missing):
    with pytest.raises(ImageError, match=r"slap\.bad_position"):
        segment(np.zeros((500, 500), np.uint8), 500, fgp, missing)


def test_nothing_to_look_for_is_refused():
    with pytest.raises(ImageError, match=r"slap\.nothing_expected"):
        segment(slap(RIGHT).pixels, 500, 13, missing=RIGHT)


def test_fingers_are_named_in_words():
    assert [name(p) for p in (1, 5, 6, 10)] == ["right thumb", "right little", "left thumb", "left little"]


def test_the_smallest_picture_is_answered():
    pixels = np.random.default_rng(2).integers(0, 256, (100, 100), dtype=np.uint8)
    assert segment(pixels, 500, 2).expected == 1


def test_default_scenes_change_no_slap():
    fingers = [subject_finger(3, position) for position in RIGHT]
    plain, empty = render_slap(fingers, PLATEN), render_slap(fingers, PLATEN, None, SlapScene())
    assert np.array_equal(plain.pixels, empty.pixels)
    lively = SlapScene(lower=0.5, palm=0.5, stray=0.9, halo=0.5, shape_mm=2.0, slant_deg=5.0)
    other = render_slap(fingers, PLATEN, None, lively)
    assert not np.array_equal(plain.pixels, other.pixels)
    assert len(other.boxes) == 4
    assert len(dataclasses.asdict(lively)) == 7


def test_real_slaps_and_their_mirror_images_tell_their_hand(shared_data):
    for file in sorted((shared_data / "prints" / "slaps").glob("*.png")):
        gray = np.asarray(cv2.imread(str(file), cv2.IMREAD_GRAYSCALE), np.uint8)
        right, left = segment(gray, 500, 13), segment(np.ascontiguousarray(gray[:, ::-1]), 500, 14)
        assert [finger.fgp for finger in right.fingers] == [2, 3, 4, 5]
        assert (right.hand, left.hand) == ("right", "left")
        assert right.usable
        assert left.usable
        assert all(200 < f.box[2] < 400 and 250 < f.box[3] < 560 for f in right.fingers), file.name
