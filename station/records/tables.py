"""Which table belongs to which record type. Nothing but the lookup."""

from __future__ import annotations

from collections.abc import Mapping

from station.records import fields, fields_images, fields_type_9
from station.records.fields import Table

TABLES: Mapping[int, Table] = {
    1: fields.TYPE_1,
    9: fields_type_9.TYPE_9,
    10: fields_images.TYPE_10,
    13: fields_images.TYPE_13,
    14: fields.TYPE_14,
    15: fields_images.TYPE_15,
    98: fields_images.TYPE_98,
}
"""Tables that do not depend on the type of transaction; Type-2 has one for each."""

LOOSE = {9: fields_type_9.LOOSE_9, 14: fields.LOOSE_14, **fields_images.LOOSE}
"""Fields with more items than a table tells, by record type."""

VENDORS = {9: fields_type_9.VENDORS}
"""Fields that belong to vendors: kept, and not looked at."""
