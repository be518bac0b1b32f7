"""A house with a second zone, as its owner describes it."""

from typing import Any

from controller.config import HouseConfig, parse_config

Document = dict[str, Any]
ZONE = {"area_m2": 56.0, "heat_frac": 0.3, "exchange_w_per_k": 60.0}
TOPIC = "zigbee2mqtt/bedroom"


def in_zones(document: Document, **zone: object) -> HouseConfig:
    """The document's house with a second zone and its sensor."""
    document["house"]["second_zone"] = {**ZONE, **zone}
    document["second_room"] = {"sensor_topic": TOPIC}
    document["mqtt"] = {"broker": "mqtt://192.0.2.1:1883"}
    return parse_config(document)
