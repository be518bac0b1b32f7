"""What can become of any payload: its bytes damaged, or one of its values made odd."""

import copy
import json
import random
from collections.abc import Callable, Sequence

HUGE, DEEP, OPEN = "@huge@", "@deep@", "@open@"
"""Stand in a tree for what no library writes: see `dumped`."""

DIGITS = 5000
"""More than Python makes an integer of (sys.int_info.default_max_str_digits)."""

TIMES = (
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "9999-12-31T23:00:00Z",
    "2026-01-15T12:00:00", "2026-02-30T00:00:00Z", "2026-01-15T12:07:13.5Z", "1970-01-01T00:00:00Z",
    "2036-01-15T12:00:00Z", "2026-01-15", "20260115T12", "24:00", "+10000-01-01T00:00:00Z",
)  # fmt: skip
ODD: tuple[object, ...] = (
    None, True, False, "", " ", "nan", "Infinity", "-1", "1e400", "0x10", "١٢", "21,5", "\x00",
    "a" * 5000, "é\u202e\U0001f525", "../../../etc/passwd", "{}", "[]", 0, -1, 1, 0.1, -0.0, 1e308,
    -1e308, 5e-324, 2**31, 2**53 + 1, 2**63, -(2**63) - 1, 10**18, 10**400, float("nan"),
    float("inf"), float("-inf"), [], {}, [None], [[]], [1, "2"], {"a": 1}, {"": {}}, HUGE, DEEP,
    OPEN, *TIMES,
)  # fmt: skip
JUNK = (
    b"\x00", b"\xff\xfe", b"\xc3\x28", b"\xed\xa0\x80", b"\xef\xbb\xbf", b'"', b"'", b"[", b"]",
    b"{", b"}", b",", b"=", b"\r", b"\n", b"\\", b"\\u0000", b"\\ud800", b"<", b"&#0;", b"&x;",
    b"<!--", b"nan", b"-", b"1e999", b"9" * 400, b"9" * DIGITS, b"#" * 300,
)  # fmt: skip
ENCODINGS = ("utf-16", "utf-16-le", "utf-32", "utf-8-sig", "latin-1", "cp037")


def changed(document: object, chance: random.Random, odd: Sequence[object] = ODD) -> object:
    """The tree with one value, key or list changed somewhere in it; it is changed in place."""
    holder: dict[object, object] = {"": document}
    inside: dict[object, object] | list[object] = holder
    key: object = ""
    while True:
        found = inside[key]  # type: ignore[call-overload]
        if not isinstance(found, dict | list) or not found or chance.random() < 0.1:
            break
        inside = found
        key = (
            chance.choice(list(found)) if isinstance(found, dict) else chance.randrange(len(found))
        )
    _change(inside, key, chance, odd)
    return holder.get("", {})


def _change(
    inside: dict[object, object] | list[object],
    key: object,
    chance: random.Random,
    odd: Sequence[object],
) -> None:
    value = inside[key]  # type: ignore[call-overload]
    way = chance.random()
    if way < 0.6:
        inside[key] = copy.deepcopy(chance.choice(odd))  # type: ignore[call-overload]
    elif way < 0.7:
        del inside[key]  # type: ignore[arg-type]
    elif way < 0.8:
        inside[key] = [value] if way < 0.75 else str(value)  # type: ignore[call-overload]
    elif isinstance(inside, dict):
        inside[chance.choice(("", "unknown", "é", f"{key}x", str(key).upper()))] = value
    else:
        inside.extend([value] * chance.choice((1, 3, 1000)))


def dumped(document: object) -> bytes:
    """JSON, or nearly: numbers of any length and endless nesting where a tree says so."""
    text = json.dumps(document).encode()
    for mark, bytes_ in (
        (HUGE, b"7" * DIGITS),
        (DEEP, b"[" * 20_000 + b"]" * 20_000),
        (OPEN, b'{"a":' * 20_000),
    ):
        text = text.replace(b'"%s"' % mark.encode(), bytes_)
    return text


class ByteSpoiler:
    """Damages bytes, whatever they mean."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.ways: dict[str, Callable[[bytes], bytes]] = {
            "bits flipped": self._flipped,
            "cut": lambda good: good[: chance.randrange(len(good) + 1)],
            "junk inside": self._inserted,
            "a part twice": self._repeated,
            "a part gone": self._gone,
            "other encoding": self._encoded,
            "random bytes": lambda _: chance.randbytes(chance.randint(0, 200)),
        }

    def _flipped(self, good: bytes) -> bytes:
        bad = bytearray(good or b"\x00")
        for _ in range(self._chance.randint(1, 6)):
            bad[self._chance.randrange(len(bad))] ^= 1 << self._chance.randrange(8)
        return bytes(bad)

    def _inserted(self, good: bytes) -> bytes:
        place = self._chance.randrange(len(good) + 1)
        return good[:place] + self._chance.choice(JUNK) + good[place:]

    def _span(self, good: bytes) -> tuple[int, int]:
        first = self._chance.randrange(len(good) + 1)
        return first, min(len(good), first + self._chance.randint(1, 400))

    def _repeated(self, good: bytes) -> bytes:
        first, last = self._span(good)
        return good[:last] + good[first:last] * self._chance.choice((1, 1, 2, 50)) + good[last:]

    def _gone(self, good: bytes) -> bytes:
        first, last = self._span(good)
        return good[:first] + good[last:]

    def _encoded(self, good: bytes) -> bytes:
        encoding = self._chance.choice(ENCODINGS)
        return good.decode("utf-8", errors="replace").encode(encoding, errors="replace")
