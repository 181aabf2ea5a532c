"""The control API under /_control: faults, journal, limits, webhooks, reset. It is for tests and for the curious."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from local.sandbox.faults import KINDS, Faults
from local.sandbox.files import Files
from local.sandbox.hooks import ALGORITHMS, Hooks, SignedWebhook
from local.sandbox.journal import Journal
from local.sandbox.limits import RateLimit
from local.sandbox.messages import Json, Refusal, Request, Response, as_json, encode
from local.sandbox.oauth import OAuthServer
from local.sandbox.routes import Routes
from local.sandbox.world import World


@dataclass(frozen=True)
class Wanted:
    """What a field of a control body must be."""

    text: str
    fits: Callable[[Any], bool]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 86_400


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= 1_000_000


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


TEXT = Wanted("a string", _is_text)
COUNT = Wanted("a whole number", _is_count)
SECONDS = Wanted("seconds, up to a day", _is_number)
FLAG = Wanted("true or false", lambda value: isinstance(value, bool))
TEXTS = Wanted("a list of strings", lambda value: isinstance(value, list) and all(map(_is_text, value)))
COUNTS = Wanted("a list of whole numbers", lambda value: isinstance(value, list) and all(map(_is_count, value)))
TEXT_MAP = Wanted("an object of strings", lambda value: isinstance(value, dict) and all(map(_is_text, value.values())))
ALGORITHM = Wanted(f"one of {', '.join(ALGORITHMS)}", lambda value: isinstance(value, str) and value in ALGORITHMS)
ANYTHING = Wanted("JSON", lambda _: True)

FAULT = {"after": COUNT, "times": COUNT, "delay_s": SECONDS, "retry_after_s": SECONDS}
OAUTH = {"expires_in": SECONDS, "redirect_uris": TEXTS, "revoke_all": FLAG, "expire_access_tokens": FLAG}
WEBHOOK = {"header": TEXT, "prefix": TEXT, "algorithm": ALGORITHM, "headers": TEXT_MAP}


@dataclass(frozen=True)
class Control:
    """The switches of one sandbox."""

    world: World
    faults: Faults
    journal: Journal
    limit: RateLimit
    oauth: OAuthServer
    hooks: Hooks
    files: Files

    def add_to(self, routes: Routes) -> None:
        routes.add("GET", "/_control/faults", self.list_faults)
        routes.add("POST", "/_control/faults", self.add_fault)
        routes.add("DELETE", "/_control/faults", self.clear_faults)
        routes.add("GET", "/_control/requests", self.list_requests)
        routes.add("DELETE", "/_control/requests", self.clear_requests)
        routes.add("POST", "/_control/reset", self.reset)
        routes.add("POST", "/_control/limit", self.set_limit)
        routes.add("POST", "/_control/oauth", self.set_oauth)
        routes.add("GET", "/_control/hooks/{name}", self.list_hook)
        routes.add("POST", "/_control/hooks/{name}", self.script_hook)
        routes.add("DELETE", "/_control/hooks/{name}", self.forget_hook)
        routes.add("POST", "/_control/send-webhook", self.send_webhook)

    def list_faults(self, _request: Request) -> Response:
        return as_json({"faults": self.faults.listed(), "kinds": KINDS})

    def add_fault(self, request: Request) -> Response:
        fields = _checked(request, {"path_prefix": TEXT, "kind": TEXT}, FAULT)
        self.faults.add(**fields)
        return as_json({"faults": self.faults.listed()}, 201)

    def clear_faults(self, _request: Request) -> Response:
        self.faults.clear()
        return Response(204)

    def list_requests(self, request: Request) -> Response:
        """The journal; `?path_prefix=` narrows it."""
        entries = self.journal.listed(request.args.get("path_prefix", ""))
        return as_json({"items": entries, "total": len(entries)})

    def clear_requests(self, _request: Request) -> Response:
        self.journal.clear()
        return Response(204)

    def reset(self, _request: Request) -> Response:
        self.reset_everything()
        return Response(204)

    def reset_everything(self) -> None:
        """Seed data back; faults, journal, webhooks, tokens, files and changed settings gone."""
        for part in (self.world, self.limit, self.oauth, self.hooks, self.files):
            part.reset()
        self.faults.clear()
        self.journal.clear()

    def set_limit(self, request: Request) -> Response:
        fields = _checked(request, {"requests": COUNT, "window_s": SECONDS}, {})
        self.limit.set(**fields)
        return as_json(fields)

    def set_oauth(self, request: Request) -> Response:
        fields = _checked(request, {}, OAUTH)
        if "expires_in" in fields:
            self.oauth.grants.expires_in_s = fields["expires_in"]
        if "redirect_uris" in fields:
            self.oauth.redirect_uris = tuple(fields["redirect_uris"])
        if fields.get("revoke_all"):
            self.oauth.grants.revoke_all()
        if fields.get("expire_access_tokens"):
            self.oauth.grants.expire_access_tokens()
        grants = self.oauth.grants
        return as_json({"expires_in": grants.expires_in_s, "redirect_uris": self.oauth.redirect_uris})

    def list_hook(self, request: Request) -> Response:
        items = self.hooks.received(request.params["name"])
        return as_json({"items": items, "total": len(items)})

    def script_hook(self, request: Request) -> Response:
        fields = _checked(request, {"statuses": COUNTS}, {"delay_s": SECONDS, "retry_after_s": SECONDS, "secret": TEXT})
        self.hooks.script(request.params["name"], **fields)
        return as_json({name: value for name, value in fields.items() if name != "secret"})

    def forget_hook(self, request: Request) -> Response:
        self.hooks.forget(request.params["name"])
        return Response(204)

    async def send_webhook(self, request: Request) -> Response:
        """Sends a signed body; a string goes out as it is, anything else as JSON."""
        fields = _checked(request, {"url": TEXT, "secret": TEXT, "body": ANYTHING}, WEBHOOK)
        body = fields.pop("body")
        raw = body.encode(errors="replace") if isinstance(body, str) else encode(body)
        return as_json(await asyncio.to_thread(SignedWebhook(body=raw, **fields).send))


def _checked(request: Request, required: Mapping[str, Wanted], optional: Mapping[str, Wanted]) -> Json:
    """The fields of the body; null stands for not given. Raises Refusal naming the first field that is wrong."""
    body = {name: value for name, value in request.object().items() if value is not None}
    known = {**required, **optional}
    for name in required:
        if name not in body:
            raise Refusal(400, f"{name} is missing")
    for name, value in body.items():
        if name not in known:
            raise Refusal(400, f"{name} is not known; the fields are {', '.join(known)}")
        if not known[name].fits(value):
            raise Refusal(400, f"{name} must be {known[name].text}, found {json.dumps(value)[:100]}")
    return body
