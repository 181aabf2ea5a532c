"""The whole local stack as one object: for `python -m local run` and for tests."""

import fcntl
import json
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import uvicorn

from local import cloud, custom_resources, resources, template
from local.attributes import Addresses
from local.authorizer import Gatekeeper
from local.custom_resources import Answers
from local.functions import FunctionFailed, Pool, environment_of
from local.gateway import Gateway
from local.identity import AUDIENCE, ISSUER, Identity, KeyServer
from local.logs import Log
from local.pump import Pump
from local.routes import RouteTable
from local.sandbox.server import RunningSandbox
from local.sandbox.server import start as start_sandbox
from local.schedules import Timer, interval_s
from local.template import Function, Template

TEMPLATE = Path(__file__).resolve().parent.parent / "template.yaml"
LOOPBACK = "127.0.0.0/8"

_RUNNING_FILE = "running.json"
_LOCK_FILE = "lock"
_HTTP_PROCESSES = 4
_WORKER_PROCESSES = 2
_GRACE_S = 5


class StackError(Exception):
    """The stack cannot start; one line says why."""


@dataclass(frozen=True)
class Running:
    """What a running stack tells other commands on the same state folder."""

    url: str
    console: str | None
    sandbox: str
    aws: str
    parameters: Mapping[str, str]


def running(state_dir: Path) -> Running | None:
    """Return how to reach the stack that runs on this state folder, or None."""
    file = state_dir / _RUNNING_FILE
    is_running = file.exists() and not _can_lock(state_dir)  # a killed stack leaves the file behind
    return Running(**json.loads(file.read_text())) if is_running else None


def _can_lock(state_dir: Path) -> bool:
    with (state_dir / _LOCK_FILE).open("w") as file:
        return _lock(file)


def _lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def local_parameters(jwks_url: str, api_host: str, allow_private: Sequence[str]) -> dict[str, str]:
    """Return the template parameters that this machine sets; all others keep their defaults."""
    return {
        "JwtIssuer": ISSUER,
        "JwtAudience": AUDIENCE,
        "JwksUrl": jwks_url,
        "ApiDomain": api_host,
        "OutboundAllowedPrivate": ",".join(allow_private),
    }


@dataclass
class Stack:
    """Runs a template on this machine; state survives in `state_dir`.

    `parameters` and `env_overrides` (function logical id, or `*`, to variables) are for tests that need
    other settings than the template's. With `schedules=False` only `fire_schedule` makes a schedule tick,
    with `queues=False` nothing reads the queues, with `keeps_state=False` what AWS holds is gone at the end.
    """

    template_path: Path
    state_dir: Path
    port: int = 0
    faults: float = 0.0
    faults_seed: int | None = None
    allow_private: Sequence[str] = (LOOPBACK,)
    parameters: Mapping[str, str] = field(default_factory=dict)
    env_overrides: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    schedules: bool = True
    queues: bool = True
    keeps_state: bool = True
    log: Log = field(default_factory=Log)
    _running: ExitStack = field(default_factory=ExitStack)
    _ends_at: float = 0.0

    def start(self) -> Self:
        """Start everything; raises StackError or TemplateError, then nothing is left running."""
        with ExitStack() as starting:
            self._start(starting)
            self._running = starting.pop_all()
        return self

    def stop(self) -> None:
        """Let running invocations finish for a few seconds, save the state, end all processes."""
        self._ends_at = time.monotonic() + _GRACE_S
        self._running.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    # ---------------------------------------------------------------- what tests and the command line ask for

    def token(
        self,
        tenant: str,
        roles: Sequence[str] = ("tenant_admin",),
        scopes: Sequence[str] = (),
        user: str = "user",
        expires_in_s: int = 3600,
    ) -> str:
        """Return a token that this stack accepts."""
        return self._identity.token(tenant, user=user, roles=roles, scopes=scopes, expires_in_s=expires_in_s)

    def invoke(self, function: str, event: Any) -> Any:
        """Run a function by its logical id; raises FunctionFailed."""
        return self._pools[function].invoke(event)

    def fire_schedule(self, name: str) -> Any:
        """Run one tick of a schedule by its event name, now, and return what the function returned."""
        (schedule,) = [each for each in self.template.schedules if each.name == name]
        return self._timer.fire(schedule)

    def worker_pids(self, function: str) -> list[int]:
        """Return the process ids of a function's execution environments."""
        return self._pools[function].pids()

    def aws(self, service: str) -> Any:
        """Return a boto3 client of the embedded AWS; its calls are never failed on purpose."""
        return self.clients.client(service)

    def inject_faults(self, share: float) -> None:
        """Fail this share of the functions' AWS calls from now on."""
        self.cloud.command(f"faults?share={share}")

    def aws_calls(self) -> dict[str, int]:
        """Return how often the functions called each AWS operation so far."""
        calls: dict[str, int] = self.cloud.command("calls")
        return calls

    # ---------------------------------------------------------------- start, in order; the end is the reverse

    def _start(self, starting: ExitStack) -> None:
        self._claim_state(starting)
        listener = self._listen(starting)
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.cloud = cloud.start(
            self.state_dir, faults=self.faults, faults_seed=self.faults_seed, keeps_state=self.keeps_state
        )
        starting.callback(self.cloud.stop)
        self.clients = resources.Clients(self.cloud.url)
        starting.callback(self.clients.close)
        self._identity = Identity(self.state_dir)
        keys = KeyServer(self._identity)
        starting.callback(keys.stop)
        sandbox = _start_sandbox(self.port)
        starting.callback(sandbox.stop)
        self.sandbox_url = sandbox.url
        api_host = self.url.removeprefix("http://")
        values = {**local_parameters(keys.url, api_host, self.allow_private), **self.parameters}
        self.template = build(self.template_path, values, self.clients, self.url)
        self._make_custom_resources()
        self._start_queues_and_timers(starting)
        self._serve(starting, listener)
        self._announce(starting, values)

    def _claim_state(self, starting: ExitStack) -> None:
        self.state_dir.mkdir(parents=True, exist_ok=True)
        if not _lock(starting.enter_context((self.state_dir / _LOCK_FILE).open("w"))):
            raise StackError(f"Another stack is running on the state folder {self.state_dir}")

    def _listen(self, starting: ExitStack) -> Any:
        try:
            return starting.enter_context(cloud.bind(self.port))
        except OSError as error:
            raise StackError(f"Port {self.port} is taken or not allowed: {error.strerror}") from None

    def _make_custom_resources(self) -> None:
        """Have functions make what the template leaves to them; calls that fail on purpose begin after that."""
        if not self.template.custom_resources:
            return
        self.inject_faults(0.0)
        by_arn = {function.arn: function for function in self.template.functions.values()}
        with Answers() as answers:
            for each in self.template.custom_resources:
                pool = self._make_pool(_answering(by_arn[each.function_arn], answers))
                try:
                    custom_resources.make(each, answers, pool.invoke)
                except FunctionFailed as failure:
                    raise StackError(f"{each.logical_id}: {failure}") from None
                finally:
                    pool.stop(0.0)
        self.inject_faults(self.faults)

    def _start_queues_and_timers(self, starting: ExitStack) -> None:
        self._pools = self._make_pools()
        pumps = [Pump(each, self._pools[each.function], self.clients, self.log) for each in self._mappings()]
        for pump in pumps:
            pump.start()
            starting.callback(pump.stop)
        self._timer = Timer(self.template.schedules if self.schedules else (), self._pools, self.log)
        self._timer.start()
        starting.callback(self._timer.stop)
        starting.callback(self._stop_pools)
        for stop in (self._timer.stop_ticking, *(pump.stop_polling for pump in pumps)):
            starting.callback(stop)

    def _mappings(self) -> Sequence[template.QueueMapping]:
        return self.template.queue_mappings if self.queues else ()

    def _make_pools(self) -> dict[str, Pool]:
        unknown = sorted(set(self.env_overrides) - {"*", *self.template.functions})
        if unknown:
            raise StackError(f"env_overrides names functions that the template does not have: {', '.join(unknown)}")
        return {name: self._make_pool(function) for name, function in self.template.functions.items()}

    def _make_pool(self, function: Function) -> Pool:
        overrides = {**self.env_overrides.get("*", {}), **self.env_overrides.get(function.logical_id, {})}
        answers_http = function.logical_id in {route.function for route in self.template.routes}
        authorizes = function.arn in {each.function_arn for each in self.template.authorizers.values()}
        limit = _HTTP_PROCESSES if answers_http or authorizes else _WORKER_PROCESSES
        return Pool(function, environment_of(function, self.cloud.url, overrides), limit, self.log)

    def _stop_pools(self) -> None:
        for pool in self._pools.values():
            pool.stop(max(0.0, self._ends_at - time.monotonic()))

    def _serve(self, starting: ExitStack, listener: Any) -> None:
        by_arn = {function.arn: self._pools[name] for name, function in self.template.functions.items()}
        gatekeepers = {
            name: Gatekeeper(each, by_arn[each.function_arn].invoke) for name, each in self.template.authorizers.items()
        }
        gateway = Gateway(RouteTable(self.template.routes), gatekeepers, self._pools, self.log)
        starting.callback(gateway.close)
        config = uvicorn.Config(
            gateway,
            lifespan="off",
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,  # nobody is in front: what a caller says of its address is not true
            timeout_graceful_shutdown=_GRACE_S,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="gateway", daemon=True)
        thread.start()
        starting.callback(_stop_server, server, thread)

    def _announce(self, starting: ExitStack, parameters: Mapping[str, str]) -> None:
        has_console = any(route.path == "/console" for route in self.template.routes)
        self.console_url = f"{self.url}/console" if has_console else None
        facts = Running(self.url, self.console_url, self.sandbox_url, self.cloud.url, parameters)
        file = self.state_dir / _RUNNING_FILE
        file.write_text(json.dumps(asdict(facts)))
        starting.callback(file.unlink)


def _answering(function: Function, answers: Answers) -> Function:
    """Return the function with leave to call where it answers: an address of this machine."""
    allowed = [function.environment.get("OUTBOUND_ALLOWED_PRIVATE", ""), f"127.0.0.1/32:{answers.port}"]
    environment = {**function.environment, "OUTBOUND_ALLOWED_PRIVATE": ",".join(filter(None, allowed))}
    return replace(function, environment=environment)


def _start_sandbox(api_port: int) -> RunningSandbox:
    """Start the sandbox on the port after the API's, so that connectors to it still work after a restart."""
    try:
        return start_sandbox(api_port + 1 if api_port else 0)
    except OSError:
        return start_sandbox()


def _stop_server(server: uvicorn.Server, thread: threading.Thread) -> None:
    server.should_exit = True
    thread.join()


def build(path: Path, parameters: Mapping[str, str], clients: resources.Clients, api_url: str) -> Template:
    """Read the template and create its resources; what exists already stays as it is."""
    source = template.load(path, parameters)
    key_ids = resources.ensure_keys(clients, source.key_ids())
    found = template.read(source, Addresses(clients.aws_url, api_url, key_ids))
    for schedule in found.schedules:
        interval_s(schedule.expression)
    resources.ensure(clients, found.resources)
    return found
