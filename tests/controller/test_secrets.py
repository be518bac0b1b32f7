"""Secrets come from files or the environment and end up nowhere; devices are in the house."""

import asyncio
import logging
import stat
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from controller import app
from controller.config import ConfigError, parse_config
from controller.connect import PASSWORD_VARIABLE, connect
from controller.export import TOKEN_VARIABLE
from controller.recorder import Records
from controller.secrets import secret
from drivers.errors import ConfigurationError
from drivers.testing import AN_INSTANT

PLANTED = ("planted-password-51c9", "planted-token-51c9", "planted-variable-51c9")
Document = dict[str, Any]


def test_a_secret_comes_from_its_file_else_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "secret"
    monkeypatch.delenv("A_SECRET", raising=False)
    assert secret("key", None, "A_SECRET") is None
    monkeypatch.setenv("A_SECRET", "from outside")
    assert secret("key", None, "A_SECRET") == "from outside"
    file.write_text("from a file\n")
    assert secret("key", file, "A_SECRET") == "from a file"


@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff\xfe"])
def test_a_secret_file_without_a_secret_is_a_configuration_error(
    tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "secret").write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"mqtt\.password_file"):
        secret("mqtt.password_file", tmp_path / "secret", "A_SECRET")


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o640, False), (0o644, True)])
def test_a_secret_that_everybody_can_read_is_worth_a_warning(
    tmp_path: Path, mode: int, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "secret"
    file.write_text("x")
    file.chmod(mode)
    assert secret("key", file, "A_SECRET") == "x"
    assert ("every user of this computer can read" in caplog.text) is warned


@pytest.mark.sockets
@pytest.mark.enable_socket
async def test_planted_secrets_are_in_no_log_no_record_and_no_answer(
    document: Document,
    make_house: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    keys, data = tmp_path / "keys", tmp_path / "data"
    keys.mkdir()
    (keys / "password").write_text(PLANTED[0])
    (keys / "token").write_text(PLANTED[1])
    for variable in (PASSWORD_VARIABLE, TOKEN_VARIABLE):
        monkeypatch.setenv(variable, PLANTED[2])
    document["mqtt"] = {
        "broker": "mqtt://127.0.0.1:9", "username": "u", "password_file": str(keys / "password"),
    }  # fmt: skip
    document["room"] = {"sensor_topic": "zigbee2mqtt/room"}
    document["export"] = {
        "influxdb": {"url": "http://127.0.0.1:9", "token_file": str(keys / "token")}
    }
    document["storage"] = {"directory": str(data), "socket": str(tmp_path / "s")}
    house = make_house()
    connected = connect(house.config, house.clock.now)
    outside = replace(house.outside, background=connected.background)
    await app.run(
        house.config, clock=house.clock, stop=asyncio.Event(), outside=outside,
        planner=house.planner, until=AN_INSTANT + timedelta(minutes=20),
    )  # fmt: skip
    with closing(Records(data / "records.db")) as records:
        assert records.count() == 20
        texts = [text for kind in ("config", "plan", "forecast") for text in records.contents(kind)]
    assert any("password_file" in text for text in texts)
    files = [path.read_bytes().decode("latin-1") for path in data.iterdir()]
    said = [caplog.text, *capfd.readouterr(), *texts, *files]
    assert [word for word in PLANTED for text in said if word in text] == []


async def test_only_user_and_group_of_the_service_may_use_the_owners_channel(
    make_house: Callable[..., Any], tmp_path: Path
) -> None:
    house = make_house()
    seen: list[int] = []
    socket = house.config.storage.socket

    def look(_at: object) -> None:
        if socket.exists():
            seen.append(stat.S_IMODE(socket.stat().st_mode))

    house.on_advance = look
    storage = house.config.storage.model_copy(update={"directory": tmp_path / "service"})
    await app.run(
        house.config.model_copy(update={"storage": storage}), clock=house.clock,
        stop=asyncio.Event(), outside=house.outside, planner=house.planner,
        until=AN_INSTANT + timedelta(minutes=3),
    )  # fmt: skip
    assert seen
    assert set(seen) == {0o660}


@pytest.mark.parametrize("host", ["8.8.8.8", "2001:4860:4860::8888"])
def test_a_device_on_the_internet_is_refused(document: Document, host: str) -> None:
    document["heat_pump"]["host"] = host
    with pytest.raises(ConfigError, match="Modbus knows neither passwords nor encryption"):
        parse_config(document)


@pytest.mark.parametrize("host", ["192.168.1.50", "10.8.0.2", "fd00::5", "nibe.lan", "127.0.0.1"])
def test_a_device_in_the_house_is_not(document: Document, host: str) -> None:
    document["heat_pump"]["host"] = host
    assert parse_config(document).heat_pump.host == host


@pytest.mark.parametrize(
    ("mqtt", "reason"),
    [
        ({"broker": "mqtts://b", "cert_file": "a.crt"}, "cert_file and key_file belong together"),
        ({"broker": "mqtt://b", "ca_file": "ca.crt"}, "certificates need TLS"),
        ({"broker": "mqtt://anna:secret@b"}, "mqtt.broker"),
    ],
)
def test_what_would_not_protect_the_broker_link_is_refused(
    document: Document, mqtt: Document, reason: str
) -> None:
    document["mqtt"] = mqtt
    with pytest.raises(ConfigError, match=reason) as refused:
        parse_config(document)
    assert "anna:secret" not in str(refused.value)


def test_certificates_reach_the_link_to_the_broker(document: Document, clock: Any) -> None:
    files = {key: f"/nowhere/{key}" for key in ("ca_file", "cert_file", "key_file")}
    document["mqtt"] = {"broker": "mqtts://192.0.2.3:8883", **files}
    document["room"] = {"sensor_topic": "zigbee2mqtt/room"}
    with pytest.raises(ConfigurationError, match="certificates of the broker link"):
        connect(parse_config(document), clock.now)
