"""What plans learn from, beside the state of the house: promises, tank and connection. Pure."""

from dataclasses import dataclass, field, replace

from pydantic import TypeAdapter

from controller.config import HouseConfig
from controller.hot_water_tank import TankBelief, believe_tank, first_tank
from controller.margin import Margin
from controller.site import SiteMemory
from controller.snapshot import Snapshot
from drivers.api import Signal
from mpc.plan import Plan
from mpc.tariff import Tariff


@dataclass(frozen=True, slots=True)
class Experience:
    """Survives restarts as one."""

    margin: Margin = field(default_factory=Margin)
    tank: TankBelief | None = None  # None: hot water is the pump's own
    site: SiteMemory = field(default_factory=SiteMemory)

    def promised(self, plan: Plan) -> "Experience":
        """A new plan says what the room will be."""
        return replace(self, margin=self.margin.promised(plan))

    def seen(
        self, snapshot: Snapshot, config: HouseConfig, tariff: Tariff, *, asked: bool
    ) -> "Experience":
        """One more look at the house; `asked`: the pump was following a plan."""
        room_c = snapshot.value(Signal.ROOM_C)
        return Experience(
            margin=self.margin.seen(snapshot.at, room_c, asked=asked),
            tank=self._tank(snapshot, config),
            site=self.site.seen(snapshot, config, tariff),
        )

    def _tank(self, snapshot: Snapshot, config: HouseConfig) -> TankBelief | None:
        section = config.hot_water
        if not section.enabled:
            return self.tank
        before = first_tank(section, snapshot.at) if self.tank is None else self.tank
        return believe_tank(before, snapshot, section, config.zone)


EXPERIENCE: TypeAdapter[Experience] = TypeAdapter(Experience)
