"""Keeps the state of the embedded AWS in one file, all services as they were at one moment."""

import asyncio
import importlib
import json
import os
import time
from pathlib import Path
from typing import Any

from ministack.core import persistence

_SERVICES = ("dynamodb", "sqs", "eventbridge", "kms", "s3")
_SAVE_EVERY_S = 2.0
_REST_PER_SAVE = 8.0  # a save that took 1 s is followed by 8 s without one


class Snapshots:
    """Loads the snapshot on start and writes a new one soon after each change.

    The services handle a call without pausing in it, so collecting all states without an `await` is one moment.
    """

    def __init__(self, path: Path, *, is_kept: bool = True) -> None:
        self._path = path
        self._is_kept = is_kept
        self._services: dict[str, Any] = {
            name: importlib.import_module(f"ministack.services.{name}") for name in _SERVICES
        }
        self._is_changed = False
        self._next_save = 0.0

    def load(self) -> None:
        """Restore what an earlier run saved, if there was one."""
        if not self._path.exists():
            return
        text = self._path.read_text(encoding="utf-8")
        states = json.loads(text, object_hook=persistence._json_object_hook)
        for name, state in states.items():
            self._services[name].load_persisted_state(state)

    def mark_changed(self) -> None:
        """Note that something is worth saving."""
        self._is_changed = self._is_kept

    async def keep_saving(self) -> None:
        """Save whenever something changed, without spending more than about a tenth of the time on it."""
        while True:
            await asyncio.sleep(0.2)
            if self._is_changed and time.monotonic() >= self._next_save:
                await self._save_in_background()

    async def _save_in_background(self) -> None:
        started = time.monotonic()
        self._is_changed = False
        try:
            await asyncio.to_thread(self._write, self._collect())
        except RuntimeError:  # a background thread of ministack (TTL) changed a table meanwhile
            self._is_changed = True
        took_s = time.monotonic() - started
        self._next_save = time.monotonic() + max(_SAVE_EVERY_S, _REST_PER_SAVE * took_s)

    def save(self) -> None:
        """Write the snapshot now."""
        self._is_changed = False
        if self._is_kept:
            self._write(self._collect())

    def _collect(self) -> dict[str, Any]:
        return {name: service.get_state() for name, service in self._services.items()}

    def _write(self, states: dict[str, Any]) -> None:
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps(states, default=persistence._json_default), encoding="utf-8")
        os.replace(new, self._path)
