"""What an endpoint answers and how the next page is found: S000's "Response Mapping" and "Pagination"."""

from typing import Any, Literal

from pydantic import Field

from hub.connector.strict import Strict
from hub.mapping.fields import FieldRule
from hub.mapping.lookups import DOCUMENT_TYPE
from hub.mapping.paths import MISSING

TYPE_PATTERN = DOCUMENT_TYPE
LONGEST_PATH = 1000


class Transform(Strict):
    type: Literal["direct", "concat", "split", "map", "date", "number", "boolean", "template", "expression", "lookup"]
    config: dict[str, Any] = Field(default={})


class FieldMapping(Strict):
    source: str = Field(max_length=LONGEST_PATH)
    target: str = Field(min_length=1, max_length=LONGEST_PATH)
    transform: Transform | None = None
    default: Any = None
    skip_if_empty: bool = False

    def rule(self) -> FieldRule:
        return FieldRule(
            source=self.source,
            target=self.target,
            transform=self.transform.type if self.transform else "direct",
            config=self.transform.config if self.transform else {},
            default=self.default if "default" in self.model_fields_set else MISSING,
            skip_if_empty=self.skip_if_empty,
        )


class MetadataMapping(Strict):
    total_count: str | None = Field(default=None, max_length=LONGEST_PATH)
    page_info: str | None = Field(default=None, max_length=LONGEST_PATH)


class ResponseMapping(Strict):
    """Without `field_mappings` a record becomes the document as it is; only what is not read has no `data_path`."""

    data_path: str | None = Field(default=None, max_length=LONGEST_PATH)
    key_field: str | None = Field(default=None, min_length=1, max_length=200)
    field_mappings: list[FieldMapping] = Field(default=[], max_length=500)
    target_shard_type_id: str | None = Field(default=None, pattern=TYPE_PATTERN)
    identifier_field: str | None = Field(default=None, min_length=1, max_length=LONGEST_PATH)
    error_path: str | None = Field(default=None, max_length=LONGEST_PATH)
    metadata_mapping: MetadataMapping | None = None


class EndCondition(Strict):
    type: Literal[
        "empty_array", "count_less_than_limit", "cursor_null", "has_more_field", "done_field", "total_reached"
    ]
    field: str | None = Field(default=None, max_length=LONGEST_PATH)


class Pagination(Strict):
    """`location` is where the parameters go; in a body a name may be a path such as `$.page.cursor`.

    With `next_path`, which is put behind the path, the pages after the first are asked for with the cursor alone.
    """

    type: Literal["offset", "cursor", "page", "link"]
    location: Literal["query", "header", "body"] = "query"
    offset_param: str | None = Field(default=None, min_length=1, max_length=200)
    limit_param: str | None = Field(default=None, min_length=1, max_length=200)
    max_limit: int | None = Field(default=None, ge=1, le=100_000)
    cursor_param: str | None = Field(default=None, min_length=1, max_length=200)
    cursor_path: str | None = Field(default=None, max_length=LONGEST_PATH)
    page_param: str | None = Field(default=None, min_length=1, max_length=200)
    page_size_param: str | None = Field(default=None, min_length=1, max_length=200)
    next_link_path: str | None = Field(default=None, max_length=LONGEST_PATH)
    next_path: str | None = Field(default=None, pattern=r"^/[A-Za-z0-9._~/-]{1,199}$")
    end_condition: EndCondition | None = None
    max_pages: int | None = Field(default=None, ge=1, le=100_000)
