"""What the local stack promises, shown with a small application that misbehaves on request."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from local.functions import FunctionFailed
from local.intrinsics import TemplateError
from local.stack import Stack, StackError, running

APP = Path(__file__).resolve().parents[1] / "unit/local/fixture_app/template.yaml"
TABLE = "integration-hub-ItemsTable"
Eventually = Callable[..., None]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(APP, tmp_path_factory.mktemp("app"), schedules=False) as stack:
        yield stack


@pytest.fixture
def client(app: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=app.url, headers={"authorization": "sesame:acme"}, timeout=35) as client:
        yield client


def items(stack: Stack) -> set[str]:
    return {item["pk"]["S"] for item in stack.aws("dynamodb").scan(TableName=TABLE)["Items"]}


def put(stack: Stack, name: str) -> None:
    stack.aws("dynamodb").put_item(TableName=TABLE, Item={"pk": {"S": name}})


def queue(stack: Stack, name: str) -> str:
    url: str = stack.aws("sqs").get_queue_url(QueueName=f"integration-hub-{name}")["QueueUrl"]
    return url


def send(stack: Stack, *bodies: str) -> None:
    for body in bodies:
        stack.aws("sqs").send_message(QueueUrl=queue(stack, "WorkQueue"), MessageBody=body)


# ---------------------------------------------------------------- the API


def test_function_gets_the_event_and_the_authorizers_context(client: httpx.Client) -> None:
    answer = client.post("/echo/a%20b", params={"x": 1}, json={"a": 1}).json()["event"]

    assert answer["routeKey"] == "POST /echo/{name}"
    assert answer["pathParameters"] == {"name": "a b"}
    assert answer["requestContext"]["authorizer"] == {"lambda": {"tenant": "acme"}}


@pytest.mark.parametrize(
    ("path", "authorization", "status", "body"),
    [
        ("/nowhere", "sesame:acme", 404, '{"message":"Not Found"}'),
        ("/echo", "", 401, '{"message":"Unauthorized"}'),
        ("/echo", "please", 403, '{"message":"Forbidden"}'),
        ("/echo", "crash", 500, '{"message":"Internal Server Error"}'),
        ("/echo?do=fail", "sesame:acme", 500, '{"message":"Internal Server Error"}'),
        ("/echo?do=flood", "sesame:acme", 500, '{"message":"Internal Server Error"}'),
        ("/echo?do=plain", "sesame:acme", 200, '{"answer":42}'),
    ],
)
def test_api_answers_as_api_gateway_does(
    client: httpx.Client, path: str, authorization: str, status: int, body: str
) -> None:
    answer = client.get(path, headers={"authorization": authorization})

    assert (answer.status_code, answer.text) == (status, body)


def test_route_without_authorizer_asks_nobody(app: Stack) -> None:
    assert httpx.post(f"{app.url}/open").status_code == 200


@pytest.mark.parametrize(("size_mb", "status"), [(1, 200), (7, 413), (11, 413)])
def test_body_is_refused_above_the_limits_of_aws(client: httpx.Client, size_mb: int, status: int) -> None:
    headers = {"content-type": "text/plain"}

    answer = client.post("/echo/big", content=b"x" * size_mb * 1024 * 1024, headers=headers)

    assert answer.status_code == status


def test_binary_answer_and_cookies_arrive(client: httpx.Client) -> None:
    answer = client.get("/echo", params={"do": "binary"})

    assert (answer.status_code, answer.content) == (201, b"\x00\xff")
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]


def test_log_line_shows_the_route_and_no_value_of_the_request(app: Stack, client: httpx.Client) -> None:
    client.post("/echo/canary-in-path?token=canary-in-query", headers={"x-secret": "canary-in-header"})

    assert "POST /echo/{name} status=200" in app.log.text()
    assert "canary" not in app.log.text()


# ---------------------------------------------------------------- functions


def test_function_sees_its_template_environment_and_code_only(client: httpx.Client) -> None:
    facts = client.get("/echo").json()

    assert facts["environment"]["WHERE"] == f"us-east-1/{TABLE}/integration-hub-WorkQueue"
    assert str(APP.parents[4]) not in facts["path"]
    assert 0 < facts["remaining_ms"] <= 1000


def test_function_is_killed_when_its_time_is_over(app: Stack, client: httpx.Client) -> None:
    before = client.get("/echo").json()["pid"]

    answer = client.get("/echo", params={"do": "sleep"})

    assert answer.status_code == 500
    assert before not in app.worker_pids("Echo")
    assert client.get("/echo").status_code == 200


def test_function_starts_again_when_its_process_was_killed(
    app: Stack, client: httpx.Client, eventually: Eventually
) -> None:
    before = client.get("/echo").json()["pid"]
    for pid in app.worker_pids("Echo"):
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: not app.worker_pids("Echo"))

    after = client.get("/echo").json()["pid"]

    assert after != before


def test_invocation_fails_when_its_process_is_killed_meanwhile(app: Stack, eventually: Eventually) -> None:
    with ThreadPoolExecutor() as threads:
        invocation = threads.submit(app.invoke, "Worker", {"Records": [{"messageId": "m", "body": "hang"}]})
        eventually(lambda: "hang" in items(app))
        for pid in app.worker_pids("Worker"):
            os.kill(pid, signal.SIGKILL)

    with pytest.raises(FunctionFailed, match=r"Runtime\.ExitError"):
        invocation.result()
    assert app.invoke("Worker", {"Records": []}) == {"batchItemFailures": []}


# ---------------------------------------------------------------- queues, events, schedules


def test_message_that_failed_ends_in_the_dead_letter_queue_and_the_others_do_not(
    app: Stack, eventually: Eventually
) -> None:
    send(app, "good-1", "bad", "good-2")

    eventually(lambda: {"good-1", "good-2"} <= items(app))
    dead: list[str] = []
    eventually(lambda: received(app, "WorkDeadLetters", dead))
    assert dead == ["bad"]


def received(stack: Stack, name: str, bodies: list[str]) -> list[str]:
    messages = stack.aws("sqs").receive_message(QueueUrl=queue(stack, name)).get("Messages", [])
    bodies += [message["Body"] for message in messages]
    return bodies


def test_event_reaches_the_function_whose_pattern_matches(app: Stack, eventually: Eventually) -> None:
    entries = [
        {"Source": source, "DetailType": "told", "Detail": "{}", "EventBusName": "integration-hub-bus"}
        for source in ("stranger", "app")
    ]

    app.aws("events").put_events(Entries=entries)

    eventually(lambda: "app/told" in items(app))
    assert "stranger/told" not in items(app)


def test_schedule_ticks_when_it_is_fired(app: Stack) -> None:
    assert app.fire_schedule("Hourly") == "aws.scheduler/Scheduled Event"


# ---------------------------------------------------------------- state and faults


def test_state_survives_a_restart(tmp_path: Path, eventually: Eventually) -> None:
    with Stack(APP, tmp_path, queues=False) as first:
        put(first, "kept")
        send(first, "waiting")
        key = first.template.functions["Echo"].environment["KEY_ARN"]
        url = queue(first, "WorkQueue")
        first.aws("s3").put_object(Bucket="integration-hub-files", Key="a/b", Body=b"bytes")

    with Stack(APP, tmp_path) as second:
        assert "kept" in items(second)
        assert second.template.functions["Echo"].environment["KEY_ARN"] == key
        assert queue(second, "WorkQueue") == url
        assert second.aws("s3").get_object(Bucket="integration-hub-files", Key="a/b")["Body"].read() == b"bytes"
        eventually(lambda: "waiting" in items(second))


def test_template_that_changed_reaches_the_state_of_an_earlier_run(tmp_path: Path) -> None:
    app, state = tmp_path / "app", tmp_path / "state"
    shutil.copytree(APP.parent, app)
    with Stack(app / "template.yaml", state, queues=False) as first:
        put(first, "kept")
        assert expiry(first) == "DISABLED"

    change(app / "template.yaml", "    Type: AWS::DynamoDB::Table\n    Properties:\n", EXPIRES)
    change(app / "template.yaml", "        Happened:\n", "        Renamed:\n")
    with Stack(app / "template.yaml", state, queues=False) as second:
        rules = second.aws("events").list_rules(EventBusName="integration-hub-bus")["Rules"]
        assert expiry(second) == "ENABLED"
        assert [rule["Name"] for rule in rules] == ["integration-hub-Listener-Renamed"]
        assert "kept" in items(second)


EXPIRES = (
    "    Type: AWS::DynamoDB::Table\n    Properties:\n"
    "      TimeToLiveSpecification: { AttributeName: expires, Enabled: true }\n"
)


def change(path: Path, old: str, new: str) -> None:
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def expiry(stack: Stack) -> str:
    found = stack.aws("dynamodb").describe_time_to_live(TableName=TABLE)["TimeToLiveDescription"]
    return str(found["TimeToLiveStatus"])


def test_power_cut_loses_nothing_that_is_older_than_a_few_seconds(tmp_path: Path, eventually: Eventually) -> None:
    snapshot = tmp_path / "aws" / "snapshot.json"
    with Stack(APP, tmp_path, queues=False) as first:
        put(first, "kept")
        eventually(lambda: snapshot.exists() and "kept" in snapshot.read_text(), within_s=5)
        first.cloud.kill()

    with Stack(APP, tmp_path, queues=False) as second:
        assert "kept" in items(second)


def test_faults_meet_the_functions_and_never_the_stack_itself(tmp_path: Path) -> None:
    retry_nothing = {"AWS_MAX_ATTEMPTS": "1"}
    with Stack(APP, tmp_path, faults=0.5, faults_seed=1, queues=False, env_overrides={"Echo": retry_nothing}) as faulty:
        with pytest.raises(FunctionFailed, match="InternalServerError"):
            faulty.invoke("Echo", {"queryStringParameters": {"do": "put"}})
        for number in range(30):
            put(faulty, f"own-{number}")

        faulty.inject_faults(0)

        assert faulty.invoke("Echo", {"queryStringParameters": {"do": "put"}}) == {"statusCode": 204}
        assert faulty.aws_calls()["PutItem"] > 20


def test_half_of_the_faults_come_after_the_call_took_effect(tmp_path: Path) -> None:
    retry_nothing = {"AWS_MAX_ATTEMPTS": "1"}
    failed = 0
    with Stack(APP, tmp_path, faults=1.0, faults_seed=7, queues=False, env_overrides={"*": retry_nothing}) as faulty:
        for number in range(20):
            with pytest.raises(FunctionFailed):
                faulty.invoke("Worker", {"Records": [{"messageId": "m", "body": f"try-{number}"}]})
            failed += 1
        written = items(faulty)

    assert failed == 20
    assert 3 <= len(written) <= 17


# ---------------------------------------------------------------- starting and stopping


def test_second_stack_on_the_same_state_is_refused(app: Stack) -> None:
    with pytest.raises(StackError, match="Another stack is running"):
        Stack(APP, app.state_dir).start()


def test_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(StackError, match=f"Port {port} is taken"):
            Stack(APP, tmp_path, port=port).start()


def test_stack_that_cannot_start_leaves_nothing_running(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match="no parameter Nonsense"):
        Stack(APP, tmp_path, parameters={"Nonsense": "1"}).start()

    with Stack(APP, tmp_path, queues=False) as stack:
        assert httpx.post(f"{stack.url}/open").status_code == 200


def test_other_commands_find_a_running_stack_only(tmp_path: Path) -> None:
    with Stack(APP, tmp_path, queues=False) as stack:
        found = running(tmp_path)
        assert found
        assert found.url == stack.url

    assert running(tmp_path) is None


def test_children_end_when_the_stack_is_killed(tmp_path: Path, eventually: Eventually) -> None:
    program = (
        "import sys; from pathlib import Path; from local.stack import Stack\n"
        f"stack = Stack(Path({str(APP)!r}), Path({str(tmp_path)!r})).start()\n"
        "stack.invoke('Echo', {})\n"
        "print(stack.cloud.process.pid, *stack.worker_pids('Echo'), flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=Path(__file__).parents[2], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        parent.kill()

    assert len(pids) == 2
    eventually(lambda: not any(is_running(pid) for pid in pids))


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


# ---------------------------------------------------------------- the command line, with the real template

ROOT = Path(__file__).parents[2]
RUN = [sys.executable, "-m", "local", "run", "--state"]


def test_run_says_ready_first_and_ends_well_on_ctrl_c(tmp_path: Path) -> None:
    with subprocess.Popen([*RUN, str(tmp_path), "--port", "0"], cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout
        ready = json.loads(process.stdout.readline())
        health = httpx.get(f"{ready['url']}/healthz", timeout=35).status_code
        process.send_signal(signal.SIGINT)
        process.stdout.read()

    assert set(ready) == {"ready", "url", "console", "sandbox"}
    assert (ready["ready"], health, process.returncode) == (True, 200, 0)


def test_run_ends_with_one_line_when_the_port_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [*RUN, str(tmp_path), "--port", port]
        ended = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.splitlines() == [f"error: Port {port} is taken or not allowed: Address already in use"]
