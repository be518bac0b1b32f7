"""Charges of a Danish company as sections of the configuration, and the verb that prints them."""

import asyncio
import json
from collections import Counter
from typing import Annotated

import typer

from controller.clock import WallClock
from controller.connect_prices import Charge, danish_charges
from controller.terminal import Exit, fail, out
from drivers.errors import DriverError


def add_danish_tariff_verb(app: typer.Typer) -> None:
    """Add the verb `danish-tariff`."""
    app.command(
        "danish-tariff", epilog="Example: heatherd danish-tariff 5790000705689 --code DT_C_01"
    )(danish_tariff)


def danish_tariff(
    gln: Annotated[str, typer.Argument(help="the company's number; Energinet's is 5790000432752")],
    code: Annotated[
        list[str] | None, typer.Option("--code", help="charge; may be repeated; none: list them")
    ] = None,
) -> None:
    """Print a Danish company's charges per kWh as sections for your configuration.

    Asks DatahubPricelist of Energi Data Service once. What is valid today or later is printed, with
    its days; run it again when the company changes its prices.
    """
    try:
        found = asyncio.run(danish_charges(gln, tuple(code or ()), WallClock().now()))
    except DriverError as error:
        fail(str(error), Exit.FAILED)
    if not found:
        fail("none of these charges is valid any more", Exit.FAILED)
    if code:
        out.print(sections(found), markup=False, highlight=False, soft_wrap=True)
        return
    for name, note in sorted({(charge.code, charge.note) for charge in found}):
        out.print(f"{name:20} {note}", markup=False, highlight=False)


def sections(found: tuple[Charge, ...]) -> str:
    """`[[tariff.energy]]` of each charge: the first that fits counts, so the latest come first."""
    parts: list[str] = []
    for charge in found:
        usual = Counter(charge.per_kwh).most_common(1)[0][0]
        for price in sorted(set(charge.per_kwh) - {usual}):
            parts.append(_section(charge, price, _times(charge.per_kwh, price)))
        parts.append(_section(charge, usual, []))
    return "\n\n".join(parts) + "\n"


def _section(charge: Charge, per_kwh: float, times: list[str]) -> str:
    lines = [
        "[[tariff.energy]]",
        f"name = {json.dumps(charge.note, ensure_ascii=False)}",
        f"per_kwh = {per_kwh:g}",
        f"since = {charge.since}",
    ]
    if charge.until is not None:
        lines.append(f"until = {charge.until}")
    if times:
        lines.append(f"times = {json.dumps(times)}")
    if not charge.with_vat:
        lines.append("vat_included = true")
    return "\n".join(lines)


def _times(per_kwh: tuple[float, ...], price: float) -> list[str]:
    """Hours of one price as spans such as 17:00-21:00."""
    spans: list[list[int]] = []
    for hour, of_hour in enumerate(per_kwh):
        if of_hour != price:
            continue
        if spans and spans[-1][1] == hour:
            spans[-1][1] = hour + 1
        else:
            spans.append([hour, hour + 1])
    return [f"{first:02d}:00-{last:02d}:00" for first, last in spans]
