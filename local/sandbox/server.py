"""Starts a sandbox on 127.0.0.1 and answers its requests."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import uvicorn

from local.sandbox.access import Access
from local.sandbox.batches import Batches
from local.sandbox.control import Control
from local.sandbox.faults import Fault, Faults
from local.sandbox.files import Files
from local.sandbox.grants import Grants
from local.sandbox.graphql import GraphQLServer
from local.sandbox.hooks import Hooks, is_loopback
from local.sandbox.index import index
from local.sandbox.journal import Journal
from local.sandbox.limits import RateLimit
from local.sandbox.listing import LISTERS, NESTED, all_at_once, list_pages, next_link_pages
from local.sandbox.messages import Json, Refusal, Request, Response, as_json, with_etag
from local.sandbox.oauth import OAuthServer
from local.sandbox.records import Records, account, echo
from local.sandbox.routes import Routes
from local.sandbox.wire import Message, OpenProtocol, Wire
from local.sandbox.world import World

STOP_TIMEOUT_S = 15


class Sandbox:
    """The ASGI application and everything it keeps."""

    def __init__(self, world: World | None = None) -> None:
        self.world = world or World()
        self.faults, self.journal, self.hooks, self.limit = Faults(), Journal(), Hooks(), RateLimit()
        self.oauth, self.files = OAuthServer(Grants()), Files()
        self.control = Control(self.world, self.faults, self.journal, self.limit, self.oauth, self.hooks, self.files)
        self._access = Access(self.oauth.gate, self.limit.enter)
        self._routes = self._route_table()

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        wire = Wire(scope, receive, send)
        request = await wire.read()
        if request is None:
            return
        if request.path.startswith("/_control/"):
            await wire.send(await self._respond(request))
        else:
            await self._respond_with_faults(wire, request)

    async def _respond_with_faults(self, wire: Wire, request: Request) -> None:
        """The journal gets the request before anything can go wrong with it."""
        entry = self.journal.write(request)
        striking = self.faults.striking(request.path)
        kinds = frozenset(fault.kind for fault in striking)
        delay_s = sum(fault.delay_s for fault in striking)
        if delay_s and not await wire.wait(delay_s):
            return
        if "drop_connection" in kinds:
            await wire.drop()
            return
        response = _told(striking) or await self._respond(replace(request, faults=kinds))
        if response.delay_s and not await wire.wait(response.delay_s):
            return
        entry.status = response.status
        await (wire.send_half if "truncated" in kinds else wire.send)(response)

    async def _respond(self, request: Request) -> Response:
        try:
            _check_sender(request)
            inside, headers = self._access.enter(request)
            return (await self._handled(inside)).plus(headers)
        except Refusal as refusal:
            return refusal.response()

    async def _handled(self, request: Request) -> Response:
        try:
            handler, request = self._routes.find(request)
            answer = handler(request)
            response = answer if isinstance(answer, Response) else await answer
        except Refusal as refusal:
            response = refusal.response()
        return with_etag(request, response) if request.path.startswith("/v1/") else response

    def _route_table(self) -> Routes:
        routes = Routes()
        routes.add("GET", "/", partial(index, self.world))
        routes.add("GET", "/healthz", lambda _: as_json({"status": "ok"}))
        self._add_data(routes)
        routes.add("POST", "/graphql", GraphQLServer(self.world).answer)
        routes.add("GET", "/oauth/authorize", self.oauth.authorize)
        routes.add("POST", "/oauth/authorize", self.oauth.decide)
        routes.add("POST", "/oauth/token", self.oauth.token)
        routes.add("POST", "/oauth/revoke", self.oauth.revoke)
        routes.add("GET", "/.well-known/oauth-authorization-server", self.oauth.metadata)
        routes.add("POST", "/hooks/{name}", self.hooks.receive)
        self.control.add_to(routes)
        return routes

    def _add_data(self, routes: Routes) -> None:
        records = Records(self.world)
        routes.add("GET POST PUT PATCH DELETE", "/v1/echo", echo)
        routes.add("GET", "/v1/account", account)
        routes.add("POST", "/v1/batch/contacts", Batches(self.world).upsert_contacts)
        routes.add("POST", "/v1/files", self.files.upload)
        routes.add("GET", "/v1/files", self.files.list)
        routes.add("GET", "/v1/files/{id}", self.files.content)
        routes.add("POST", "/v1/contacts", records.create_contact)
        routes.add("POST", "/v1/contacts/search", records.search_contacts)
        routes.add("PATCH PUT", "/v1/contacts/{id}", records.update_contact)
        routes.add("DELETE", "/v1/contacts/{id}", records.delete_contact)
        routes.add("GET", "/v1/companies/{id}/contacts", records.contacts_of_company)
        for kind in NESTED:
            routes.add("GET", f"/v1/{kind}/companies/{{id}}/contacts", records.contact_pages_of_company(LISTERS[kind]))
        for name, table in (("contacts", self.world.contacts), ("companies", self.world.companies)):
            routes.add("GET", f"/v1/{name}", all_at_once(name, table))
            routes.add("GET", f"/v1/{name}/{{id}}", records.read(table))
            routes.add("GET", f"/v1/nextlink/{name}/{{position}}", next_link_pages(table))
            for kind, lister in LISTERS.items():
                routes.add("GET", f"/v1/{kind}/{name}", list_pages(lister, table))


class RunningSandbox:
    """A sandbox that answers on 127.0.0.1 until it is stopped; use it as a context manager or call `stop`."""

    def __init__(self, app: Sandbox, listener: socket.socket) -> None:
        self.app = app
        self.port: int = listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._server = _Server(_config(app))
        self._thread = threading.Thread(target=self._serve, args=(listener,), name="sandbox", daemon=True)
        self._thread.start()

    @property
    def world(self) -> World:
        return self.app.world

    @property
    def faults(self) -> Faults:
        return self.app.faults

    @property
    def requests(self) -> list[Json]:
        """The journal, oldest first."""
        return self.app.journal.listed()

    def hooks(self, name: str) -> list[Json]:
        """The webhooks that one name received, oldest first."""
        return self.app.hooks.received(name)

    def reset(self) -> None:
        self.app.control.reset_everything()

    def stop(self) -> None:
        """Cut all connections and wait for the thread."""
        self._server.should_exit = True
        self._thread.join(STOP_TIMEOUT_S)

    def _serve(self, listener: socket.socket) -> None:
        asyncio.run(self._server.serve(sockets=[listener]))

    def __enter__(self) -> RunningSandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class _Server(uvicorn.Server):
    """Does not wait for its clients when it stops."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await super().shutdown(sockets)


def start(port: int = 0, world: World | None = None) -> RunningSandbox:
    """A running sandbox; port 0 takes a free one. Connections are accepted from the moment this returns."""
    return RunningSandbox(Sandbox(world), _listener(port))


def _listener(port: int) -> socket.socket:
    """A listening socket with its protocol named: asyncio turns Nagle off only then, and answers 40 ms sooner."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(256)
    except OSError:
        listener.close()
        raise
    return listener


def _config(app: Any) -> uvicorn.Config:
    """Without logging of its own: the settings of uvicorn's loggers belong to whoever starts the process."""
    return uvicorn.Config(
        app,
        http=OpenProtocol,
        ws="none",
        lifespan="off",
        loop="asyncio",
        log_config=None,
        access_log=False,
        proxy_headers=False,
    )


def _told(striking: list[Fault]) -> Response | None:
    """The answer that the first fault with one puts in the place of the real one."""
    return next((answer for fault in striking if (answer := fault.answer())), None)


def _check_sender(request: Request) -> None:
    """Keeps other web pages out: they could reach this server through a name of theirs, or post to /_control."""
    if not _is_for_this_machine(request.origin):
        raise Refusal(421, f"This server answers on 127.0.0.1 only, not for {request.origin}")
    if request.path.startswith("/_control/") and request.headers.get("origin", request.origin) != request.origin:
        raise Refusal(403, "Only pages of this server may use /_control")


def _is_for_this_machine(origin: str) -> bool:
    try:
        return is_loopback(urlsplit(origin).hostname or "")
    except ValueError:
        return False
