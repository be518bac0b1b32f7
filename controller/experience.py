"""What plans learn from, beside the state of the house: kept promises and the connection. Pure."""

from dataclasses import dataclass, field, replace

from pydantic import TypeAdapter

from controller.config import HouseConfig
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
            self.margin.seen(snapshot.at, room_c, asked=asked),
            self.site.seen(snapshot, config, tariff),
        )


EXPERIENCE: TypeAdapter[Experience] = TypeAdapter(Experience)
