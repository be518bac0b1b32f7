"""Any bytes on any topic: rooms and MQTT meters raise nothing and make nothing up."""

import asyncio
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.testing_rooms import CLIMATE, TOPICS, Heard, check_listeners_survive

WORD = st.text("heatofu0123.,-:TZ~{}[]'\"_| ", max_size=12) | st.sampled_from(
    ["None", "unavailable", "heat", "off", "online", "{{ value_json.t }}", "living", "sensor"]
)
LEAF = st.none() | st.booleans() | st.integers() | st.floats() | WORD
KEYS = st.sampled_from(
    [
        *CLIMATE,
        "temperature",
        "local_temperature",
        "occupied_heating_setpoint",
        "system_mode",
        "running_state",
        "position",
        "friendly_name",
        "definition",
        "exposes",
        "features",
        "property",
        "name",
        "state",
        "a",
        "set",
        "mode",
        "total_act_power",
        "a_freq",
        "total_act",
        "components",
        "platform",
        "temperature_unit",
    ]
)
JSON = st.recursive(
    LEAF,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=8,
)
SPOILT = st.builds(
    lambda value, place, junk: json.dumps(value).encode()[:place] + junk,
    JSON,
    st.integers(0, 40),
    st.binary(max_size=3),
)
PAYLOADS = (
    st.binary(max_size=40)
    | WORD.map(str.encode)
    | st.floats().map(lambda number: str(number).encode())
    | JSON.map(lambda value: json.dumps(value).encode())
    | st.builds(lambda changes: json.dumps(CLIMATE | changes).encode(), st.dictionaries(KEYS, JSON))
    | SPOILT
)
MESSAGES = st.lists(
    st.builds(Heard, st.integers(0, len(TOPICS) - 1), PAYLOADS, st.booleans()), max_size=6
)


@settings(deadline=None)
@given(MESSAGES)
def test_no_message_raises_or_gives_an_impossible_reading(messages: list[Heard]) -> None:
    asyncio.run(check_listeners_survive(messages))
