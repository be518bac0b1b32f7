"""A simulated house in which the nightly timer learns from what the service has recorded."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bench.archive import Archive
from bench.spec import RunSpec
from bench.world import MemoryWorld
from controller.config import HouseConfig
from controller.connect import Outside
from controller.learn import LEAST_DAYS, learn
from controller.learn_data import house_data
from controller.learned import KEY, LESSONS, Lessons
from controller.model import house_model
from controller.recorder import Records
from controller.records import StepRecord
from controller.store import open_store
from drivers.api import Now
from hil.occupants import Occupancy
from mpc.building import Building, total_loss_w_per_k

EVERY = timedelta(days=4)
"""The timer comes every night; every fourth is enough to see and a quarter of the work."""

NIGHT_H = 3.2  # local; when the timer of deploy/systemd is due
LOOK_BACK = timedelta(days=30)  # as `heatherd learn` does unless told otherwise


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """What one night of learning came to; the model is the one in force afterwards."""

    day: float  # days of records
    adopted: bool
    version: int | None
    error_k: float
    error_before_k: float
    loss_w_per_k: float
    capacity_kwh_per_k: float  # of air, mass and emitters
    remarks: tuple[str, ...]


class LearningWorld(MemoryWorld):
    """The house, and beside the service the timer that runs `heatherd learn` every fourth night.

    The first is the night after which a week of records is there.
    """

    def __init__(self, spec: RunSpec, archive: Archive, *, occupants: Occupancy) -> None:
        super().__init__(spec, archive, occupants=occupants)
        self.nights: list[Night] = []
        zone = ZoneInfo(archive.zone.timezone)
        midnight = spec.start_at.astimezone(zone).replace(hour=0, minute=0)
        self._next_at = midnight + timedelta(days=LEAST_DAYS + 1.0, hours=NIGHT_H)
        self._config: HouseConfig | None = None
        self._records: list[StepRecord] = []

    def outside(self, config: HouseConfig, now: Now) -> Outside:
        """The devices; the timer reads the configuration of the service."""
        self._config = config
        return super().outside(config, now)

    async def advance(self, until: datetime) -> None:
        """Let the house live; at night, learn."""
        await super().advance(until)
        if self._config is not None and until >= self._next_at:
            self._next_at += EVERY
            self._learn(self._config, until)

    def _learn(self, config: HouseConfig, at: datetime) -> None:
        """What `heatherd learn` does, reading each record only once."""
        folder = config.storage.directory
        records = Records(folder / "records.db")
        try:
            since = self._records[-1].at + timedelta(seconds=1) if self._records else None
            self._records += records.records(since)
        finally:
            records.close()
        with open_store(folder / "state.db") as store:
            lessons = store.value(KEY, LESSONS) or Lessons()
            held = lessons.in_force(config)
            model = house_model(config, None if held is None else held.building)
            data = house_data((r for r in self._records if r.at >= at - LOOK_BACK), model)
            study = learn(data, config=config, model=model, lessons=lessons, at=at)
            store.save_value(KEY, LESSONS, study.lessons)
        held = study.lessons.in_force(config)
        building = house_model(config, None if held is None else held.building).building
        self.nights.append(
            Night(
                day=data.days,
                adopted=study.adopted,
                version=study.lessons.version,
                error_k=study.error_k,
                error_before_k=study.error_before_k,
                loss_w_per_k=total_loss_w_per_k(building),
                capacity_kwh_per_k=capacity_kwh_per_k(building),
                remarks=study.reasons + study.lessons.remarks,
            )
        )


def capacity_kwh_per_k(building: Building) -> float:
    """All that a house stores: in air, mass and emitters."""
    return building.air_kwh_per_k + building.mass_kwh_per_k + (building.floor_kwh_per_k or 0.0)
