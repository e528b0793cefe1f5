"""Findings without a place → findings with the byte where each is seen and with what to do. Pure.

The offset is that of the field's tag in the file, of the record where the field is absent, and None where nothing of
it is in the file. The advice is by code (`ADVICE`); a finding that brings its own keeps it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import accumulate

from station.records.findings import Finding
from station.records.transaction import BinaryRecord, Record, TaggedRecord, Transaction

_TYPE_4_OFFSETS = {1: 0, 2: 4, 3: 5, 4: 6, 5: 12, 6: 13, 7: 15, 8: 17, 9: 18}
"""Where the fields of an untagged fingerprint record begin (ITL 2011, Table 13)."""

ADVICE = {
    "amp.not_in_slap": "Remove the finger from 14.018: it is not shown by this position.",
    "amp.not_in_type_2": "Mark the finger in 2.084 AMP too, or remove it from 14.018.",
    "amp.not_on_slap": "Mark the finger in 14.018 AMP of this image too.",
    "amp.printed_finger": "Check whether the finger was printed or is missing; keep the mark only for a partial one.",
    "amp.unmarked_finger": "Take the finger, or mark it XX (amputated) or UP (unable to print) in 2.084.",
    "cnt.idc": "Make CNT and the record's own IDC the same.",
    "cnt.idc_repeated": "Give every image its own IDC.",
    "date.after_submission": "Correct the date, or the station's clock.",
    "date.future": "Set the station's clock.",
    "date.order": "Correct whichever of the two dates is wrong.",
    "field.characters": "Type the value again with the characters the field allows.",
    "field.code": "Choose a value of the code table.",
    "field.date": "Write the date as year, month, day: CCYYMMDD.",
    "field.form": "Write the value in the form stated.",
    "field.item_missing": "Fill in the item, or leave the whole subfield out.",
    "field.items": "Give each subfield the items the field has, in their order.",
    "field.leading_blank": "Remove the blank in front.",
    "field.length": "Shorten or complete the value.",
    "field.looks_like_data": "Reword the text so that it does not hold 999: .",
    "field.missing": "Fill in the field.",
    "field.occurrences": "Give the field as often as it may stand.",
    "field.order": "Write LEN first and IDC second.",
    "field.reason": "Write the reason in the words stated.",
    "field.repeated": "Leave one of the two.",
    "field.unknown": "Leave the field out unless the agency's own document asks for it.",
    "minutiae.block_not_whole": "Write all of 9.126 to 9.136, or none of the block.",
    "minutiae.count": "Write the number of minutiae that 9.137 really has.",
    "minutiae.format": "Write U in 9.004.",
    "minutiae.other_finger": "Give the minutiae the IDC of the image they were found in.",
    "minutiae.outside": "Extract the minutiae again from this image.",
    "minutiae.size": "Extract the minutiae again from this image.",
    "image.blank": "Take the impression again.",
    "image.data_twice": "Write field 999 once, as the last of the record.",
    "image.duplicate_fgp": "Keep one image for each position.",
    "image.data_missing": "Add field 999 with the image, or 994 with where it is.",
    "image.hash": "Make the hash again from the data, or find out what changed the image.",
    "image.finger_repeated": "Give each finger once.",
    "image.outline": "Give 3 to 99 corners, each as across and down, inside the image.",
    "image.plain_missing": "Take the plain impression, or mark its fingers.",
    "image.plain_roll": "Check whether it was rolled: IMP 1 for a roll, or take the roll.",
    "image.quality": "Write 0 to 100, 254 when it was not computed, 255 when it failed.",
    "image.quality_product": "Write the product number of the NFIQ 2 release, 57 for 2.3.",
    "image.resolution": "Capture at 500 or 1000 ppi; never resample to hide it.",
    "image.rolled_slap": "Use impression type 0 for plain positions.",
    "image.segment_finger": "Give segments only for fingers this position shows, each once.",
    "image.segment_outside": "Measure the boxes again in pixels of this image.",
    "image.size": "Write the size the image really has.",
    "image.thumbs_twice": "Give plain thumbs as 11 and 12, or as 15, not both.",
    "image.too_large": "Crop to the position's size at capture; some agencies accept more.",
    "image.truncated": "Compress the image again from the original.",
    "image.undecodable": "Compress the image again from the original.",
    "image.wsq_ppi": "Use JPEG 2000 for 1000 ppi.",
    "set.mixed_prints": "Use one record type for all prints of a transaction.",
    "set.no_prints": "Add the impressions.",
    "set.prints": "Add or leave out impressions until the type's number is met.",
    "set.record_count": "Add or remove records as the type of transaction wants.",
    "type1.agency": "Use the nine-character identifier of the agency.",
    "type1.dom": "Write the domain, for instance NORAM with the EBTS version the agency uses.",
    "type1.resolution": "19.69 beside Type-4 records at 500 ppi, 00.00 without them.",
    "type1.tcn_reused": "Make a new control number; never send one twice for two bookings.",
    "type1.tcr": "TCR stands in responses only, and there it must.",
    "type1.tot": "Check the type of transaction.",
}


def locate(txn: Transaction, findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The same findings, each with offset and advice, sorted by record."""
    starts = list(accumulate((_size(each) for each in txn.records), initial=0))
    placed = (
        replace(
            each,
            offset=_offset(txn, each, starts) if each.offset is None else each.offset,
            advice=each.advice or ADVICE.get(each.code, ""),
        )
        for each in findings
    )
    return tuple(sorted(placed, key=lambda each: each.record))


def _size(record: Record) -> int:
    """Bytes of a record as it stands in its file."""
    if isinstance(record, BinaryRecord):
        return len(record.content)
    return sum(len(each.tag) + 1 + len(each.value) + 1 for each in record.fields)


def _offset(txn: Transaction, finding: Finding, starts: list[int]) -> int | None:
    if finding.record >= len(txn.records):
        return None
    record, start = txn.records[finding.record], starts[finding.record]
    kind, _, number = finding.field.partition(".")
    if not number.isdigit() or int(kind) != record.type:
        return _elsewhere(txn, finding, starts)
    if isinstance(record, BinaryRecord):
        return start + _TYPE_4_OFFSETS.get(int(number), 0)
    return _in_record(record, int(number), start)


def _elsewhere(txn: Transaction, finding: Finding, starts: list[int]) -> int | None:
    """A finding of one record about a field of another, such as CNT: the first record of that type."""
    kind, _, number = finding.field.partition(".")
    for record, start in zip(txn.records, starts, strict=False):
        if isinstance(record, TaggedRecord) and str(record.type) == kind and number.isdigit():
            return _in_record(record, int(number), start)
    return None


def _in_record(record: TaggedRecord, number: int, start: int) -> int:
    at = start
    for each in record.fields:
        if each.number == number:
            return at
        at += len(each.tag) + 1 + len(each.value) + 1
    return start
