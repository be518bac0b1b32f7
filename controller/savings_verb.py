"""The verb `savings`: what steering saved, compared and reckoned, or why that cannot be told."""

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from controller.care import price_series
from controller.config import HouseConfig
from controller.experience import EXPERIENCE, Experience
from controller.learn_verb import lesson_in_force, model_in_force
from controller.recorder import Records
from controller.records import RecordError, StepRecord
from controller.savings import DaySum, Savings, day_sums, savings
from controller.shadow import spot_prices
from controller.store import StoreError, open_store
from controller.terminal import DEFAULT_CONFIG, AsJson, ConfigPath, Exit, fail, load, out, show_json
from drivers.errors import ConfigurationError
from mpc.savings import Saving

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from mpc.counterfactual import Counterfactual, Range


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Both answers, each with the reason where there is none."""

    compared: Savings | None
    why_not_compared: str
    reckoned: "Counterfactual | None"
    why_not_reckoned: str


def add_savings_verb(app: typer.Typer) -> None:
    """Add the verb `savings`."""
    app.command("savings", epilog="Example: heatherd savings -c house.toml --days 60")(
        savings_command
    )


def savings_command(
    *,
    config: ConfigPath = DEFAULT_CONFIG,
    days: Annotated[float, typer.Option("--days", min=14.0, help="how far to look back")] = 90.0,
    as_json: AsJson = False,
) -> None:
    """Say what steering saved, and how sure that is.

    Compared: steered days with days on the pump's own control, in the same weather, at the same
    room temperature. Comparison days drawn beforehand, `[savings] comparison_days`, make it fair.
    Reckoned: what the pump's own control would have used on the steered days, by the learned house
    model; that is no measurement.
    """
    settings = load(config)
    try:
        found = _found(settings, timedelta(days=days))
    except RecordError as error:
        fail(str(error), Exit.NO_RECORDS)
    except ConfigurationError as error:
        fail(str(error))
    except StoreError as error:
        fail(str(error), Exit.FAILED)
    if found.compared is None and found.reckoned is None:
        fail(
            f"it cannot be told yet: {found.why_not_compared}; and by the house model: "
            f"{found.why_not_reckoned}",
            Exit.NO_RECORDS,
        )
    if as_json:
        show_json(asdict(found))
        return
    for line in (*words(found), *reckoned_words(found, settings.tariff.currency)):
        out.print(line, highlight=False, markup=False)


def _found(settings: HouseConfig, span: timedelta) -> Found:
    model = model_in_force(settings)
    store = Records(settings.storage.directory / "records.db")
    try:
        latest_at = store.latest_at()
        if latest_at is None:
            raise RecordError("nothing has been recorded yet")
        records = list(store.records(latest_at - span))
        spot_at = spot_prices(price_series(store, records))
    finally:
        store.close()
    sums = list(day_sums(records, config=settings, model=model, spot_at=spot_at))
    compared, reckoned, why_not_compared, why_not_reckoned = None, None, "", ""
    try:
        compared = savings(sums)
    except ValueError as error:
        why_not_compared = str(error)
    try:
        reckoned = _reckoned(settings, records, sums, spot_at)
    except ValueError as error:
        why_not_reckoned = str(error)
    return Found(
        compared=compared,
        why_not_compared=why_not_compared,
        reckoned=reckoned,
        why_not_reckoned=why_not_reckoned,
    )


def _reckoned(
    settings: HouseConfig,
    records: "Sequence[StepRecord]",
    sums: "Sequence[DaySum]",
    spot_at: "Callable[[datetime], float | None]",
) -> "Counterfactual":
    from controller.savings_reckoned import Knowledge, reckoned  # the service stays small

    knowledge = Knowledge(
        config=settings,
        model=model_in_force(settings),
        lesson=lesson_in_force(settings),
        pump=_experience(settings).pump,
    )
    steered = frozenset(summed.day for summed in sums if summed.steered)
    return reckoned(records, steered, knowledge, spot_at)


def _experience(settings: HouseConfig) -> Experience:
    path = settings.storage.directory / "state.db"
    if not path.exists():
        return Experience()
    with open_store(path) as store:
        return store.value("experience", EXPERIENCE) or Experience()


def words(found: Found) -> list[str]:
    """The comparison for the owner."""
    compared = found.compared
    if compared is None:
        return [f"Compared with days on the pump's own control: not yet; {found.why_not_compared}."]
    energy = compared.energy
    lines = [f"Electricity: {_range(energy)}."]
    lines.append("Cost: prices are not known." if compared.cost is None else _cost(compared.cost))
    lines.append(
        f"Compared: {energy.steered_days} steered days and {energy.own_days} on the pump's own "
        f"control, {compared.drawn_days} of them drawn beforehand; {compared.left_out_days} left "
        "out."
    )
    if compared.drawn_days < energy.own_days:
        lines.append(
            "Days that were not drawn may differ in more than weather: holidays, guests, a wetter "
            "autumn. Switch on savings.comparison_days for a fair comparison."
        )
    return lines


def reckoned_words(found: Found, currency: str) -> list[str]:
    """The counterfactual for the owner, never as if it had been measured."""
    reckoned = found.reckoned
    if reckoned is None:
        return [f"Reckoned by the house model: it cannot be said; {found.why_not_reckoned}."]
    own = reckoned.own_kwh
    lines = [
        f"Reckoned by the house model, not measured: over {reckoned.days:.0f} steered days the "
        "pump's own control, at the same mean room temperature, would have used "
        f"{own.mid:.0f} kWh for the rooms ({own.low:.0f} to {own.high:.0f}); it used "
        f"{reckoned.used_kwh:.0f}. {_told(reckoned.energy_frac)}."
    ]
    cost = reckoned.own_cost
    if cost is not None and reckoned.paid is not None and reckoned.cost_frac is not None:
        lines.append(
            f"At the prices of each hour that is {cost.mid:.2f} {currency} ({cost.low:.2f} to "
            f"{cost.high:.2f}) against {reckoned.paid:.2f}. {_told(reckoned.cost_frac)}."
        )
    return lines


def _told(found: "Range") -> str:
    return _percent(found.low, found.mid, found.high)


def _cost(saved: Saving) -> str:
    return f"Cost, at the prices of each day: {_range(saved)}."


def _range(saved: Saving) -> str:
    return _percent(saved.low_frac, saved.frac, saved.high_frac)


def _percent(*fracs: float) -> str:
    low, mid, high = (100.0 * frac for frac in fracs)
    told = f"{mid:+.1f} % saved, eight times of ten between {low:+.1f} and {high:+.1f} %"
    return told if low > 0.0 or high < 0.0 else f"{told}; that may be nothing"
