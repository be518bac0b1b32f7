"""Heat pumps for houses whose data sheet nobody has typed in yet."""

from mpc.heat_pump import HeatPumpMap, RatedPoint, SourceKind

# EN 14511 sheets of three ground-source units, printed in iPower WP5.5 (Danish Energy Association,
# 2014): brine inlet °C, flow °C, heat kW, COP. Input power is heat / COP because the printed COP is
# rounded more finely, relatively, than the printed input.
_GROUND_ROWS: dict[int, tuple[tuple[float, float, float, float], ...]] = {
    5: (
        (-5, 35, 4.7, 3.6), (-5, 45, 4.6, 3.0), (-5, 55, 3.7, 2.4),
        (0, 35, 5.2, 4.3), (0, 45, 4.9, 3.4), (0, 55, 4.7, 2.6),
        (5, 35, 6.4, 4.6), (5, 45, 6.1, 3.8), (5, 55, 5.7, 2.9),
        (10, 35, 7.5, 5.0), (10, 45, 7.1, 3.9), (10, 55, 6.6, 3.1),
    ),
    7: (
        (-5, 35, 6.4, 3.8), (-5, 45, 6.1, 3.1), (-5, 55, 5.2, 2.5),
        (0, 35, 7.3, 4.3), (0, 45, 6.9, 3.5), (0, 55, 6.6, 2.7),
        (5, 35, 8.8, 4.9), (5, 45, 8.2, 3.7), (5, 55, 7.8, 3.0),
        (10, 35, 10.4, 5.2), (10, 45, 9.6, 4.2), (10, 55, 9.1, 3.2),
    ),
    9: (
        (-5, 35, 8.0, 3.8), (-5, 45, 7.6, 3.2), (-5, 55, 6.5, 2.5),
        (0, 35, 9.1, 4.3), (0, 45, 8.6, 3.5), (0, 55, 8.2, 2.8),
        (5, 35, 11.1, 4.8), (5, 45, 10.4, 3.8), (5, 55, 9.7, 3.0),
        (10, 35, 13.0, 5.3), (10, 45, 12.2, 4.3), (10, 55, 11.4, 3.3),
    ),
}  # fmt: skip
GROUND_SIZES_KW = tuple(_GROUND_ROWS)
GROUND_FIELD_FRAC = 0.95  # iPower WP5.5: older units, start-stop and part load
AIR_FIELD_FRAC = 0.85  # Ruhnau, Hirth, Praktiknjo, Time series of heat demand (2019), field factor
STANDBY_W = 10.0  # assumption: electronics of a modern unit
AIR_SOURCES_C = (-20.0, -15.0, -10.0, -7.0, -2.0, 2.0, 7.0, 12.0, 20.0)
AIR_FLOWS_C = (25.0, 30.0, 35.0, 40.0, 45.0, 50.0, 55.0, 60.0)
AIR_HEAT_PER_K = 0.0102  # of nominal per K outdoors: iPower's anchors 0.80 at -12, 0.851 at -7 °C
AIR_HEAT_PER_FLOW_K = -0.005  # of nominal per K flow, as the ground-source sheets show


def ground_source_map(size: int) -> HeatPumpMap:
    """The 5, 7 or 9 kW ground-source unit (nominal at brine 0 °C, flow 35 °C); else ValueError."""
    if size not in _GROUND_ROWS:
        raise ValueError(f"no ground-source sheet of {size} kW; there are 5, 7 and 9")
    points = tuple(
        RatedPoint(source_c=s, flow_c=f, heat_w=1000.0 * kw, power_w=1000.0 * kw / printed)
        for s, f, kw, printed in _GROUND_ROWS[size]
    )
    return HeatPumpMap(
        source=SourceKind.GROUND,
        points=points,
        field_frac=GROUND_FIELD_FRAC,
        standby_w=STANDBY_W,
    )


def surrogate_cop(source_c: float, flow_c: float) -> float:
    """COP of an average air-to-water unit before the field factor.

    6.08 - 0.09 D + 0.0005 D² with D = max(15, flow - air) in K; Ruhnau, Hirth, Praktiknjo, Time
    series of heat demand and heat pump efficiency for energy system modeling, Scientific Data 6
    (2019), doi 10.1038/s41597-019-0199-y.
    """
    lift_k = max(15.0, flow_c - source_c)
    return 6.08 - 0.09 * lift_k + 0.0005 * lift_k**2


def air_water_surrogate(nominal_heat_w: float) -> HeatPumpMap:
    """An average air-to-water unit that gives `nominal_heat_w` at 7 °C air and 35 °C flow."""
    points = []
    for source_c in AIR_SOURCES_C:
        for flow_c in AIR_FLOWS_C:
            share = 1.0 + AIR_HEAT_PER_K * (source_c - 7.0) + AIR_HEAT_PER_FLOW_K * (flow_c - 35.0)
            heat_w = nominal_heat_w * share
            points.append(
                RatedPoint(
                    source_c=source_c,
                    flow_c=flow_c,
                    heat_w=heat_w,
                    power_w=heat_w / surrogate_cop(source_c, flow_c),
                )
            )
    return HeatPumpMap(
        source=SourceKind.AIR,
        points=tuple(points),
        field_frac=AIR_FIELD_FRAC,
        standby_w=STANDBY_W,
    )
