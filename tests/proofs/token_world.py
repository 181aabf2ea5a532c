"""The outside of the token store, in memory: a database with conditions, a key service, a server that rotates."""

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from botocore.exceptions import ClientError, EndpointConnectionError

from hub.core.attributes import Item, decode_item, encode_item
from hub.core.errors import Retryable
from hub.outbound.calls import Call, Reply
from tests.proofs.turns import Turns

LIFETIME_S = 3600.0
_WORD = re.compile(r"attribute_not_exists\(#(\w+)\)|#(\w+)|:(\w+)|=")


@dataclass
class Database:
    """One table with `get_item` and `update_item` of boto3's client; conditions are evaluated, not guessed.

    `lose` says of how many of the next updates the answer is lost: half of them are sent again by the SDK, and find
    what they did themselves; the others fail, done or not.
    """

    turns: Turns
    items: dict[tuple[str, str], Item] = field(default_factory=dict)
    lose: int = 0
    lost: int = 0
    reads: int = 0
    updates: int = 0

    def get_item(self, *, Key: Any, **_: Any) -> dict[str, Any]:  # noqa: N803 - the names that boto3 gives
        self.reads += 1
        self.turns.step()
        found = self.items.get(_place(Key))
        return {"Item": encode_item(found)} if found else {}

    def update_item(self, **request: Any) -> dict[str, Any]:
        self.updates += 1
        self.turns.step()
        if self.lose and self.turns.chance.random() < 0.3:
            return self._answer_is_lost(request)
        answer = self._apply(request)
        self.turns.step()
        return answer

    def _answer_is_lost(self, request: dict[str, Any]) -> dict[str, Any]:
        self.lose, self.lost = self.lose - 1, self.lost + 1
        way = self.turns.chance.choice(("repeated", "done", "not done"))
        if way != "not done":
            self._apply(request)
        self.turns.step()
        if way == "repeated":
            return self._apply(request)
        raise EndpointConnectionError(endpoint_url="https://aws.test")

    def _apply(self, request: dict[str, Any]) -> dict[str, Any]:
        place = _place(request["Key"])
        item = self.items.get(place, {})
        names, values = request["ExpressionAttributeNames"], decode_item(request.get("ExpressionAttributeValues", {}))
        condition = request.get("ConditionExpression")
        if condition and not _holds(condition, item, values):
            raise _refusal(item)
        changed = {**decode_item(request["Key"]), **item}
        sets, _, removes = request["UpdateExpression"].partition("REMOVE ")
        for assignment in filter(None, sets.removeprefix("SET ").strip().split(", #")):
            name, _, value = assignment.strip().removeprefix("#").partition(" = ")
            changed[name] = changed.get(name, 0) if value.startswith("if_not_exists") else values[value]
        for name in filter(None, removes.split(", ")):
            changed.pop(names[name.strip()], None)
        self.items[place] = changed
        return {"Attributes": encode_item(changed)}


def _holds(condition: str, item: Item, values: Item) -> bool:
    def python(word: re.Match[str]) -> str:
        absent, name, value = word.groups()
        if absent:
            return f"({absent!r} not in item)"
        return "==" if word[0] == "=" else f"item.get({name!r}, nothing)" if name else f"values[':{value}']"

    text = _WORD.sub(python, condition).replace(" OR ", " or ").replace(" AND ", " and ")
    return bool(eval(text, {"item": item, "values": values, "nothing": float("nan")}))  # noqa: S307 - our own words


def _refusal(item: Item) -> ClientError:
    found = {"Item": encode_item(item)} if item else {}
    response: Any = {"Error": {"Code": "ConditionalCheckFailedException"}, **found}
    return ClientError(response, "UpdateItem")


def _place(key: Any) -> tuple[str, str]:
    found = decode_item(key)
    return found["pk"], found["sk"]


@dataclass
class Keys:
    """KMS, as far as the vault needs it."""

    turns: Turns
    made: dict[bytes, bytes] = field(default_factory=dict)

    class exceptions:  # noqa: N801 - the name boto3 gives it
        InvalidCiphertextException = KeyError

    def generate_data_key(self, **_: Any) -> dict[str, bytes]:
        self.turns.step()
        plain, wrapped = os.urandom(32), os.urandom(16)
        self.made[wrapped] = plain
        return {"Plaintext": plain, "CiphertextBlob": wrapped}

    def decrypt(self, *, CiphertextBlob: bytes, **_: Any) -> dict[str, bytes]:  # noqa: N803
        return {"Plaintext": self.made[CiphertextBlob]}


@dataclass
class TokenServer:
    """Rotates refresh tokens and revokes the grant when one comes twice, at once or `grace_s` after its first use.

    In that time the second use is a new branch: what the first one gave counts as used from then on.
    """

    turns: Turns
    grace_s: float = 0.0
    calls: int = 0
    lost_grants: int = 0
    before_answer: Callable[[], None] = lambda: None
    _number: int = 0
    _latest: str = ""
    _used_at: dict[str, float] = field(default_factory=dict)
    _good_until: dict[str, float] = field(default_factory=dict)

    def authorise(self) -> str:
        """Return the first refresh token of a new grant, as a user enters it."""
        self._used_at.clear()
        self._good_until.clear()
        return self._next_refresh_token()

    def accepts(self, access_token: str) -> bool:
        return self.turns.now_s < self._good_until.get(access_token, 0.0)

    def send(self, call: Call, *, timeout_s: float) -> Reply:
        slow_s = self.turns.chance.uniform(0.05, 1.0)
        assert slow_s < timeout_s
        self.turns.sleep(slow_s)
        self.calls += 1
        answer = self._answered(dict(parse_qsl((call.content or b"").decode()))["refresh_token"])
        self.turns.step()
        self.before_answer()
        return answer

    def _answered(self, refresh_token: str) -> Reply:
        used_at = self._used_at.get(refresh_token)
        if self._latest and used_at is not None and self.turns.now_s - used_at >= self.grace_s:
            self._latest, self.lost_grants = "", self.lost_grants + 1
            self._good_until.clear()
        if not self._latest:
            return _reply(400, {"error": "invalid_grant"})
        for spent in {refresh_token, self._latest}:
            self._used_at.setdefault(spent, self.turns.now_s)
        access = f"access-{self._number + 1}"
        self._good_until[access] = self.turns.now_s + LIFETIME_S
        fresh = self._next_refresh_token()
        return _reply(200, {"access_token": access, "refresh_token": fresh, "expires_in": LIFETIME_S})

    def _next_refresh_token(self) -> str:
        self._number += 1
        self._latest = f"refresh-{self._number}"
        return self._latest


def lose_answer() -> None:
    raise Retryable("the answer was lost on its way", retry_after_s=None)


def _reply(status: int, body: Any) -> Reply:
    return Reply(status, {"content-type": "application/json"}, json.dumps(body).encode(), 1)
