"""Moves messages from queues into functions: the SQS event source mappings of the template."""

import json
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from local.batches import batch_event, failed_ids
from local.functions import FunctionFailed, PayloadTooLarge, Pool
from local.logs import Log
from local.resources import Clients
from local.template import QueueMapping

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

_WAIT_S = 1
_PAUSE_AFTER_ERROR_S = 1.0


@dataclass
class Pump:
    """One mapping: a thread that polls, and as many batches in progress as the function has processes."""

    mapping: QueueMapping
    pool: Pool
    clients: Clients
    log: Log
    _stopping: threading.Event = field(default_factory=threading.Event)
    _in_progress: dict[str, str] = field(default_factory=dict)

    def start(self) -> None:
        """Begin to poll."""
        name = self.mapping.queue_arn.rsplit(":", 1)[1]
        self._queue_url = self.clients.sqs.get_queue_url(QueueName=name)["QueueUrl"]
        self._free = threading.Semaphore(self.pool.limit)
        self._batches = ThreadPoolExecutor(self.pool.limit, f"batch-{self.mapping.name}")
        self._poller = threading.Thread(target=self._poll, name=f"poll-{self.mapping.name}", daemon=True)
        self._poller.start()

    def stop_polling(self) -> None:
        """Take no more messages; batches in progress go on."""
        self._stopping.set()

    def stop(self) -> None:
        """Wait for the end of all batches and make unfinished messages visible at once.

        The pool must be stopped first, otherwise this waits as long as the function runs.
        """
        self.stop_polling()
        self._poller.join()
        self._batches.shutdown(wait=True)

    def _poll(self) -> None:
        while not self._stopping.is_set():
            self._free.acquire()
            messages = self._receive()
            if messages:
                self._batches.submit(self._process, messages)
            else:
                self._free.release()

    def _receive(self) -> Sequence["MessageTypeDef"]:
        if self._stopping.is_set():
            return []
        try:
            return self.clients.sqs.receive_message(
                QueueUrl=self._queue_url,
                MaxNumberOfMessages=min(self.mapping.batch_size, 10),
                WaitTimeSeconds=_WAIT_S,
                AttributeNames=["All"],
                MessageAttributeNames=["All"],
            ).get("Messages", [])
        except (BotoCoreError, ClientError) as error:
            self.log.line("queue cannot be read", queue=self.mapping.name, error=type(error).__name__)
            self._stopping.wait(_PAUSE_AFTER_ERROR_S)
            return []

    def _process(self, messages: Sequence["MessageTypeDef"]) -> None:
        started = time.monotonic()
        try:
            failed = self._invoke(messages)
            self._settle(messages, failed)
        except (BotoCoreError, ClientError) as error:
            failed = {message["MessageId"] for message in messages}
            self.log.line("messages cannot be deleted", queue=self.mapping.name, error=type(error).__name__)
        finally:
            self._free.release()
        self.log.line(
            f"queue {self.mapping.name} -> {self.mapping.function}",
            messages=len(messages),
            failed=len(failed),
            ms=round((time.monotonic() - started) * 1000),
        )

    def _invoke(self, messages: Sequence["MessageTypeDef"]) -> set[str]:
        ids = [message["MessageId"] for message in messages]
        event = (
            json.loads(messages[0]["Body"]) if self.mapping.unwrap else batch_event(messages, self.mapping.queue_arn)
        )
        try:
            result = self.pool.invoke(event)
        except (FunctionFailed, PayloadTooLarge):
            return set(ids)
        return failed_ids(result, ids) if self.mapping.partial_failures else set()

    def _settle(self, messages: Sequence["MessageTypeDef"], failed: set[str]) -> None:
        """Delete what succeeded. What failed stays invisible for its time-out, except when the stack is stopping."""
        done = [message for message in messages if message["MessageId"] not in failed]
        if done:
            self.clients.sqs.delete_message_batch(
                QueueUrl=self._queue_url,
                Entries=[{"Id": str(i), "ReceiptHandle": each["ReceiptHandle"]} for i, each in enumerate(done)],
            )
        if self._stopping.is_set():
            for message in messages:
                if message["MessageId"] in failed:
                    self._release(message["ReceiptHandle"])

    def _release(self, receipt_handle: str) -> None:
        self.clients.sqs.change_message_visibility(
            QueueUrl=self._queue_url, ReceiptHandle=receipt_handle, VisibilityTimeout=0
        )
