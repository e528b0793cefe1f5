"""Our tables against the standard as CSV files say it: every cell, nothing missing and nothing more."""

from __future__ import annotations

from collections.abc import Iterator

from station.friction_ridge import AMP as AMPUTATIONS
from station.friction_ridge import FGP as POSITIONS
from station.records import (
    check_images,
    check_marks,
    codes,
    fields,
    fields_images,
    fields_type_2,
    fields_type_9,
    prints,
    tot,
)
from station.records.fields import FieldRule, Table
from station.records.tables import LOOSE, TABLES, VENDORS
from station.records.tot import errt
from station.records.tot import map as map_tot
from tests.unit.records.reference import (
    accepted,
    characters,
    code_list,
    expected,
    numbers,
    rows,
    shown,
)

ALL: dict[int, Table] = {**TABLES, 2: fields_type_2.RULES}


def tables() -> Iterator[tuple[int, FieldRule]]:
    for record_type, table in ALL.items():
        for rule in table:
            yield record_type, rule


def test_our_tables_have_the_records_the_standard_is_written_down_for() -> None:
    assert set(ALL) == {int(tag.partition(".")[0]) for tag, _ in expected()}


def test_no_field_stands_twice_in_a_table() -> None:
    tags = [(record_type, rule.number) for record_type, rule in tables()]
    assert len(tags) == len(set(tags))


def test_every_cell_of_a_field_is_what_the_standard_or_a_deviation_says() -> None:
    wrong, seen = [], set()
    for record_type, rule in tables():
        for index, item in enumerate(rule.items, start=1):
            key = (f"{record_type}.{rule.number:03d}", str(index))
            seen.add(key)
            should = expected().get(key)
            if should is None:
                wrong.append((key, "is not in the standard"))
                continue
            plain = record_type == 2 and rule.number > 2
            ours = {**shown(item), "mnemonic": rule.mnemonic, "low": str(rule.low), "high": str(rule.high)}
            ours["need"] = "-" if plain and rule.need == "O" else rule.need
            wrong += [
                (key, name, value, should[name]) for name, value in ours.items() if value != should[name]
            ]
            if accepted(item.chars) != characters(should["form"]):
                wrong.append((key, "form", item.chars, should["form"]))
            listed = frozenset(item.values or ())
            if listed != code_list(should["codes"]):
                wrong.append((key, should["codes"], sorted(listed ^ code_list(should["codes"]))))
    assert wrong == []
    assert set(expected()) - seen == set()


def test_a_deviation_is_one_and_has_its_reason() -> None:
    standard = {(row["tag"], row["item"]): row for row in rows("fields")}
    for row in rows("deviations"):
        tag, _, item = row["tag"].rpartition(".")
        assert row["reason"], row
        assert row["standard"] != row["ours"], row
        if row["column"] != "row":
            assert standard[tag, item][row["column"]] == row["standard"], row


def test_every_fact_has_its_source_and_every_list_its_use() -> None:
    for name in ("fields", "codes", "type_4", "pixels", "blocks", "compressions"):
        assert [row for row in rows(name) if not row["source"]] == []
    used = {row["codes"] for row in rows("fields")} | {"GEO", "ROLLED_IMP", "PLAIN_IMP"}
    assert {row["list"] for row in rows("codes")} == used - {""}


def test_code_tables_outside_the_fields_are_the_lists_of_the_standard() -> None:
    ours = {
        "GEO": set(codes.GEO),
        "IMP": set(map(str, fields.FRICTION_IMP)),
        "FGP": set(map(str, fields.FINGER_FGP)),
        "LATENT_IMP": set(map(str, fields_images.LATENT_IMP)),
        "PALM_IMP": set(map(str, fields_images.PALM_IMP)),
        "PALM_FGP": set(map(str, fields_images.PALM_FGP)),
        "ROLLED_IMP": set(map(str, check_images.ROLLED_IMP)),
        "PLAIN_IMP": set(map(str, check_images.PLAIN_IMP)),
        "AMP": {each.value for each in AMPUTATIONS},
        "ABC": {*codes.AMP, "SR"},
    }
    assert {
        name: values ^ code_list(name) for name, values in ours.items() if values != code_list(name)
    } == {}
    assert {str(int(position)) for position in POSITIONS} <= code_list("FGP")


def test_a_transaction_type_has_the_fields_with_the_need_and_number_the_standard_gives_it() -> None:
    should = {(row["tot"], row["tag"]): row["ours"] for row in rows("needs")}
    ours = {
        (name, f"2.{rule.number:03d}"): f"{rule.need} {rule.high}"
        for name in fields_type_2.TOTS
        for rule in fields_type_2.type_2_table(name)
        if rule.number > 2
    }
    wanted = {key: cell for key, cell in should.items() if cell != "-"}
    assert {key: (ours.get(key), wanted.get(key)) for key in ours.keys() ^ wanted.keys()} == {}
    assert {key: (cell, wanted[key]) for key, cell in ours.items() if cell != wanted[key]} == {}
    assert {row["tot"] for row in rows("needs")} == fields_type_2.TOTS


def test_what_we_ask_beyond_both_editions_of_the_standard_has_its_reason() -> None:
    for name in ("needs", "records"):
        for row in rows(name):
            known = row["ours"] in (row["v91"], row["e10"])
            assert known or row["reason"], row


def test_more_occurrences_and_conditions_belong_to_fields_that_a_type_has() -> None:
    base = {rule.number: rule.high for rule in fields_type_2.RULES}
    for (number, name), high in fields_type_2.MORE.items():
        assert any(name in tots.split() for tots in fields_type_2.NEEDS[number])
        assert high > base[number]
    assert frozenset({84}) == fields_type_2.DEPENDS
    assert all(int(tag.partition(".")[2]) in base for tag, _ in expected() if tag.startswith("2."))


def test_the_records_of_a_type_are_those_of_the_standard() -> None:
    should: dict[str, dict[str, str]] = {}
    for row in rows("records"):
        if row["ours"] != "-":
            should.setdefault(row["tot"], {})[row["type"]] = row["ours"]
    ours = {}
    for name in tot.names():
        kind = tot.load(name)
        counts = {str(record_type): f"{low}-{high}" for record_type, (low, high) in kind.RECORDS.items()}
        fewest, most = kind.PRINTS
        ours[kind.TOT] = {
            **counts,
            "prints": f"{fewest}-{most}",
            "response": "yes" if kind.RESPONSE else "no",
        }
    assert {name: dict(sorted(each.items())) for name, each in ours.items()} == {
        name: dict(sorted(each.items())) for name, each in should.items()
    }


def test_the_header_of_a_type_4_stands_where_the_standard_puts_it() -> None:
    ours = [(rule.number, rule.mnemonic, rule.at, rule.size, rule.values) for rule in fields_images.TYPE_4]
    assert ours == [
        (
            int(row["number"]),
            row["mnemonic"],
            int(row["at"]),
            int(row["size"]),
            None if row["values"] == "any" else numbers(row["values"]),
        )
        for row in rows("type_4")
    ]


def test_compressions_have_the_number_and_the_name_of_the_standard() -> None:
    should = {int(row["number"]): row["name"] for row in rows("compressions")}
    assert should == fields.CGA_BY_NUMBER
    assert {name: number for number, name in should.items()} == prints.TYPE_4_CGA
    assert set(should.values()) == code_list("CGA")


def test_the_largest_images_are_those_of_the_standard() -> None:
    should = {
        fgp: (int(row["width"]), int(row["height"])) for row in rows("pixels") for fgp in numbers(row["fgp"])
    }
    assert should == fields.MAX_PIXELS


def test_blocks_of_fields_that_are_not_looked_at_are_those_of_the_standard() -> None:
    should = {(row["block"], int(row["record"])): numbers(row["numbers"]) for row in rows("blocks")}
    ours = {("loose", record_type): block for record_type, block in LOOSE.items()}
    ours |= {("vendors", record_type): block for record_type, block in VENDORS.items()}
    ours |= {("incits", 9): frozenset(fields_type_9.INCITS), ("needed", 9): frozenset(fields_type_9.NEEDED)}
    assert ours == should


def test_limits_that_stand_in_two_places_are_the_same() -> None:
    message, comment = expected()["2.060", "1"], expected()["14.020", "1"]
    assert (str(errt.MAX_MESSAGES), str(errt.MAX_CHARACTERS)) == (message["high"], message["max"])
    assert str(prints.COMMENT) == comment["max"]
    assert check_marks.NFIQ2_VENDOR == prints.NFIQ2_VENDOR == "0101"
    assert sorted(check_marks.NFIQ2_PRODUCTS) == ["33", "55", "56", "57"]
    assert map_tot.REASONS == ("CRIMINAL JUSTICE EMPLOYMENT", "LAW ENFORCEMENT")
