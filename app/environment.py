"""Settings as operators give them: environment variables ``STOREGRAPH_*``, and options."""

import dataclasses
from typing import Any, cast

from pydantic import Field, ValidationError, create_model
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.settings import Settings

PREFIX = "STOREGRAPH_"


class BadSettings(ValueError):
    """Values that no setting may have; the text has a line for each."""


class _Variables(BaseSettings):
    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore")


_FIELDS = dataclasses.fields(Settings)
_read = create_model(
    "_read",
    __base__=_Variables,
    **cast(
        "Any",
        {each.name: (each.type, Field(default=each.default, **each.metadata)) for each in _FIELDS},
    ),
)


def read(**given: Any) -> Settings:
    """The settings of the environment, with those ``given`` in their stead that are not None.

    Raises ``BadSettings``.
    """
    try:
        found = _read(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        problems = [
            f"{PREFIX}{'_'.join(map(str, each['loc'])).upper()}: {each['msg']}"
            for each in error.errors()
        ]
        raise BadSettings("\n".join(problems)) from error
    return Settings(**{each.name: getattr(found, each.name) for each in _FIELDS})
