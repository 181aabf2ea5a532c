"""Every route is a row in the code and a line in the template, with the same access."""

import re
from collections import Counter, defaultdict
from functools import cache

from local.intrinsics import Json
from local.openapi import all_routes
from tests.rules.reading import functions, named, resources

_VARIABLE = re.compile(r"{(\w+)\+?}")
Line = tuple[str, str, bool]


@cache
def rows() -> frozenset[Line]:
    """Return (group, route key, whether it is public) of every row in the code."""
    return frozenset((group, route.key, route.access.public) for group, route in all_routes())


def lines(template: Json) -> list[Line]:
    """Return (group, route key, whether it is public) of every route line of the template."""
    return [
        (function.group, f"{event['Method'].upper()} {event['Path']}", _authorizer(event) == "NONE")
        for function in functions(template)
        for _, event in function.of_type("HttpApi")
    ]


def _authorizer(event: Json) -> str | None:
    return (event.get("Auth") or {}).get("Authorizer")


def routes(template: Json) -> list[str]:
    in_code = {(group, key): public for group, key, public in rows()}
    in_template = {(group, key): public for group, key, public in lines(template)}
    found = [f"{group}: {key} has no line in the template" for group, key in in_code.keys() - in_template.keys()]
    found += [f"{group}: {key} has no row in app.py" for group, key in in_template.keys() - in_code.keys()]
    return found + [
        f"{group}: {key} is {'public' if in_code[group, key] else 'closed'} in app.py, and not so in the template"
        for group, key in in_code.keys() & in_template.keys()
        if in_code[group, key] != in_template[group, key]
    ]


def one_line_per_route(template: Json) -> list[str]:
    counted = Counter(key for _, key, _ in lines(template))
    return [f"{key} stands {times} times in the template" for key, times in counted.items() if times > 1]


def path_variables(template: Json) -> list[str]:
    """API Gateway refuses siblings whose variables have different names."""
    names: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for _, key, _ in lines(template):
        parts = key.partition(" ")[2].split("/")
        for level, part in enumerate(parts):
            if variable := _VARIABLE.fullmatch(part):
                place = tuple(_VARIABLE.sub("{}", before) for before in parts[:level])
                names[place].add(variable[1])
    return [
        f"{'/'.join(place)}/ has variables of different names: {sorted(found)}"
        for place, found in names.items()
        if len(found) > 1
    ]


def one_api_with_an_authorizer(template: Json) -> list[str]:
    apis = resources(template, "AWS::Serverless::HttpApi")
    found = [
        f"{name}: no DefaultAuthorizer"
        for name, api in apis.items()
        if not (api.get("Auth") or {}).get("DefaultAuthorizer")
    ]
    return found + [
        f"{function.name}.{name}: ApiId does not name an API of the template"
        for function in functions(template)
        for name, event in function.of_type("HttpApi")
        if named(event.get("ApiId")) not in apis
    ]


RULES = (routes, one_line_per_route, path_variables, one_api_with_an_authorizer)
