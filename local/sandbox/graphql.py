"""The GraphQL API: contacts and companies as Relay connections. Errors come in a 200, as GraphQL servers do."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from graphql import GraphQLError, GraphQLResolveInfo, GraphQLSchema, build_schema, graphql_sync

from local.sandbox.faults import drifted
from local.sandbox.listing import page_size, read_cursor, updated_since, window_after, write_cursor
from local.sandbox.messages import Json, Refusal, Request, Response, as_json
from local.sandbox.world import Row, Table, World

SDL = """
type Query {
  contacts(first: Int = 100, after: String, updatedSince: String): ContactConnection!
  companies(first: Int = 100, after: String, updatedSince: String): CompanyConnection!
  contact(id: ID!): Contact
  company(id: ID!): Company
}
type ContactConnection { edges: [ContactEdge!]! nodes: [Contact!]! pageInfo: PageInfo! totalCount: Int! }
type ContactEdge { node: Contact! cursor: String! }
type CompanyConnection { edges: [CompanyEdge!]! nodes: [Company!]! pageInfo: PageInfo! totalCount: Int! }
type CompanyEdge { node: Company! cursor: String! }
type PageInfo { hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String endCursor: String }
type Contact {
  id: ID! firstName: String lastName: String email: String phone: String jobTitle: String
  companyId: ID companyName: String company: Company status: Status source: String
  lifetimeValue: String currency: String newsletter: String tags: [String!]
  address: Address customFields: CustomFields createdAt: String! updatedAt: String!
}
type Company {
  id: ID! name: String domain: String industry: String employees: Int annualRevenue: String currency: String
  address: Address createdAt: String! updatedAt: String!
}
type Address { street: String city: String postalCode: String country: String }
type CustomFields { leadScore: Int region: String renewalDate: String }
enum Status { ACTIVE INACTIVE DELETED }
"""


class GraphQLServer:
    """The handler of `/graphql`: `{"query": ..., "variables": ..., "operationName": ...}`."""

    def __init__(self, world: World) -> None:
        self._world = world

    def answer(self, request: Request) -> Response:
        body = request.object()
        query, variables = body.get("query"), body.get("variables") or {}
        if not isinstance(query, str) or not isinstance(variables, dict):
            raise Refusal(400, "query must be a string, variables an object")
        result = graphql_sync(
            _schema(),
            query,
            root_value=Root(self._world, request),
            variable_values=variables,
            operation_name=body.get("operationName"),
            field_resolver=_field,
        )
        return as_json(result.formatted)


class Root:
    """Resolves the fields of Query."""

    def __init__(self, world: World, request: Request) -> None:
        self.world = world
        self._request = request

    def contacts(self, _info: GraphQLResolveInfo, **asked: Any) -> Json:
        return self._connection(self.world.contacts, asked)

    def companies(self, _info: GraphQLResolveInfo, **asked: Any) -> Json:
        return self._connection(self.world.companies, asked)

    def contact(self, _info: GraphQLResolveInfo, id: str) -> Json | None:
        return found(self.world.contacts, id)

    def company(self, _info: GraphQLResolveInfo, id: str) -> Json | None:
        return found(self.world.companies, id)

    def _connection(self, table: Table, asked: Json) -> Json:
        try:
            return self._page(table, asked)
        except Refusal as cause:
            raise GraphQLError(str(cause), extensions={"code": "BAD_USER_INPUT"}) from cause

    def _page(self, table: Table, asked: Json) -> Json:
        after, size = asked.get("after"), page_size({"first": str(asked["first"])}, "first")
        rows = table.rows(updated_since({"updated_since": asked.get("updatedSince") or ""}))
        window = window_after(self._request, rows, read_cursor(after)["after"] if after else None, size)
        edges = [{"node": self._node(row), "cursor": write_cursor(after=row.id)} for row in window.rows]
        return {
            "edges": edges,
            "nodes": [edge["node"] for edge in edges],
            "page_info": _page_info(edges, window.next_after, after),
            "total_count": len(rows),
        }

    def _node(self, row: Row) -> Json:
        return drifted(row.content) if "schema_drift" in self._request.faults else row.content


def found(table: Table, record_id: str | None) -> Json | None:
    """The record, or None."""
    try:
        return table.get(record_id or "")
    except KeyError:
        return None


def _page_info(edges: list[Json], next_after: str | None, after: str | None) -> Json:
    last = edges[-1]["cursor"] if edges else None
    return {
        "has_next_page": next_after is not None,
        "has_previous_page": after is not None,
        "start_cursor": edges[0]["cursor"] if edges else None,
        "end_cursor": write_cursor(after=next_after) if next_after else last,
    }


def _field(source: Any, info: GraphQLResolveInfo, **asked: Any) -> Any:
    """A field of a record, found under its snake_case name."""
    if isinstance(source, Root):
        return getattr(source, info.field_name)(info, **asked)
    if info.field_name == "company":
        return found(info.root_value.world.companies, source.get("company_id"))
    return source.get(_snake(info.field_name))


@cache
def _snake(name: str) -> str:
    return re.sub(r"([A-Z])", r"_\1", name).lower()


@cache
def _schema() -> GraphQLSchema:
    return build_schema(SDL)
