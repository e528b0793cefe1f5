from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offline_queue import canonical

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=10,
)
OBJECTS = st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), VALUES, max_size=5)


@given(OBJECTS)
def test_a_value_survives_and_always_gives_the_same_bytes(value: dict[str, object]) -> None:
    data = canonical.dumps(value)
    assert canonical.loads(data) == value
    assert canonical.dumps(dict(reversed(list(value.items())))) == data


@given(st.binary(max_size=80))
def test_hostile_bytes_are_a_value_error_or_canonical(data: bytes) -> None:
    try:
        value = canonical.loads(data)
    except ValueError:
        return
    assert canonical.dumps(value) == data


@pytest.mark.parametrize(
    "data",
    [
        b'{"a": 1}',
        b'{"b":1,"a":2}',
        b'{"a":1,"a":1}',
        b'{"a":1.5}',
        b'{"a":NaN}',
        b"[1]",
        b'{"a":"\\u00e9"}',
        b"{}\n",
        b'{"a":' + b"[" * 100_000,
    ],
)
def test_another_spelling_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        canonical.loads(data)


@pytest.mark.parametrize("value", [{"a": 1.0}, {"a": [{"b": 0.5}]}, {1: "a"}])
def test_what_has_no_canonical_form_is_refused(value: dict[str, object]) -> None:
    with pytest.raises(TypeError):
        canonical.dumps(value)


def test_keys_are_sorted_and_text_is_plain_utf8() -> None:
    assert canonical.dumps({"b": "é", "a": [1, None, True]}) == '{"a":[1,null,true],"b":"é"}'.encode()
    assert json.loads(canonical.dumps({"b": "é"})) == {"b": "é"}
