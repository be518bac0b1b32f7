"""From the section [tariff] to the tariff that the planner reckons with. Pure."""

from datetime import date

from controller import config_tariff as section
from mpc.peak_tariff import ENDLESS_KW, PeakPeriod, PeakRate, PeakTariff, PeakWindow
from mpc.peaks import FeeStep, PeakGroup
from mpc.tariff import EnergyPiece, Export, Tariff
from mpc.tariff_calendar import Calendar, HolidayRule, Holidays, Validity, Window


def tariff_of(given: section.TariffSection, timezone: str) -> Tariff:
    """The owner's words as data; prices per kWh before VAT, peak prices with VAT."""
    calendar = Calendar(timezone=timezone, holidays=_holidays(given.holidays))
    vat = 1.0 + given.vat_frac
    return Tariff(
        margin_frac=given.margin_frac,
        adder_per_kwh=given.adder_per_kwh,
        vat_frac=given.vat_frac,
        currency=given.currency,
        calendar=calendar,
        energy=tuple(
            EnergyPiece(
                name=piece.name,
                per_kwh=piece.per_kwh / vat if piece.vat_included else piece.per_kwh,
                spot_frac=piece.spot_frac,
                window=_window(piece),
                validity=Validity(since=piece.since, until=piece.until),
            )
            for piece in given.energy
        ),
        export=None if given.export is None else _export(given.export),
        peaks=tuple(_peak(peak, calendar, vat) for peak in given.peak),
    )


def _holidays(texts: tuple[str, ...]) -> Holidays:
    parsed = [section.parse_holiday(text) for text in texts]
    return Holidays(
        yearly=tuple(day for day in parsed if isinstance(day, tuple)),
        easter_days=tuple(day for day in parsed if isinstance(day, int)),
        once=tuple(day for day in parsed if isinstance(day, date)),
    )


def _window(given: section.EnergyPiece | section.PeakWindow) -> Window:
    return Window(
        months=given.months,
        weekdays=tuple(section.WEEKDAYS.index(day) for day in given.weekdays),
        times_s=tuple(section.parse_times(times) for times in given.times),
        holidays=HolidayRule(given.holidays),
    )


def _export(given: section.Export) -> Export:
    return Export(
        spot_frac=given.spot_frac,
        fee_per_kwh=given.fee_per_kwh,
        fixed_per_kwh=given.fixed_per_kwh,
        vat_frac=given.vat_frac,
        validity=Validity(since=given.since, until=given.until),
    )


def _peak(given: section.Peak, calendar: Calendar, vat: float) -> PeakTariff:
    windows = tuple(
        PeakWindow(window=_window(window), weight_frac=window.weight_frac)
        for window in given.window
    )
    return PeakTariff(
        name=given.name,
        interval_s=int(given.interval_s),
        windows=windows or (PeakWindow(),),
        group=PeakGroup(given.group),
        averaged=given.average_of,
        floor_kw=given.floor_kw,
        period=PeakPeriod(given.period),
        rates=tuple(_rate(rate, 1.0 if given.vat_included else vat) for rate in given.rate),
        expected_frac=given.expected_frac,
        calendar=calendar,
    )


def _rate(given: section.PeakRate, vat: float) -> PeakRate:
    ends_kw = [*(step.from_kw for step in given.step[1:]), ENDLESS_KW]
    return PeakRate(
        price_per_kw=given.price_per_kw * vat,
        steps=tuple(
            FeeStep(below_kw=end_kw, fee=step.fee * vat)
            for step, end_kw in zip(given.step, ends_kw, strict=False)
        ),
        months=given.months,
        validity=Validity(since=given.since, until=given.until),
    )
