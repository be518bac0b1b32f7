"""The report of a night of learning: one HTML file for the owner, with its pictures inside."""

import base64
import html
import math
from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from controller.learn import Study, predictions
from mpc.building import total_loss_w_per_k
from mpc.house_data import HouseData
from mpc.identify_model import FRACTIONS, PARAMETERS
from mpc.identify_prior import USUAL_LOG_STD

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

UNITS = {
    "air_outdoor_w_per_k": ("loss from the air", "W/K"),
    "mass_outdoor_w_per_k": ("loss through the construction", "W/K"),
    "air_mass_w_per_k": ("air to construction", "W/K"),
    "air_kwh_per_k": ("capacity of air and furniture", "kWh/K"),
    "mass_kwh_per_k": ("capacity of the construction", "kWh/K"),
    "floor_kwh_per_k": ("capacity of floor or radiators", "kWh/K"),
    "floor_air_w_per_k": ("floor or radiators to air", "W/K"),
    "solar_aperture_m2": ("effective window area", "m²"),
    "internal_gains_w": ("people and appliances", "W"),
    "wind_w_per_k_per_m_s": ("more loss per m/s of wind", "W/K"),
    "heat_to_mass_frac": ("radiant share", ""),
    "solar_to_mass_frac": ("sun on the construction", ""),
}
EIGHT_OF_TEN = 1.2816  # standard deviations on either side
SHOWN_LAGS = 24
STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:52em;margin:2em auto;padding:0 1em;color:#222}"
    "table{border-collapse:collapse}td,th{padding:.2em .8em;text-align:left;"
    "border-bottom:1px solid #ddd}img{max-width:100%}.lead{font-size:1.2em}"
)


def write_report(study: Study, path: Path, *, zone: ZoneInfo) -> None:
    """Write the report; raises OSError if the file cannot be written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(report_html(study, zone=zone), encoding="utf-8")


def owner_sentence(study: Study) -> str:
    """What an owner should know, in one sentence."""
    low, high = loss_range_w_per_k(study)
    loss = total_loss_w_per_k(study.found.building)
    days = study.held_out / study.data.steps_per_day
    if study.adopted:
        return (
            f"From {days:.0f} days of records heatherd has learned that your house loses "
            f"{loss:.0f} W per kelvin (most likely {low:.0f} to {high:.0f}); a day ahead it now "
            f"predicts the room to {study.error_k:.2f} K instead of {study.error_before_k:.2f} K."
        )
    return f"heatherd keeps the model it has: {study.reasons[0].rstrip('.')}."


def loss_range_w_per_k(study: Study) -> tuple[float, float]:
    """Where the learned heat loss most likely lies, eight times of ten, from its covariance."""
    found = study.found
    building = found.building
    loss = total_loss_w_per_k(building)
    ways = [n for n in ("air_outdoor_w_per_k", "mass_outdoor_w_per_k") if n in found.names]
    shares = np.array([getattr(building, name) / loss for name in ways])
    index = [found.names.index(name) for name in ways]
    covariance = found.log_covariance[np.ix_(index, index)]
    std = math.sqrt(max(float(shares @ covariance @ shares), 0.0))
    width = math.exp(EIGHT_OF_TEN * std)
    return loss / width, loss * width


def report_html(study: Study, *, zone: ZoneInfo) -> str:
    """The whole page."""
    pictures = [
        ("The room, measured and predicted a day ahead", _room(study, zone)),
        ("What is left unexplained, from one quarter hour to the next", _residuals(study)),
        ("What was learned, against what is typical", _parameters(study)),
    ]
    shown = "".join(
        f'<h2>{title}</h2><img alt="{title}" src="data:image/png;base64,{picture}">'
        for title, picture in pictures
        if picture is not None
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>What heatherd learned</title>'
        f"<style>{STYLE}</style><h1>What heatherd learned</h1>"
        f'<p class="lead">{_safe(owner_sentence(study))}</p>'
        f"{_list('To look at', study.drift)}"
        f"{_list('In the data', [finding.words for finding in study.found.findings])}"
        f"{_list('Why the new model is not used', study.reasons)}"
        f"{shown}<h2>Numbers</h2>{_parameter_table(study)}"
        f"<h2>Structures tried</h2>{_candidate_table(study)}"
        f"{_list('Heat that nothing explains', _event_words(study, zone))}</html>"
    )


def _safe(text: str) -> str:
    return html.escape(text)


def _list(title: str, items: Sequence[str]) -> str:
    if not items:
        return ""
    return f"<h2>{title}</h2><ul>{''.join(f'<li>{_safe(item)}</li>' for item in items)}</ul>"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    cells = "".join(f"<th>{_safe(name)}</th>" for name in head)
    body = "".join(f"<tr>{''.join(f'<td>{_safe(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{cells}</tr>{body}</table>"


def _ranges(study: Study, name: str) -> tuple[float, float, float, float]:
    """Learned value, its low and high end, and the value of day one."""
    value = float(getattr(study.found.building, name))
    first = getattr(study.prior.building, name)
    low, high = _eight_of_ten(name, value, study.found.log_std()[name])
    return value, low, high, math.nan if first is None else float(first)


def _typical(study: Study, name: str) -> tuple[float, float]:
    """Where eight of ten such houses lie, as believed on day one; NaN: it had no such part."""
    std = study.prior.log_std.get(name, USUAL_LOG_STD[name])
    return _eight_of_ten(name, _ranges(study, name)[3], std)


def _eight_of_ten(name: str, value: float, log_std: float) -> tuple[float, float]:
    """Ends of the range about a value, by the deviation of its logarithm or log odds."""
    width = math.exp(EIGHT_OF_TEN * log_std)
    if name in FRACTIONS and 0.0 < value < 1.0:
        odds = value / (1.0 - value)
        low, high = odds / width, odds * width
        return low / (1.0 + low), high / (1.0 + high)
    return value / width, value * width


def _learned_names(study: Study) -> list[str]:
    return [name for name in PARAMETERS if name in study.found.names]


def _parameter_table(study: Study) -> str:
    rows = []
    for name in _learned_names(study):
        words, unit = UNITS[name]
        value, low, high, before = _ranges(study, name)
        cells = [f"{_number(value)} {unit}", _span(low, high), _number(before)]
        rows.append([words, *cells, _span(*_typical(study, name)), _compared(study, name)])
    head = ["", "learned", "eight of ten", "on day one", "eight of ten such houses", ""]
    return _table(head, rows)


def _compared(study: Study, name: str) -> str:
    """A remark where all that is likely lies outside of what is typical."""
    _, low, high, _ = _ranges(study, name)
    least, most = _typical(study, name)
    return "unusually small" if high < least else "unusually large" if low > most else ""


def _span(low: float, high: float) -> str:
    return "–" if math.isnan(low) else f"{_number(low)} to {_number(high)}"


def _number(value: float) -> str:
    """Three digits that mean something."""
    if math.isnan(value):
        return "–"
    return f"{value:.0f}" if abs(value) >= 100.0 else f"{value:.3g}"


def _candidate_table(study: Study) -> str:
    rows = [
        [
            f"{c.order}{' with a daily pattern' if c.patterned else ''}"
            f"{' (taken)' if c.order == study.found.order and not c.patterned else ''}",
            str(c.parameters),
            f"{c.held_out_rmse_k:.2f} K",
            f"{c.fitted_rmse_k:.2f} K",
            f"{c.aic:.0f}",
            f"{c.bic:.0f}",
        ]
        for c in study.found.candidates
    ]
    head = ["structure", "parameters", "unseen days", "days fitted to", "AIC", "BIC"]
    return _table(head, rows)


def _event_words(study: Study, zone: ZoneInfo) -> list[str]:
    return [
        f"{e.from_at.astimezone(zone):%d %b %H:%M} to {e.until_at.astimezone(zone):%H:%M}: "
        f"{e.heat_w:+.0f} W ({'an open window?' if e.heat_w < 0.0 else 'a stove, guests?'})"
        for e in study.found.events
    ]


# ---- pictures ------------------------------------------------------------------------------------


def _figure(height_in: float) -> "tuple[Figure, Axes]":
    """A figure that needs no screen; the library is loaded only here."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, height_in), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def _png(figure: "Figure") -> str:
    written = BytesIO()
    figure.savefig(written, format="png", dpi=110)
    return base64.b64encode(written.getvalue()).decode()


def _room(study: Study, zone: ZoneInfo) -> str | None:
    """One prediction a day over the days that were not learned from, with its band."""
    runs = predictions(study.found, study.data, study.held_out, 24.0)
    if not runs:
        return None
    data = study.data
    figure, axes = _figure(3.6)
    axes.plot(
        _local(data, range(study.held_out, len(data)), zone),
        data.room_c[study.held_out :],
        color="#222",
        label="measured",
    )
    for number, run in enumerate(runs):
        first = data.step_at(run.from_at) + 1
        at = _local(data, range(first, first + len(run.room_c)), zone)
        axes.fill_between(at, run.low_c, run.high_c, color="#d55e00", alpha=0.2, lw=0)
        label = "predicted, with the band of eight in ten" if number == 0 else None
        axes.plot(at, run.room_c, color="#d55e00", label=label)
    axes.set_ylabel("room, °C")
    axes.legend(frameon=False)
    return _png(figure)


def _local(data: HouseData, steps: Iterable[int], zone: ZoneInfo) -> NDArray[np.datetime64]:
    """Starts of steps by the clock on the wall."""
    local = [data.at(step).astimezone(zone).replace(tzinfo=None) for step in steps]
    return np.array(local, dtype="datetime64[s]")


def _residuals(study: Study) -> str | None:
    found = study.found.residuals
    if found is None or not found.autocorrelation:
        return None
    shown = found.autocorrelation[:SHOWN_LAGS]
    figure, axes = _figure(2.6)
    axes.bar(range(1, len(shown) + 1), shown, color="#0072b2")
    chance = EIGHT_OF_TEN / math.sqrt(max(study.held_out, 1))
    axes.axhspan(-chance, chance, color="#999", alpha=0.3, lw=0)
    axes.set_xlabel("quarter hours apart")
    axes.set_ylabel("autocorrelation")
    return _png(figure)


def _parameters(study: Study) -> str | None:
    """Every parameter as a ratio to that of day one, beside what was thought possible then."""
    names = [n for n in _learned_names(study) if _ranges(study, n)[3] > 0.0]
    if not names:
        return None
    figure, axes = _figure(0.9 + 0.36 * len(names))
    for row, name in enumerate(reversed(names)):
        value, low, high, before = _ranges(study, name)
        ends = [end / before for end in _typical(study, name)]
        axes.plot(ends, [row, row], color="#bbb", lw=8, solid_capstyle="butt")
        axes.plot([low / before, high / before], [row, row], color="#d55e00", lw=2)
        axes.plot([value / before], [row], "o", color="#d55e00")
    axes.axvline(1.0, color="#222", lw=0.8)
    axes.set_yticks(range(len(names)), [UNITS[name][0] for name in reversed(names)])
    axes.set_xscale("log", base=2)
    axes.set_xlabel("times the value of day one; grey: eight of ten such houses")
    return _png(figure)
