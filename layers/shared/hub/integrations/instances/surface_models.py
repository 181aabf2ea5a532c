"""What the bodies of all surfaces share: no unknown words, no guessing of types, and no fault repeats a value."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Name = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Description = Annotated[str, Field(max_length=2000)]
Icon = Annotated[str, Field(max_length=2048)]
Settings = dict[str, Any]
Names = Annotated[list[Annotated[str, Field(min_length=1, max_length=200)]], Field(max_length=100)]
Frequency = int | Annotated[str, Field(min_length=1, max_length=200)]
Environment = Literal["PRODUCTION", "SANDBOX", "TEST"]
CircuitState = Literal["CLOSED", "OPEN", "HALF_OPEN"]


class Written(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True, defer_build=True)


class Shown(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True)
