"""A reader says itself what keeps its impressions out of production."""

from __future__ import annotations

import logging

import msgspec
import pytest

from drivers.errors import ReaderFault
from drivers.reader import ReaderState
from drivers.sim import rig as rigs
from drivers.sim.peers import vendor_sdk, zfm
from drivers.sim.rig import Rig
from firmware_profiles.profile import BadFirmware, Firmware


def with_firmware(firmware: Firmware) -> Rig:
    rig = vendor_sdk.rig(rigs.person())
    rig.reader.profile = msgspec.structs.replace(rig.reader.profile, firmware=firmware)
    return rig


def test_an_unknown_firmware_opens_for_training_only() -> None:
    rig = with_firmware(Firmware(known_good=("2.0..2.9",)))
    rig.reader.open()
    assert rig.reader.info.limits == ("firmware.unknown", "ppi.uncalibrated")
    rig.reader.close()


def test_an_unknown_firmware_is_not_opened_where_the_profile_says_so() -> None:
    rig = with_firmware(Firmware(known_good=("2.0",), unknown="refuse"))
    with pytest.raises(ReaderFault) as caught:
        rig.reader.open()
    assert caught.value.code == "reader.firmware"
    assert "1.0/1.0" in caught.value.message
    assert caught.value.advice
    assert rig.reader.state is ReaderState.FAULT


def test_a_bad_firmware_is_logged_with_its_effect(caplog: pytest.LogCaptureFixture) -> None:
    rig = with_firmware(Firmware(known_bad=(BadFirmware("1.0/1.0", "half images", "a notice"),)))
    with caplog.at_level(logging.WARNING):
        rig.reader.open()
    assert "firmware.bad" in rig.reader.info.limits
    assert "half images (a notice)" in caplog.text
    rig.reader.close()


def test_every_driver_gets_its_limits_from_the_base_class() -> None:
    rig = zfm.rig(rigs.person())
    rig.reader.open()
    assert rig.reader.info.limits == ("firmware.unknown", "ppi.uncalibrated", "ppi.not_500")
    rig.reader.close()
