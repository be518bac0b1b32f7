"""The verb `savings`: what steering saved, with an interval, or why that cannot be told."""

from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

import typer

from controller.care import price_series
from controller.config import HouseConfig
from controller.learn_verb import model_in_force
from controller.recorder import Records
from controller.records import RecordError
from controller.savings import Savings, day_sums, savings
from controller.shadow import spot_prices
from controller.terminal import DEFAULT_CONFIG, AsJson, ConfigPath, Exit, fail, load, out, show_json
from drivers.errors import ConfigurationError
from mpc.savings import Saving


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

    Steered days are compared with days on the pump's own control, in the same weather, at the same
    room temperature. Comparison days drawn beforehand, `[savings] comparison_days`, make it fair.
    """
    settings = load(config)
    try:
        found = _found(settings, timedelta(days=days))
    except RecordError as error:
        fail(str(error), Exit.NO_RECORDS)
    except ValueError as error:
        fail(f"it cannot be told yet: {error}", Exit.NO_RECORDS)
    except ConfigurationError as error:
        fail(str(error))
    if as_json:
        show_json(asdict(found))
        return
    for line in words(found):
        out.print(line, highlight=False, markup=False)


def _found(settings: HouseConfig, span: timedelta) -> Savings:
    model = model_in_force(settings)
    store = Records(settings.storage.directory / "records.db")
    try:
        latest_at = store.latest_at()
        if latest_at is None:
            raise RecordError("nothing has been recorded yet")
        records = list(store.records(latest_at - span))
        spot_at = spot_prices(price_series(store, records))
        return savings(
            list(day_sums(records, config=settings, model=model, spot_at=spot_at))
        )  # fmt: skip
    finally:
        store.close()


def words(found: Savings) -> list[str]:
    """The result for the owner."""
    energy = found.energy
    lines = [f"Electricity: {_range(energy)}."]
    lines.append("Cost: prices are not known." if found.cost is None else _cost(found.cost))
    lines.append(
        f"Compared: {energy.steered_days} steered days and {energy.own_days} on the pump's own "
        f"control, {found.drawn_days} of them drawn beforehand; {found.left_out_days} left out."
    )
    if found.drawn_days < energy.own_days:
        lines.append(
            "Days that were not drawn may differ in more than weather: holidays, guests, a wetter "
            "autumn. Switch on savings.comparison_days for a fair comparison."
        )
    return lines


def _cost(saved: Saving) -> str:
    return f"Cost, at the prices of each day: {_range(saved)}."


def _range(saved: Saving) -> str:
    low, mid, high = (100.0 * x for x in (saved.low_frac, saved.frac, saved.high_frac))
    told = f"{mid:+.1f} % saved, eight times of ten between {low:+.1f} and {high:+.1f} %"
    return told if low > 0.0 or high < 0.0 else f"{told}; that may be nothing"
