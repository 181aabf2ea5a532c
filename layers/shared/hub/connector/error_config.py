"""What an answer means where its status does not say it: the error actions of a connector or an endpoint."""

from typing import Annotated, Literal

from pydantic import Field

from hub.connector.response_config import LONGEST_PATH
from hub.connector.strict import Strict

ActionName = Literal[
    "SUCCESS", "FAIL", "RETRY", "IGNORE", "RATE_LIMITED", "REFRESH_TOKEN_THEN_RETRY", "RESET_PAGINATION"
]
StatusCode = Annotated[int, Field(ge=100, le=599)]
StatusClass = Annotated[str, Field(pattern=r"^[1-5]xx$")]


class ErrorAction(Strict):
    """All conditions that are given must hold; at least one is."""

    status: list[StatusCode | StatusClass] | None = Field(default=None, min_length=1, max_length=50)
    path: str | None = Field(default=None, max_length=LONGEST_PATH)
    value: str | int | float | bool | None = None
    contains: str | None = Field(default=None, min_length=1, max_length=500)
    action: ActionName
    message: str | None = Field(default=None, max_length=500)
