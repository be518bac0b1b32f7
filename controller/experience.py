"""What plans learn from, beside the state of the house: promises, tank, pump, connection. Pure."""

from dataclasses import dataclass, field, replace

from pydantic import TypeAdapter

from controller.absence import Absence
from controller.brine import Brine
from controller.cold_figures import ColdFigures
from controller.config import HouseConfig
from controller.forecast_errors import weather_seen
from controller.forecasts import Known, value_at
from controller.hot_water_tank import TankBelief, believe_tank, first_tank
from controller.margin import Margin, weather_at_leads_k2
from controller.model import HouseModel
from controller.prices_beyond import PriceMemory
from controller.pump_figures import PumpFigures
from controller.site import SiteMemory
from controller.snapshot import Snapshot
from controller.starts import Starts
from drivers.api import Signal
from mpc.forecast_bias import ForecastBias
from mpc.plan import Plan, PlanRequest
from mpc.weather_errors import WeatherErrors


@dataclass(frozen=True, slots=True)
class Experience:
    """Survives restarts as one."""

    margin: Margin = field(default_factory=Margin)
    tank: TankBelief | None = None  # None: hot water is the pump's own
    site: SiteMemory = field(default_factory=SiteMemory)
    pump: PumpFigures = field(default_factory=PumpFigures)
    starts: Starts = field(default_factory=Starts)
    outdoor: ForecastBias = field(default_factory=ForecastBias)
    absence: Absence = field(default_factory=Absence)
    brine: Brine = field(default_factory=Brine)
    cold: ColdFigures = field(default_factory=ColdFigures)
    weather: WeatherErrors = field(default_factory=WeatherErrors)
    prices: PriceMemory = field(default_factory=PriceMemory)

    def promised(self, plan: Plan, request: PlanRequest) -> "Experience":
        """A new plan says what the room will be, if the weather of its request is right."""
        weather_k2 = weather_at_leads_k2(request.horizon, request.building)
        return replace(
            self,
            margin=self.margin.promised(plan, weather_k2),
            absence=self.absence.promised(plan),
        )

    def seen(
        self,
        snapshot: Snapshot,
        config: HouseConfig,
        model: HouseModel,
        *,
        running_s: float,
        asked: bool,
        known: Known | None = None,
    ) -> "Experience":
        """One more look at the house; `asked`: the pump was following a plan."""
        before = self.site.at
        span_s = 0.0 if before is None else (snapshot.at - before).total_seconds()
        room_c = snapshot.value(Signal.ROOM_C)
        forecasts = Known() if known is None else known
        weather = forecasts.weather
        sky_w_per_m2 = value_at(weather, snapshot.at, "ghi_w_per_m2")  # PV sees the whole sky
        outdoor_c = value_at(weather, snapshot.at, "outdoor_c")
        return Experience(
            margin=self.margin.seen(snapshot.at, room_c, asked=asked),
            tank=self._tank(snapshot, config),
            site=self.site.seen(snapshot, config, model.tariff, sky_w_per_m2),
            pump=self.pump.seen(snapshot, model, running_s=running_s, span_s=span_s),
            starts=self.starts.seen(snapshot.at, snapshot.compressor_on, config.zone),
            outdoor=self._outdoor(snapshot, outdoor_c, span_s),
            absence=self.absence.seen(snapshot.at, snapshot.operating_state, span_s, config.zone),
            brine=self.brine.seen(snapshot, running_s=running_s, span_s=span_s),
            cold=self.cold.seen(snapshot, model, running_s=running_s, span_s=span_s),
            weather=weather_seen(self.weather, snapshot, weather, self.outdoor),
            prices=self.prices.seen(forecasts.prices, config.zone, snapshot.at),
        )

    def _outdoor(self, snapshot: Snapshot, forecast_c: float | None, span_s: float) -> ForecastBias:
        sensor_c = snapshot.value(Signal.OUTDOOR_C)
        if sensor_c is None or forecast_c is None:
            return self.outdoor
        return self.outdoor.seen(sensor_c, forecast_c, span_s)

    def _tank(self, snapshot: Snapshot, config: HouseConfig) -> TankBelief | None:
        section = config.hot_water
        if not section.enabled:
            return self.tank
        before = first_tank(section, snapshot.at) if self.tank is None else self.tank
        return believe_tank(before, snapshot, section, config.zone)


EXPERIENCE: TypeAdapter[Experience] = TypeAdapter(Experience)
