"""The section [weather]: where the forecast comes from. Pure."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from controller.config_values import Section

WeatherKind = Literal["csv", "open_meteo", "met_norway", "bright_sky", "mosmix"]

_KEYS: dict[str, tuple[str, ...]] = {
    "csv": ("csv",),
    "open_meteo": ("token_file",),
    "met_norway": ("contact",),
    "bright_sky": (),
    "mosmix": ("station",),
}
_NEEDED: dict[str, tuple[str, ...]] = {
    "csv": ("csv",),
    "open_meteo": (),
    "met_norway": ("contact",),
    "bright_sky": (),
    "mosmix": ("station",),
}
"""Which keys belong to which kind of source, and which it cannot do without."""

OF_A_PLACE = ("open_meteo", "met_norway", "bright_sky")
"""Kinds that must know where the house stands."""


class WeatherOrigin(Section):
    """One source; which keys count depends on `kind`."""

    kind: WeatherKind = Field("csv", description="the service, or a file of your own")
    csv: Path | None = Field(
        None,
        description="csv: header timestamp_utc,outdoor_c,ghi_w_per_m2[,wind_m_s][,issued_at]",
    )
    contact: str | None = Field(
        None,
        pattern=r"^\S+@\S+\.\S+$|^https?://\S+$",
        description="met_norway: your mail or web address, which its terms ask for",
    )
    station: str | None = Field(
        None, pattern=r"^[A-Z0-9]{3,6}$", description="mosmix: the station, such as 10513 or P0036"
    )
    token_file: Path | None = Field(
        None, description="open_meteo: file with a customer's key; without, it is free and private"
    )

    @model_validator(mode="after")
    def _keys_fit_the_kind(self) -> Self:
        for key in _NEEDED[self.kind]:
            if getattr(self, key) is None:
                raise ValueError(f'kind "{self.kind}" needs {key}')
        for key in WeatherOrigin.model_fields:
            if key != "kind" and getattr(self, key) is not None and key not in _KEYS[self.kind]:
                kinds = [f'"{kind}"' for kind, keys in _KEYS.items() if key in keys]
                raise ValueError(f'{key} is for kind {" or ".join(kinds)}, not "{self.kind}"')
        return self


class WeatherSection(WeatherOrigin):
    """A weather forecast: a service on the web, or a CSV file that something else keeps fresh."""

    backup: WeatherOrigin | None = Field(
        None, description="asked when the first one has been silent for six hours"
    )

    @property
    def origins(self) -> tuple[WeatherOrigin, ...]:
        """The source and its backup."""
        return (self,) if self.backup is None else (self, self.backup)

    @property
    def needs_a_place(self) -> bool:
        """Whether one of them must know where the house stands."""
        return any(origin.kind in OF_A_PLACE for origin in self.origins)
