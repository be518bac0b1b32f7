"""The operators' log format, character by character."""

from datetime import UTC, datetime

from controller.frequency_log import LogName, LogRow, log_text
from mpc.reserve import Product

AT = datetime(2025, 1, 15, 12, 0, 1, 250_000, tzinfo=UTC)
ROW = LogRow(
    at=AT, power_w=1234.5, frequency_hz=49.70049, baseline_w=1500.0, setpoint_w=1100.0,
    activated_w=400.0, capacity_w=800.0, armed=True,
)  # fmt: skip


def test_consumption_is_negative_and_lines_end_as_the_operators_ask():
    assert log_text(Product.FCR_D_UP, [ROW]) == (
        "DateTime,InsAcPow,GridFreq,ContMode_FcrdUp,Cap_FcrdUp,CalcBaseline,ContSetP,"
        "Activated_FcrdUp\r\n"
        "20250115T120001.250,-0.001234,49.700,1,0.000800,-0.001500,-0.001100,0.000400\r\n"
    )


def test_what_was_not_measured_is_left_empty_and_not_zero():
    row = LogRow(
        at=AT, power_w=None, frequency_hz=None, baseline_w=0.0, setpoint_w=0.0, activated_w=0.0,
        capacity_w=0.0, armed=False,
    )  # fmt: skip
    assert log_text(Product.FCR_N, [row]).splitlines()[1] == (
        "20250115T120001.250,,,0,0.000000,0.000000,0.000000,0.000000"
    )


def test_the_file_s_name_says_what_is_in_it():
    name = LogName(
        resource="House_1", test_type="Operation", area="DK2", timezone="UTC",
        product=Product.FCR_N, from_at=AT, to_at=AT.replace(hour=13),
    )  # fmt: skip
    assert name.text() == "House-1_Fcrn_Operation_DK2_UTC_20250115T1200-20250115T1300_1.csv"
