"""What a vendor's library may claim of a reader, each claim at its edge (drivers/vendor/livescan_reader.h)."""

from __future__ import annotations

import pytest

from drivers.links import vendor_abi as abi


def info(**changes: object) -> abi.Info:
    facts: dict[str, object] = {
        "size": 0, "kinds": 7, "ppi": 500, "preview_ppi": 250, "max_width": 800, "max_height": 750, "fap": 60,
        "simulated": 0, "make": b"ACME", "model": b"T60", "serial": b"1", "firmware": b"1/1",
    }  # fmt: skip
    made_up = abi.Info()
    for name, value in (facts | changes).items():
        setattr(made_up, name, value)
    return made_up


GOOD: dict[str, tuple[object, ...]] = {
    "ppi": (100, 500, 1000, 1200),
    "preview_ppi": (0, 25, 500),
    "max_width": (1, 4096),
    "max_height": (1, 4096),
    "fap": (0, 10, 20, 30, 40, 45, 50, 60, 145, 150, 160),  # ANSI/NIST-ITL 1-2011 Update 2015, 14.031
    "simulated": (0,),
    "kinds": (1, 2, 4, 7),
    "serial": (b"", b"A-1"),
    "firmware": (b"", b"1.0"),
}
BAD: dict[str, tuple[object, ...]] = {
    "ppi": (0, 99, 1201),
    "preview_ppi": (1, 24, 501),
    "max_width": (0, 4097),
    "max_height": (0, 4097),
    "fap": tuple(sorted(set(range(256)) - {0, 10, 20, 30, 40, 45, 50, 60, 145, 150, 160})),
    "simulated": (1, 2),  # without a serial number that begins with SIM
    "kinds": (0, 8),
    "make": (b"",),
    "model": (b"", b"x" * 64),
}


@pytest.mark.parametrize("field", GOOD)
def test_what_a_reader_can_be_is_believed_up_to_its_limit(field: str) -> None:
    for value in GOOD[field]:
        changes = {"ppi": value, "preview_ppi": 0} if field == "ppi" else {field: value}
        assert abi.identity(info(**changes))


@pytest.mark.parametrize("field", BAD)
def test_what_no_reader_can_be_is_refused_from_its_limit_on(field: str) -> None:
    for value in BAD[field]:
        changes = {"ppi": value, "preview_ppi": 0} if field == "ppi" else {field: value}
        with pytest.raises(abi.WireError):
            abi.identity(info(**changes))


def test_previews_may_be_as_coarse_as_25_ppi_and_as_fine_as_the_picture() -> None:
    assert abi.identity(info(ppi=100, preview_ppi=100)).preview_ppi == 100
    with pytest.raises(abi.WireError, match="previews of 101 ppi"):
        abi.identity(info(ppi=100, preview_ppi=101))


def test_an_identity_is_what_was_claimed() -> None:
    found = abi.identity(info(serial=b"SIM-7", simulated=1, kinds=5))
    assert found == abi.Identity(
        frozenset({"roll", "slap"}), 500, 250, 800, 750, 60, True, "ACME", "T60", "SIM-7", "1/1"
    )
    assert abi.identity(info(serial=b"SIM-7")).simulated, "it says so itself"
    assert not abi.identity(info(serial=b"A-SIM")).simulated


@pytest.mark.parametrize(
    ("phase", "present", "good"),
    [(0, 0, True), (4, 1, True), (5, 0, False), (0, 2, False), (3, 1, True)],
)
def test_a_status_has_one_of_five_phases_and_something_lies_there_or_not(
    phase: int, present: int, good: bool
) -> None:
    status = abi.Status(0, phase, present, 9, 2)
    if good:
        assert abi.progress(status) == abi.Progress(abi.Phase(phase), bool(present), 9, 2)
    else:
        with pytest.raises(abi.WireError):
            abi.progress(status)


@pytest.mark.parametrize(
    ("width", "height", "ppi", "which", "good"),
    [
        (800, 750, 500, abi.FINAL, True),
        (1, 1, 500, abi.FINAL, True),
        (801, 750, 500, abi.FINAL, False),
        (800, 751, 500, abi.FINAL, False),
        (0, 750, 500, abi.FINAL, False),
        (800, 0, 500, abi.FINAL, False),
        (800, 750, 250, abi.FINAL, False),
        (400, 375, 250, abi.PREVIEW, True),
        (400, 375, 500, abi.PREVIEW, False),
    ],
)
def test_an_image_is_of_the_size_and_resolution_that_was_announced(
    width: int, height: int, ppi: int, which: int, good: bool
) -> None:
    head, who = abi.FrameHead(0, width, height, ppi, 0), abi.identity(info())
    if good:
        assert abi.frame_size(head, who, which) == (width, height)
    else:
        with pytest.raises(abi.WireError):
            abi.frame_size(head, who, which)
