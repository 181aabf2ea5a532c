"""What wakes each worker, and what a queue needs so that nothing is lost."""

from local.intrinsics import Json
from tests.rules.reading import Function, authorizers_of, functions, listed, named, resources

# Whatever is not HTTP and calls a function: a line that leaves the template leaves its work undone.
WAKES = {
    "SyncWorker": {"queue SyncQueue"},
    "EventRouter": {"queue EventQueue"},
    "DeliveryWorker": {"queue DeliveryQueue"},
    "InboundWorker": {"queue InboundQueue"},
    "ConnectionWorker": {"queue ConnectionQueue"},
    "Sweeper": {"schedule rate(1 minute)", "bus HubBus: scheduler.hourly"},
    "SyncScheduler": {"schedule rate(1 minute)", "bus HubBus: scheduler.hourly"},
}
API_GATEWAY_DEADLINE_S = 29
# No call to another system takes longer; a worker must live to record how it ended.
OUTBOUND_DEADLINE_S = 30
MAX_RECEIVES = 10
FOURTEEN_DAYS_S = 14 * 86_400


def wakes(template: Json) -> list[str]:
    found = []
    for function in functions(template):
        present = {_wake(event) for event in function.events.values()} - {""}
        expected = WAKES.get(function.name, set())
        found += [f"{function.name} is not woken by {wake}" for wake in sorted(expected - present)]
        found += [f"{function.name} is woken by {wake}, which WAKES lacks" for wake in sorted(present - expected)]
    return found


def unwoken(template: Json) -> list[str]:
    """What no event wakes is the authorizer, or is called by CloudFormation alone when the stack changes."""
    seeds, authorizers = _seeds(template), authorizers_of(template)
    found = []
    for function in functions(template):
        if not function.events and function.name not in seeds | authorizers:
            found.append(f"{function.name} is never called")
        if function.events and function.name in seeds:
            found.append(f"{function.name} is called by others than CloudFormation")
    return found


def _seeds(template: Json) -> set[str]:
    """Return the functions that a custom resource of the template calls."""
    made = resources(template, "AWS::CloudFormation::CustomResource").values()
    return {named(each.get("ServiceToken")) for each in made}


def _wake(event: Json) -> str:
    kind, properties = event["Type"], event.get("Properties") or {}
    if kind == "SQS":
        return f"queue {named(properties['Queue'])}"
    if kind == "EventBridgeRule":
        pattern = properties.get("Pattern") or {}
        return f"bus {named(properties.get('EventBusName'))}: {' '.join(pattern.get('detail-type') or [])}"
    if kind in ("Schedule", "ScheduleV2"):
        return f"schedule {properties.get('ScheduleExpression') or properties.get('Schedule')}"
    return "" if kind == "HttpApi" else kind


def time_outs(template: Json) -> list[str]:
    """API Gateway stops waiting after 29 s; a worker that calls out must outlive the call."""
    found = []
    for function in functions(template):
        if any(function.of_type("HttpApi")) and function.timeout_s > API_GATEWAY_DEADLINE_S:
            found.append(f"{function.name} answers HTTP but may take {function.timeout_s} s")
        if any(function.of_type("SQS")) and function.timeout_s <= OUTBOUND_DEADLINE_S:
            found.append(f"{function.name} may end after {function.timeout_s} s, before the call it makes")
    return found


def partial_failures(template: Json) -> list[str]:
    return [
        f"{function.name}.{name} does not report partial failures"
        for function in functions(template)
        for name, event in function.of_type("SQS")
        if "ReportBatchItemFailures" not in (event.get("FunctionResponseTypes") or [])
    ]


def consumed_queues(template: Json) -> list[str]:
    queues = resources(template, "AWS::SQS::Queue")
    return [
        fault
        for function in functions(template)
        for _, event in function.of_type("SQS")
        for fault in _queue_faults(queues, named(event["Queue"]), function)
    ]


def _queue_faults(queues: dict[str, Json], name: str, function: Function) -> list[str]:
    if name not in queues:
        return [f"{function.name} reads {name or 'a queue'} that the template does not make"]
    found = []
    redrive = queues[name].get("RedrivePolicy") or {}
    if named(redrive.get("deadLetterTargetArn")) not in queues.keys() - {name}:
        found.append(f"{name} has no dead letter queue")
    if redrive.get("maxReceiveCount") != MAX_RECEIVES:
        found.append(f"{name}: maxReceiveCount is not {MAX_RECEIVES}")
    if queues[name].get("VisibilityTimeout") != 6 * function.timeout_s:
        found.append(f"{name}: VisibilityTimeout is not 6 x the {function.timeout_s} s of {function.name}")
    return found


def every_queue(template: Json) -> list[str]:
    """A queue is read by one function or keeps what that one could not do."""
    queues = resources(template, "AWS::SQS::Queue")
    used = [named((queue.get("RedrivePolicy") or {}).get("deadLetterTargetArn")) for queue in queues.values()]
    for function in functions(template):
        used += [named(event["Queue"]) for _, event in function.of_type("SQS")]
    found = [f"{name} is read {used.count(name)} times" for name in queues if used.count(name) != 1]
    for name, queue in queues.items():
        if queue.get("MessageRetentionPeriod") != FOURTEEN_DAYS_S:
            found.append(f"{name} does not keep messages for 14 days")
        if queue.get("SqsManagedSseEnabled") is not True:
            found.append(f"{name} is not encrypted")
    return found


def bus_rules(template: Json) -> list[str]:
    buses = resources(template, "AWS::Events::EventBus")
    return [
        f"{function.name}.{name} listens to a bus that the template does not make"
        for function in functions(template)
        for name, event in function.of_type("EventBridgeRule")
        for bus in listed(event.get("EventBusName"))
        if named(bus) not in buses
    ]


def bus_targets(template: Json) -> list[str]:
    """What a rule of the bus hands to a queue must be let in, and kept where the queue does not take it."""
    found = []
    for name, rule in resources(template, "AWS::Events::Rule").items():
        if named(rule.get("EventBusName")) not in resources(template, "AWS::Events::EventBus"):
            found.append(f"{name} listens to a bus that the template does not make")
        for target in rule.get("Targets") or []:
            wanted = {named(target.get("Arn")), named((target.get("DeadLetterConfig") or {}).get("Arn"))}
            if not wanted <= resources(template, "AWS::SQS::Queue").keys():
                found.append(f"{name}: {target.get('Id')} has no queue, or none for what it does not take")
            found += [f"{name} may not send to {queue}" for queue in sorted(wanted - _let_in(template, name))]
    return found


def _let_in(template: Json, rule: str) -> set[str]:
    """Return the queues whose policy lets the bus send for this rule."""
    return {
        named(resource)
        for policy in resources(template, "AWS::SQS::QueuePolicy").values()
        for statement in listed(policy["PolicyDocument"]["Statement"])
        if statement.get("Action") == "sqs:SendMessage" and _source_of(statement) == rule
        for resource in listed(statement.get("Resource"))
        if named(resource) in {named(queue) for queue in policy["Queues"]}
    }


def _source_of(statement: Json) -> str:
    return named((statement.get("Condition") or {}).get("ArnEquals", {}).get("aws:SourceArn"))


def queue_policies(template: Json) -> list[str]:
    """Only the bus is let in, and only for a rule of its own."""
    return [
        f"{name} lets in more than the bus"
        for name, policy in resources(template, "AWS::SQS::QueuePolicy").items()
        for statement in listed(policy["PolicyDocument"]["Statement"])
        if statement.get("Principal") != {"Service": "events.amazonaws.com"} or not _source_of(statement)
    ]


RULES = (
    wakes,
    unwoken,
    time_outs,
    partial_failures,
    consumed_queues,
    every_queue,
    bus_rules,
    bus_targets,
    queue_policies,
)
