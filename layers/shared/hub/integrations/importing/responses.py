"""What an answer becomes: the response mapping and the pagination, guessed and told to be guesses."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hub.connector.response_config import LONGEST_PATH
from hub.integrations.importing.answers import Answer, Answers
from hub.integrations.importing.names import step
from hub.integrations.importing.pagination import Guess, Parameter, guess
from hub.integrations.importing.warnings import Place, Warnings

Json = dict[str, Any]

PLAIN_IDENTIFIER = "id"


@dataclass(frozen=True)
class Asked:
    """What the request says of its answer: `is_one` that it names one record, `is_read` that it changes nothing.

    `document_type` names its records, `params` are its query parameters, `headers` those of the answer.
    """

    is_one: bool
    is_read: bool
    document_type: str | None
    params: Sequence[Parameter] = ()
    headers: Sequence[str] = ()


@dataclass(frozen=True)
class Mapped:
    mapping: Json
    pages: Guess | None


class ResponseReader:
    """Maps answers; without field mappings each record is the document as it comes."""

    def __init__(self, answers: Answers, warnings: Warnings) -> None:
        self._answers = answers
        self._warnings = warnings

    def read(self, schema: Any, where: Place | str, asked: Asked) -> Mapped:
        """Return the mapping of an answer and how it is paged."""
        place = (where,) if isinstance(where, str) else where
        answer = self._answers.read(schema, place, asked.is_one)
        pages = None
        if asked.is_read and (answer.is_list or not asked.is_one):
            pages = guess(asked.params, answer, self._answers, asked.headers, place)
        if pages:
            self._warnings.add(where, f"the pagination ({pages.config['type']}) is guessed: test it")
        if asked.is_read and answer.identifier is None and answer.root.kind:
            self._warnings.add(where, f"no field seems to identify a record; {PLAIN_IDENTIFIER!r} was taken: test it")
        return Mapped(_mapping(answer, asked.document_type), pages)


def _mapping(answer: Answer, document_type: str | None) -> Json:
    path = answer.data_path if len(answer.data_path) <= LONGEST_PATH else "$"
    mapping: Json = {"dataPath": path, "identifierField": _identifier(answer.identifier or PLAIN_IDENTIFIER)}
    return {**mapping, "targetShardTypeId": document_type} if document_type else mapping


def _identifier(name: str) -> str:
    path = step(name)
    return name if path == f".{name}" else f"${path}"
