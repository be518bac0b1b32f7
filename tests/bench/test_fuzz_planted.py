"""Proof that the fuzz can fail: planted faults in every kind of reading are found."""

import json
import random
import tomllib
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench import fuzz_files, fuzz_http, fuzz_kinds, fuzz_owner, fuzz_records, fuzz_tally
from bench.fuzz import read, run_all, summed, told
from bench.fuzz_broker import fuzz_broker
from bench.fuzz_files import fuzz_houses, fuzz_series
from bench.fuzz_http import HEALTHY, fuzz_answers, fuzz_transport, unsound
from bench.fuzz_kinds import KINDS, Slice, run_slice, slices
from bench.fuzz_services import Service, services
from bench.fuzz_spoil import HUGE, ODD, changed, dumped
from bench.fuzz_tally import Tally, accepted, refused, watched
from bench.fuzz_toml import all_settings, dumped_toml, house_files
from controller import connect_grid
from drivers.api import PriceSeries, WeatherSeries
from drivers.errors import TransientError
from drivers.grid.lpc_inbox import LpcInbox
from drivers.transports.http import HttpLink, HttpRequest

NOON = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
GOOD = PriceSeries(
    issued_at=NOON, starts_at=NOON, step_s=3600, per_kwh=(0.1, None), currency="EUR", source="s"
)


# ---- what counts as a violation ---


def test_an_exception_is_told_with_its_place() -> None:
    tally = Tally("kind")
    with watched(tally, "subject", "payload"):
        tomllib.loads("[")
    assert list(tally.violations) == ["subject: TOMLDecodeError escapes parse_key_part"]


def test_a_payload_that_takes_long_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz_tally, "LONGEST_CASE_S", -1.0)
    tally = Tally("kind")
    with watched(tally, "subject", "payload"):
        pass
    assert list(tally.violations) == ["subject: a payload takes too long"]


@pytest.mark.parametrize(
    ("message", "rule"), [("", "without words"), (" \n", "without words"), ("a" * 2000, "nobody")]
)
def test_an_error_that_helps_nobody_is_told(message: str, rule: str) -> None:
    tally = Tally("kind")
    refused(tally, "subject", ValueError(message), "payload")
    assert [rule in said for said in tally.violations] == [True]


def test_a_declared_error_is_a_refusal_and_another_a_violation() -> None:
    def fail() -> None:
        raise KeyError("planted")

    tally = Tally("kind")
    accepted(tally, "subject", fail, declared=(KeyError,), example="payload")
    assert (tally.refusals, tally.violations.total()) == (1, 0)
    accepted(tally, "subject", fail, declared=(ValueError,), example="payload")
    assert tally.violations.total() == 1


def test_a_process_that_grows_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes_mb = iter((150.0, 301.0, 290.0, 390.0, 290.0, 391.0))
    monkeypatch.setattr(fuzz_kinds, "_peak_mb", lambda: next(sizes_mb))
    told = [list(run_slice(Slice("registers", 10, 1)).violations) for _ in range(3)]
    assert told == [["registers: memory without bound"], [], ["registers: memory without bound"]]


# ---- planted faults ---


def service(fetch_from: Callable[[HttpLink], Callable[[datetime], object]]) -> Service:
    return Service("planted", fetch_from, (b"{}",), NOON)


async def test_a_driver_that_raises_anything_else_is_found() -> None:
    def fetch_from(_: HttpLink) -> Callable[[datetime], object]:
        async def fetch(_: datetime) -> PriceSeries:
            raise LookupError("planted")

        return fetch

    tally = await fuzz_answers(6, 1, [service(fetch_from)])
    assert "planted: LookupError escapes" in set(tally.violations)


async def test_a_driver_that_sulks_after_a_bad_answer_is_found() -> None:
    def fetch_from(link: HttpLink) -> Callable[[datetime], object]:
        sulks = False

        async def fetch(at: datetime) -> PriceSeries:
            nonlocal sulks
            answer = await link.ask(HttpRequest(url="http://h/"), at)
            sulks = sulks or answer.body != b"{}"
            if sulks:
                raise TransientError("no more")
            return GOOD

        return fetch

    tally = await fuzz_answers(60, 1, [service(fetch_from)])
    assert set(tally.violations) == {"planted: a bad answer is held against a good one"}


async def test_a_link_that_loses_a_good_answer_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(fuzz_http.WAYS, HEALTHY, lambda body, _: fuzz_http._response(body)[:-1])
    tally = await fuzz_transport(150, 1, [b"body"], NOON)
    assert f"{HEALTHY}: a good answer refused" in tally.violations


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"per_kwh": (float("inf"),)}, "a price that is no number"),
        ({"per_kwh": (None,)}, "a series without prices"),
        ({"per_kwh": (0.1,) * 9000}, "a series of an impossible length"),
        ({"step_s": 60}, "off the grid"),
        ({"starts_at": NOON + timedelta(seconds=1)}, "off the grid"),
        ({"issued_at": NOON + timedelta(days=1)}, "issued in the future"),
        ({}, None),
    ],
)
def test_prices_that_no_market_has_are_found(change: dict[str, object], fault: str | None) -> None:
    fields = {name: getattr(GOOD, name) for name in GOOD.__dataclass_fields__}
    assert unsound(PriceSeries(**(fields | change)), NOON) == fault


@pytest.mark.parametrize(
    ("outdoor_c", "hours", "fault"),
    [(99.0, 0, "an outdoor temperature out of its range"), (1.0, 99, "weather of another time"),
     (1.0, -99, "weather of another time"), (1.0, 0, None)],
)  # fmt: skip
def test_weather_that_nobody_has_is_found(outdoor_c: float, hours: int, fault: str | None) -> None:
    series = WeatherSeries(
        issued_at=NOON - timedelta(days=9), starts_at=NOON + timedelta(hours=hours), step_s=3600,
        outdoor_c=(outdoor_c,), ghi_w_per_m2=(0.0,), source="s",
    )  # fmt: skip
    assert unsound(series, NOON) == fault


async def test_a_limit_that_is_forgotten_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class Deaf(LpcInbox):
        def take(self, *_: object, **__: object) -> str | None:
            return "not today"

    monkeypatch.setattr(connect_grid, "LpcInbox", Deaf)
    tally = await fuzz_broker(12, 1)
    assert set(tally.violations) == {"limit: a good limit is not obeyed"}


def test_a_configuration_that_fails_otherwise_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: bytes) -> None:
        raise KeyError("planted")

    monkeypatch.setattr(fuzz_files, "parsed", fail)
    assert set(fuzz_houses(3, 1).violations) == {"house: KeyError escapes"}


def test_a_file_that_is_wrongly_refused_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fuzz_files, "_lines", lambda *_: b"timestamp_utc,cost\n")
    tally = fuzz_series(60, 1, tmp_path)
    assert "prices.csv: a good file refused" in tally.violations


def test_a_replay_that_fails_otherwise_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise KeyError("planted")

    monkeypatch.setattr(fuzz_records, "_replayed", fail)
    monkeypatch.setattr(fuzz_records, "WAYS", {"healthy": lambda *_: None})
    assert set(fuzz_records.fuzz_records(2, 1, b"", tmp_path).violations) == {
        "replay: KeyError escapes",
        "replay: good records are not replayed",
    }


async def test_who_asks_and_fails_otherwise_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise KeyError("planted")

    monkeypatch.setattr(fuzz_owner, "ask", fail)
    tally = await fuzz_owner.fuzz_owner(60, 1, tmp_path)
    assert set(tally.violations) == {"who asks: KeyError escapes"}


async def test_a_channel_that_keeps_a_wish_it_refused_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forgetful(self: object, line: bytes) -> dict[str, object]:
        loop = self._loop  # type: ignore[attr-defined]
        loop.change_wishes(SimpleNamespace(wish=None, released=len(line)))
        return {"ok": False, "error": "no"}

    monkeypatch.setattr(fuzz_owner.Owner, "answer", forgetful)
    monkeypatch.setattr(fuzz_owner, "OVER_SOCKET_FRAC", 0.0)
    monkeypatch.setattr(
        fuzz_owner.Loop, "change_wishes", lambda self, w: setattr(self, "_wishes", w)
    )
    tally = await fuzz_owner.fuzz_owner(5, 1, tmp_path)
    assert "service: a refused line changes wishes" in tally.violations


# ---- shares, slices and what is kept ---


def test_a_million_payloads_are_shared_out_in_slices() -> None:
    pieces = slices(1_000_000, 1)
    assert sum(piece.count for piece in pieces) == 1_000_000
    assert len({(piece.kind, piece.seed) for piece in pieces}) == len(pieces)
    assert {piece.kind for piece in pieces[:40]} == {kind.name for kind in KINDS}


def test_slices_that_are_kept_are_not_run_again(tmp_path: Path) -> None:
    piece = Slice("registers", 5000, 1)
    tally = Tally("Modbus registers", payloads=5000, readings=3)
    tally.violated("pump", "rule", "example")
    path = tmp_path / "slices.jsonl"
    path.write_text(json.dumps([asdict(piece), told(tally)]) + "\n")
    assert read(path) == {piece: tally}
    said: list[str] = []
    assert summed(run_all([piece], path, jobs=1, tell=said.append)) == [tally]
    assert said == [f"1 of 1 slices are kept in {path}"]


# ---- payloads ---


def test_changed_trees_leave_the_odd_values_as_they_are() -> None:
    before = repr(ODD)
    chance = random.Random(1)
    document: object = {"a": [1, {"b": 2}]}
    for _ in range(500):
        document = changed(document, chance) if isinstance(document, dict) else {"a": [1]}
    assert repr(ODD) == before


def test_marks_become_what_no_library_writes() -> None:
    assert dumped([HUGE]) == b"[" + b"7" * 5000 + b"]"


@pytest.mark.parametrize("content", house_files())
def test_documents_are_written_as_they_were_read(content: bytes) -> None:
    document = tomllib.loads(content.decode())
    assert tomllib.loads(dumped_toml(document).decode()) == document


def test_every_setting_of_a_house_can_become_odd() -> None:
    assert {("house", "year"), ("control", "mode"), ("tariff", "peak")} <= set(all_settings())


def test_every_service_has_said_something_good() -> None:
    assert len(services()) == 14
    assert all(service.good[0] for service in services())
