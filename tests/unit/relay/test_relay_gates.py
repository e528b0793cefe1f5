"""What the relay lets in: every limit of relay.toml, of an upload and of a question, and the status of each answer."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from offline_queue.errors import StoreFault
from offline_queue.relay import multipart, settings, web
from offline_queue.relay.intake import Refused, Taken
from offline_queue.transports import Parcel
from offline_queue.wire import SignedReceipt
from station.sim.relay_world import BOUNDARY, County, body_of

# a key of relay.toml: what it is without being named, its lowest and its highest value, and what is beyond
LIMITS = """
listen.port             8443  0  65535  -1  65536
listen.processes        2     1  64     0   65
listen.upload_s         60.0  1  3600   0   3601
page.port               9465  0  65535  -1  65536
custody.keep_days       30    0  3650   -1  3651
bureau.total_deadline_s 120.0 1  3600   0   3601
bureau.poll_s           15.0  1  3600   0   3601
bureau.retry_cap_s      60.0  1  3600   0   3601
bureau.refusals         1     1  100    0   101
bureau.workers          2     1  64     0   65
"""


def with_value(county: County, key: str, value: str | None) -> str:
    """relay.toml with this key set, or without it."""
    section, _, name = key.partition(".")
    text = county.config("postgresql:///x", "https://localhost:9").read_text()
    kept, now = [], ""
    for line in text.splitlines():
        now = line if line.startswith("[") else now
        if not (now == f"[{section}]" and line.startswith(f"{name} = ")):
            kept.append(line)
        if line == f"[{section}]" and value is not None:
            kept.append(f"{name} = {value}")
    return "\n".join(kept)


def read(text: str, key: str) -> Any:
    section, _, name = key.partition(".")
    return getattr(getattr(settings.parse(text, Path("/")), section), name)


@pytest.mark.parametrize(
    ("key", "usual", "low", "high", "under", "over"), [line.split() for line in LIMITS.strip().splitlines()]
)
def test_each_number_of_relay_toml_has_its_limits(
    county: County, key: str, usual: str, low: str, high: str, under: str, over: str
) -> None:
    assert read(with_value(county, key, None), key) == float(usual)
    for value in (low, high):
        assert read(with_value(county, key, value), key) == float(value)
    for value in (under, over):
        with pytest.raises(ValueError):
            read(with_value(county, key, value), key)


def test_a_quota_is_at_least_1_and_has_its_usual_values() -> None:
    usual = settings.Quota()
    assert (usual.most_waiting, usual.most_waiting_mib, usual.most_an_hour) == (2000, 4096, 1000)


@pytest.mark.parametrize("name", ["most_waiting", "most_waiting_mib", "most_an_hour"])
def test_a_quota_of_nothing_is_refused(county: County, name: str) -> None:
    text = county.config("postgresql:///x", "https://localhost:9").read_text()
    head, _, rest = text.partition("quota = {")
    for value, good in (("1", True), ("0", False)):
        changed = head + f"quota = {{ {name} = {value} }}" + rest.partition("}")[2]
        if good:
            assert getattr(settings.parse(changed, Path("/")).station[0].quota, name) == 1
        else:
            with pytest.raises(ValueError):
                settings.parse(changed, Path("/"))


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ("id", ["a", "A-1._", "x" * 40], ["", "x" * 41, "a b"]),
        ("client", ["c", "c" * 64], ["", "c" * 65]),
        ("signer", ["s", "s" * 64], ["", "s" * 65]),
    ],
)
def test_names_of_a_station_have_their_lengths(
    county: County, field: str, good: list[str], bad: list[str]
) -> None:
    text = county.config("postgresql:///x", "https://localhost:9").read_text()
    old = {"id": 'id = "ST-001"', "client": 'client = "ST-001 TLS"', "signer": 'signer = "ST-001 signing"'}[
        field
    ]
    for value in good:
        parsed = settings.parse(text.replace(old, f'{field} = "{value}"', 1), Path("/"))
        assert getattr(parsed.station[0], field) == value
    for value in bad:
        with pytest.raises(ValueError):
            settings.parse(text.replace(old, f'{field} = "{value}"', 1), Path("/"))


# uploads

KIND = f"multipart/form-data; boundary={BOUNDARY}"
WHOLE = body_of(Parcel("s-1", b"transaction", b"manifest", b"signature"))


def part(name: str, content: bytes, padding: int = 0) -> bytes:
    head = f'Content-Disposition: form-data; name="{name}"\r\n'
    head += "X: " + "x" * padding + "\r\n" if padding else ""
    return f"--{BOUNDARY}\r\n{head}\r\n".encode() + content + b"\r\n"


def test_a_head_of_a_part_ends_within_2048_bytes() -> None:
    rest = part("manifest", b"m") + part("signature", b"s") + f"--{BOUNDARY}--\r\n".encode()
    short = len(part("transaction", b"")) - len(f"--{BOUNDARY}\r\n\r\n".encode()) - len("X: \r\n\r\n") + 3
    fits = 2048 - short - 4
    for padding, good in ((fits - 8, True), (fits + 64, False)):
        body = part("transaction", b"t", padding) + rest
        if good:
            assert multipart.parts(KIND, body)["transaction"] == b"t"
        else:
            with pytest.raises(ValueError, match="no end of its head"):
                multipart.parts(KIND, body)


@pytest.mark.parametrize(("length", "good"), [(0, False), (1, True), (70, True), (71, False)])
def test_a_boundary_has_1_to_70_letters(length: int, good: bool) -> None:
    mark = "b" * length
    body = WHOLE.replace(BOUNDARY.encode(), mark.encode())
    if good:
        assert multipart.parts(f'multipart/form-data; boundary="{mark}"', body)["manifest"] == b"manifest"
    else:
        with pytest.raises(ValueError):
            multipart.parts(f'multipart/form-data; boundary="{mark}"', body)


def test_an_upload_ends_with_its_boundary_and_at_most_a_line_end() -> None:
    for end in (b"--", b"--\r\n"):
        body = WHOLE.rstrip(b"\r\n").removesuffix(b"--") + end
        assert multipart.parts(KIND, body)["signature"] == b"signature"
    for end in (b"", b"-", b"--\n", b"--\r\n\r\n", b"--x"):
        with pytest.raises(ValueError):
            multipart.parts(KIND, WHOLE.rstrip(b"\r\n").removesuffix(b"--") + end)


# answers


class Counter:
    """An intake that does what the test says."""

    revocation = None

    def __init__(self) -> None:
        self.outcome: Any = Taken(SignedReceipt(b"r", b"s"), True)
        self.asked: list[Any] = []

    def remembered(self, client: str) -> dict[str, str]:
        return {"station_id": client}

    station = remembered

    def _said(self, *what: Any) -> Any:
        self.asked.append(what)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    def submit(self, client: str, upload: Any) -> Any:
        return self._said(client, upload)

    def status(self, client: str, name: str) -> Any:
        return self._said(client, name)

    onward = status


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.fixture
def client(counter: Counter) -> Iterator[TestClient]:
    desk = web.Desk(counter, None, threads=1, upload_s=5.0)  # type: ignore[arg-type]
    inner = desk.application()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        scope["state"] = {"client": "ST-001 TLS"}
        await inner(scope, receive, send)

    made = TestClient(application)
    made.desk = desk  # type: ignore[attr-defined]
    yield made
    desk.close()


def put(client: TestClient, body: bytes = WHOLE, **headers: str) -> Any:
    return client.put("/v1/submissions/s-1", content=body, headers={"content-type": KIND} | headers)


def test_what_is_taken_now_is_201_and_what_was_taken_before_200(client: TestClient, counter: Counter) -> None:
    answer = put(client)
    assert answer.status_code == 201
    assert answer.json() == {
        "receipt": base64.b64encode(b"r").decode(),
        "signature": base64.b64encode(b"s").decode(),
    }
    counter.outcome = Taken(SignedReceipt(b"r", b"s"), False)
    assert put(client).status_code == 200
    (_, upload), _ = counter.asked
    assert (upload.submission_id, upload.transaction, upload.sealed) == ("s-1", b"transaction", False)


ANSWERS: list[tuple[Exception, int, str, str | None]] = [
    (Refused("digest_mismatch", "x"), 422, "digest_mismatch", None),
    (Refused("conflict", "x", 409), 409, "conflict", None),
    (Refused("quota", "x", 429, 60), 429, "quota", "60"),
    (Refused("unknown_station", "x", 403), 403, "unknown_station", None),
    (StoreFault("relay.disk_full", "x"), 503, "relay.disk_full", "5"),
    (TimeoutError(), 408, "too_slow", None),
]


@pytest.mark.parametrize(("outcome", "status", "code", "later"), ANSWERS)
def test_each_end_of_an_upload_is_the_status_of_its_meaning(
    client: TestClient, counter: Counter, outcome: Exception, status: int, code: str, later: str | None
) -> None:
    counter.outcome = outcome
    answer = put(client)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers.get("retry-after") == later
    assert client.desk.counts.answers == {status: 1}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"content-length": str(80 * 2**20 + 1)}, 413, "too_large"),
        ({"content-length": "x"}, 413, "too_large"),
        ({"content-length": "-1"}, 413, "too_large"),
        ({"content-length": "٣"}, 413, "too_large"),
        ({"idempotency-key": "s-2"}, 422, "id_mismatch"),
        ({"idempotency-key": "s-1"}, 201, ""),
        ({"content-type": "text/plain"}, 400, "malformed"),
    ],
)
def test_an_upload_that_says_something_else_is_refused_unread(
    client: TestClient, headers: dict[str, str], status: int, code: str
) -> None:
    raw = {key: value.encode() if not value.isascii() else value for key, value in headers.items()}
    answer = put(client, **raw)  # type: ignore[arg-type]
    assert (answer.status_code, answer.json().get("code", "")) == (status, code)


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("", (0, 100)),
        ("after=7&limit=3", (7, 3)),
        ("limit=0", (0, 1)),
        ("limit=1", (0, 1)),
        ("limit=100", (0, 100)),
        ("limit=101", (0, 100)),
        ("after=999999999999999999", (999999999999999999, 100)),
    ],
)
def test_a_page_of_responses_has_1_to_100(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, query: str, asked: tuple[int, int]
) -> None:
    seen: list[tuple[int, int]] = []

    def given(database: Any, vault: Any, station: str, after: int, limit: int) -> tuple[list[Any], bool]:
        seen.append((after, limit))
        return [], True

    monkeypatch.setattr(web.answers, "given", given)
    monkeypatch.setattr(Counter, "database", None, raising=False)
    answer = client.get(f"/v1/responses?{query}")
    assert (answer.status_code, answer.json()) == (200, {"responses": [], "more": True})
    assert seen == [asked]


@pytest.mark.parametrize(
    "query", ["after=-1", "after=x", "after=", "limit=1.5", "after=1000000000000000000", "limit=٣"]
)
def test_a_question_that_is_no_number_is_malformed(client: TestClient, query: str) -> None:
    answer = client.get(f"/v1/responses?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
