"""The command line: `python -m local run | token | demo | invoke | redrive | openapi`."""

import argparse
import json
import signal
import sys
import time
from contextlib import closing
from pathlib import Path

from local.functions import FunctionFailed, Pool, environment_of
from local.identity import Identity
from local.intrinsics import TemplateError
from local.logs import Log
from local.resources import Clients
from local.stack import LOOPBACK, TEMPLATE, Running, Stack, StackError, build, running

_CANNOT_START = 2
LOOK_EVERY_S = 0.5
# Whoever tries things out does not wait a minute between two syncs.
_PARAMETERS = {"SyncIntervalSeconds": "1"}


def main() -> int:
    """Run one command and return the exit status."""
    arguments = _parser().parse_args()
    try:
        status: int = arguments.command(arguments)
    except (StackError, TemplateError) as error:
        print(f"error: {error}", file=sys.stderr)
        return _CANNOT_START
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description="Runs template.yaml on this machine.")
    commands = parser.add_subparsers(required=True)
    _add_run(commands.add_parser("run", help="start the stack; Ctrl-C ends it and keeps its state"))
    _add_token(commands.add_parser("token", help="print a token for a tenant"))
    _add_demo(commands.add_parser("demo", help="tell the product's story on the running stack"))
    _add_invoke(commands.add_parser("invoke", help="call one function of the running stack with an event"))
    _add_redrive(commands.add_parser("redrive", help="send dead letters to their queue again"))
    _add_openapi(commands.add_parser("openapi", help="write the API's description from its routes"))
    return parser


def _state(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--state", type=Path, default=Path(".hub"), metavar="DIR", help="where state is kept (.hub)")


def _add_run(parser: argparse.ArgumentParser) -> None:
    _state(parser)
    parser.add_argument("--port", type=int, default=8787, help="of the API; 0 picks a free one (8787)")
    private = parser.add_mutually_exclusive_group()
    private.add_argument(
        "--allow-private",
        type=_list,
        action="extend",
        metavar="CIDR[:PORT]",
        help=f"may be called ({LOOPBACK})",
    )
    private.add_argument("--no-allow-private", action="store_true", help="connectors may call public addresses only")
    parser.add_argument("--faults", type=float, default=0.0, metavar="P", help="share of AWS calls to fail on purpose")
    parser.add_argument("--faults-seed", type=int, metavar="N", help="makes the faults repeatable")
    parser.set_defaults(command=_run)


def _add_token(parser: argparse.ArgumentParser) -> None:
    _state(parser)
    parser.add_argument("--tenant", required=True)
    parser.add_argument("--user", default="user")
    parser.add_argument("--roles", type=_list, default=["tenant_admin"], help="separated by commas (tenant_admin)")
    parser.add_argument("--scopes", type=_list, default=[], help="separated by commas")
    parser.add_argument("--expires-in", type=int, default=3600, metavar="SECONDS")
    parser.set_defaults(command=_token)


def _add_demo(parser: argparse.ArgumentParser) -> None:
    _state(parser)
    parser.add_argument("--url", help="of the API, if it is not the local stack")
    parser.set_defaults(command=_demo)


def _add_invoke(parser: argparse.ArgumentParser) -> None:
    _state(parser)
    parser.add_argument("function", help="logical id in the template")
    parser.add_argument("--event", type=argparse.FileType("r"), default="-", help="JSON file (standard input)")
    parser.set_defaults(command=_invoke)


def _add_redrive(parser: argparse.ArgumentParser) -> None:
    _state(parser)
    parser.add_argument("--queue", metavar="NAME", help="of one queue, such as delivery (all)")
    parser.set_defaults(command=_redrive)


def _add_openapi(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_openapi)


def _list(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _run(arguments: argparse.Namespace) -> int:
    allowed = [] if arguments.no_allow_private else arguments.allow_private or [LOOPBACK]
    stack = Stack(
        TEMPLATE,
        arguments.state,
        port=arguments.port,
        faults=arguments.faults,
        faults_seed=arguments.faults_seed,
        allow_private=allowed,
        parameters=_PARAMETERS,
    )
    asked_to_stop: list[int] = []  # no lock: a handler runs between two steps of whoever might hold it
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda asked, _frame: asked_to_stop.append(asked))
    with stack:
        ready = {"ready": True, "url": stack.url, "console": stack.console_url, "sandbox": stack.sandbox_url}
        print(json.dumps(ready), flush=True)
        stack.log.attach(sys.stdout)
        while not asked_to_stop:
            time.sleep(LOOK_EVERY_S)
            if not stack.cloud.is_alive:
                raise StackError("The embedded AWS has ended; start again, state is kept")
    return 0


def _token(arguments: argparse.Namespace) -> int:
    identity = Identity(arguments.state)
    print(
        identity.token(
            arguments.tenant,
            user=arguments.user,
            roles=arguments.roles,
            scopes=arguments.scopes,
            expires_in_s=arguments.expires_in,
        )
    )
    return 0


def _demo(arguments: argparse.Namespace) -> int:
    from local import demo  # only this command needs what the demo imports

    return demo.main(arguments)


def _openapi(_arguments: argparse.Namespace) -> int:
    from local import openapi  # loads every function

    print(openapi.write())
    return 0


def _redrive(arguments: argparse.Namespace) -> int:
    from local import redrive

    stack = _running_stack(arguments.state)
    with closing(Clients(stack.aws)) as clients:
        found = {each.name: each for each in redrive.redrives(build(TEMPLATE, stack.parameters, clients, stack.url))}
        if arguments.queue and arguments.queue not in found:
            raise StackError(f"No queue {arguments.queue} has dead letters; there are {', '.join(sorted(found))}")
        for name in [arguments.queue] if arguments.queue else sorted(found):
            print(f"{name}: {redrive.move(clients.sqs, found[name])} moved")
    return 0


def _running_stack(state: Path) -> Running:
    stack = running(state)
    if stack is None:
        raise StackError("No stack is running on this state folder; start it with: python -m local run")
    return stack


def _invoke(arguments: argparse.Namespace) -> int:
    stack = _running_stack(arguments.state)
    found = build(TEMPLATE, stack.parameters, Clients(stack.aws), stack.url).functions
    if arguments.function not in found:
        raise StackError(f"The template has no function {arguments.function}; it has {', '.join(sorted(found))}")
    function = found[arguments.function]
    log = Log()
    log.attach(sys.stderr)
    pool = Pool(function, environment_of(function, stack.aws, {}), 1, log)
    try:
        print(json.dumps(pool.invoke(json.load(arguments.event)), indent=2))
    except FunctionFailed as error:
        raise StackError(str(error)) from None
    finally:
        pool.stop(0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
