"""The people: heat they give off, hot water they draw, windows they open.

Every day is drawn from (seed, local date) alone, so no day depends on another. Levels are those
of a family: 3 to 4 people at 80 W, appliances about 9 kWh a day, 110 to 190 litres at 40 °C.
"""

import random
from datetime import date, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

SLOT_MIN = 5
SLOTS = 24 * 60 // SLOT_MIN
PERSON_W = 80.0  # dry heat of a seated adult, ISO 7730
AIRING_PER_H = 6.0  # one window wide open
DRY_FRAC = 0.6  # of cooking power that stays as dry heat in the room


class Occupancy(Protocol):
    """What the plant asks of the people."""

    def gains_w(self, at: datetime, /) -> tuple[float, float]:
        """Heat into living and sleeping zone."""
        ...

    def draw_l_per_min(self, at: datetime, /) -> float:
        """Mixed water at the tap (40 °C)."""
        ...

    def airing_per_h(self, at: datetime, /) -> tuple[float, float]:
        """Additional air changes through open windows, living and sleeping zone."""
        ...


class Steady:
    """Nobody surprises: constant gains, no draws, windows shut."""

    def __init__(self, living_w: float = 250.0, sleeping_w: float = 100.0) -> None:
        self._gains_w = (living_w, sleeping_w)

    def gains_w(self, _at: datetime, /) -> tuple[float, float]:
        """The same at all times."""
        return self._gains_w

    def draw_l_per_min(self, _at: datetime, /) -> float:
        """None."""
        return 0.0

    def airing_per_h(self, _at: datetime, /) -> tuple[float, float]:
        """None."""
        return (0.0, 0.0)


class _Day:
    """One day in slots of five minutes, draws by minute."""

    __slots__ = ("draws", "living_airing", "living_w", "sleeping_airing", "sleeping_w")

    def __init__(self, chance: random.Random, *, people: int, weekend: bool) -> None:
        self.living_w = [0.0] * SLOTS
        self.sleeping_w = [0.0] * SLOTS
        self.living_airing = [0.0] * SLOTS
        self.sleeping_airing = [0.0] * SLOTS
        self.draws: dict[int, float] = {}
        self._presence(chance, people=people, weekend=weekend)
        self._appliances(chance)
        self._draw_water(chance, people=people)
        self._open_windows(chance)

    def _presence(self, chance: random.Random, *, people: int, weekend: bool) -> None:
        rise_min = int(chance.gauss(480 if weekend else 400, 25))
        bed_min = int(chance.gauss(1370, 25))
        leave_min = rise_min + int(chance.uniform(40, 90))
        back_min = int(chance.gauss(960, 60))
        at_home = people if weekend else chance.choice((0, 0, 1, 1, people))
        for slot in range(SLOTS):
            minute = slot * SLOT_MIN
            if minute < rise_min or minute >= bed_min:
                self.sleeping_w[slot] += people * PERSON_W * 0.9
            elif not weekend and leave_min <= minute < back_min:
                self.living_w[slot] += at_home * PERSON_W
            else:
                awake = people if chance.random() < 0.8 else max(1, people - 1)
                self.living_w[slot] += 0.8 * awake * PERSON_W
                self.sleeping_w[slot] += 0.2 * awake * PERSON_W

    def _appliances(self, chance: random.Random) -> None:
        for slot in range(SLOTS):
            self.living_w[slot] += 110.0
            self.sleeping_w[slot] += 30.0
        self._run(self.living_w, chance.gauss(1080, 40), 45, chance.uniform(900, 2000))
        self._run(self.living_w, chance.gauss(430, 30), 15, chance.uniform(400, 1200))
        self._run(self.living_w, chance.gauss(1180, 60), 180, chance.uniform(120, 300))
        if chance.random() < 0.5:
            self._run(self.living_w, chance.uniform(600, 1200), 75, chance.uniform(300, 600))

    @staticmethod
    def _run(series: list[float], start_min: float, minutes: float, power_w: float) -> None:
        """Add an appliance's heat; what falls past midnight is left out."""
        first = max(0, int(start_min) // SLOT_MIN)
        for slot in range(first, min(SLOTS, first + int(minutes) // SLOT_MIN)):
            series[slot] += DRY_FRAC * power_w

    def _draw_water(self, chance: random.Random, *, people: int) -> None:
        for _ in range(people):
            if chance.random() < 0.85:  # a shower in the morning or the evening
                start = chance.gauss(415, 30) if chance.random() < 0.6 else chance.gauss(1290, 50)
                self._tap(start, int(chance.uniform(3, 8)), chance.uniform(6.0, 8.5))
        for _ in range(chance.randint(8, 16)):  # hands and dishes
            self._tap(chance.uniform(390, 1380), 1, chance.uniform(1.5, 5.0))
        if chance.random() < 0.12:  # a bath
            self._tap(chance.gauss(1200, 40), 10, 10.0)

    def _tap(self, start_min: float, minutes: int, l_per_min: float) -> None:
        first = min(max(int(start_min), 0), 24 * 60 - minutes)
        for minute in range(first, first + minutes):
            self.draws[minute] = self.draws.get(minute, 0.0) + l_per_min

    def _open_windows(self, chance: random.Random) -> None:
        if chance.random() < 0.45:
            slot = int(chance.gauss(440, 30)) // SLOT_MIN
            for offset in range(chance.choice((1, 2, 2, 3))):
                self.sleeping_airing[slot + offset] = AIRING_PER_H
        if chance.random() < 0.2:
            slot = int(chance.gauss(1125, 60)) // SLOT_MIN
            for offset in range(chance.choice((1, 2))):
                self.living_airing[slot + offset] = 0.7 * AIRING_PER_H


class Family:
    """People whose days follow from a seed."""

    def __init__(self, *, seed: int, people: int, timezone: str) -> None:
        self._seed = seed
        self._people = people
        self._zone = ZoneInfo(timezone)
        self._today: tuple[date, _Day] | None = None
        self._minute_at: datetime | None = None
        self._minute: tuple[_Day, int] | None = None

    def gains_w(self, at: datetime, /) -> tuple[float, float]:
        """Heat into living and sleeping zone."""
        day, minute = self._moment(at)
        slot = minute // SLOT_MIN
        return day.living_w[slot], day.sleeping_w[slot]

    def draw_l_per_min(self, at: datetime, /) -> float:
        """Mixed water at the tap (40 °C)."""
        day, minute = self._moment(at)
        return day.draws.get(minute, 0.0)

    def airing_per_h(self, at: datetime, /) -> tuple[float, float]:
        """Additional air changes through open windows."""
        day, minute = self._moment(at)
        slot = minute // SLOT_MIN
        return day.living_airing[slot], day.sleeping_airing[slot]

    def _moment(self, at: datetime) -> tuple[_Day, int]:
        if self._minute is not None and at == self._minute_at:
            return self._minute
        local = at.astimezone(self._zone)
        today = local.date()
        if self._today is None or self._today[0] != today:  # a season of days is not kept
            chance = random.Random(f"{self._seed}:{today.isoformat()}")
            day = _Day(chance, people=self._people, weekend=today.weekday() >= 5)
            self._today = (today, day)
        self._minute_at = at
        self._minute = (self._today[1], local.hour * 60 + local.minute)
        return self._minute
