"""A bundle on a stick, taken in at the relay: every entry as if its own station had handed it in.

The checks are those of the intake: registered station, its signing key, its agencies, its quota. The receipt waits for
the station, which gets it when it asks; the same submission by the network counts once.
"""

from __future__ import annotations

import datetime as dt
from typing import BinaryIO

from offline_queue.bundle import Header
from offline_queue.carry import Imported, unpack
from offline_queue.envelope import Manifest
from offline_queue.outward import Opener
from offline_queue.relay.intake import Intake, Refused, Upload
from offline_queue.transports import Parcel


def import_bundle(
    intake: Intake, file: BinaryIO, opener: Opener, anchors: bytes, now: dt.datetime
) -> Imported:
    """BundleError for the whole; what the intake refuses of single entries is in `failed`."""

    def take(parcel: Parcel, said: Manifest, header: Header) -> bool:
        del header
        statement = "SELECT client FROM station WHERE station_id = %s AND active"
        station = intake.database.one(statement, (said.station_id,))
        if station is None:
            raise Refused("unknown_station", f"{said.station_id} is no station of this relay", 403)
        upload = Upload(
            parcel.submission_id, parcel.transaction, parcel.manifest, parcel.signature,
            parcel.counter_signature, parcel.sealed,
        )  # fmt: skip
        return intake.submit(str(station["client"]), upload).new

    return unpack(file, opener, anchors, now, take, (Refused,))
