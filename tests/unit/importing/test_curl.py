"""cURL commands: read as the shell and curl read them, their secrets put where secrets belong."""

import base64
import json
from typing import Any

import pytest

from hub.core.errors import BadDefinition
from hub.integrations.importing.shell import commands
from hub.integrations.importing.warnings import Warnings
from tests.unit.importing.sources import Json, imported, messages, only

SECRET = "s3cr3t-0123456789-canary"
AWAITED = "{{encrypted:****}}"
URL = "https://api.example.com/v1/contacts"


def refusal(text: str) -> str:
    with pytest.raises(BadDefinition) as error:
        imported(curl=text)
    assert error.value.problems[0].pointer == "/curl"
    return error.value.problems[0].message


def everything(made: Any) -> str:
    """Return all that is answered and stored readable of an import."""
    return json.dumps([made.shown(), made.warnings, {**made.definition, "auth": None}])


# ---------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("curl a b", ["curl", "a", "b"]),
        ("curl 'a b' \"c d\" e\\ f", ["curl", "a b", "c d", "e f"]),
        ('curl "a\\"b\\$c\\\\d\\e"', ["curl", 'a"b$c\\d\\e']),
        ("curl 'a'\\''b'", ["curl", "a'b"]),
        ("curl a\\\n  b \\\r\n c", ["curl", "a", "b", "c"]),
        ("curl $'a\\n\\x41\\u00e9\\'\\101\\\\'", ["curl", "a\nAé'A\\"]),
        ("curl $'\\ud83d\\ude00'", ["curl", "😀"]),
        ("curl $HOME/\"$X\"'$Y'", ["curl", "$HOME/$X$Y"]),
        ("curl a # b c", ["curl", "a"]),
        ("curl a#b", ["curl", "a#b"]),
        ("curl https://a/?b=1&c=2", ["curl", "https://a/?b=1&c=2"]),
        ("curl ''", ["curl", ""]),
        ('curl ^"https://a^" ^\n  -H ^"b: c^"', ["curl", "https://a", "-H", "b: c"]),
    ],
)
def test_text_is_split_as_a_shell_does(text: str, words: list[str]) -> None:
    assert [[word.text for word in command] for command in commands(text, Warnings())] == [words]


@pytest.mark.parametrize("divider", ["\n", " ; ", " && ", "\n\n# and then\n", " &\n"])
def test_commands_are_divided_as_in_a_shell(divider: str) -> None:
    found = commands(f"curl a{divider}curl b", Warnings())

    assert [[word.text for word in command] for command in found] == [["curl", "a"], ["curl", "b"]]


def test_what_follows_a_pipe_is_not_read_and_told() -> None:
    made = imported(curl=f"curl {URL} | tee {URL}/leak > out.json\ncurl {URL}/1 2>&1")

    assert [each["path"] for each in made.definition["endpoints"]] == ["/contacts", "/contacts/1"]
    assert "what follows a pipe" in messages(made, "line 1")


# ---------------------------------------------------------------- requests


def test_command_becomes_an_endpoint() -> None:
    made = imported(curl=f"curl -sSL '{URL}?page=1&per_page=50&active=true' -H 'X-Version: 3' --max-time 12")

    assert (made.definition["baseUrl"], made.definition["name"]) == ("https://api.example.com/v1", "api-example-com")
    assert only(made) == {
        "id": "get-contacts",
        "name": "GET /contacts",
        "method": "GET",
        "path": "/contacts",
        "queryParams": [{"name": "active", "type": "boolean", "default": True}],
        "headers": {"X-Version": "3"},
        "responseMapping": {"dataPath": "$", "identifierField": "id", "targetShardTypeId": "contacts"},
        "pagination": {"type": "page", "pageParam": "page", "pageSizeParam": "per_page", "maxLimit": 50},
        "timeout": 12000,
    }
    assert "redirects are not followed" in messages(made, "line 1")
    assert "the answer is not known" in messages(made, "line 1")


@pytest.mark.parametrize(
    ("options", "method"),
    [
        ("", "GET"),
        ("-XDELETE", "DELETE"),
        ("--request PATCH -d a=1", "PATCH"),
        ("-d a=1", "POST"),
        ("--json '{}'", "POST"),
        ("-F a=1", "POST"),
        ("-G -d a=1", "GET"),
        ("-I", "GET"),
        ("-X PURGE", "GET"),
    ],
)
def test_method_is_the_one_that_curl_would_take(options: str, method: str) -> None:
    assert only(imported(curl=f"curl {options} {URL}"))["method"] == method


@pytest.mark.parametrize(
    ("options", "body"),
    [
        (
            "-d 'a=1' -d 'b=x y'",
            {"contentType": "application/x-www-form-urlencoded", "bodyType": "template", "template": "a=1&b=x%20y"},
        ),
        (
            "--data-urlencode 'a=x&y' --data-urlencode '=z'",
            {"contentType": "application/x-www-form-urlencoded", "bodyType": "template", "template": "a=x%26y&z="},
        ),
        ("--json '{\"a\":1}'", {"contentType": "application/json", "bodyType": "raw", "raw": '{"a":1}'}),
        (
            "-H \"content-type: application/json; charset=utf-8\" --data-raw '@home' --data-raw 1",
            {"contentType": "application/json", "bodyType": "template", "template": "{{body}}"},
        ),
        ("-d '{\"a\": 1}'", {"contentType": "application/json", "bodyType": "raw", "raw": '{"a": 1}'}),
        ("-H 'content-type: text/xml' -d '<a/>'", {"contentType": "text/plain", "bodyType": "raw", "raw": "<a/>"}),
        (
            '--json \'{"a": "{{name}}"}\'',
            {"contentType": "application/json", "bodyType": "template", "template": '{"a": "{{name}}"}'},
        ),
        (
            "-F a=1 -F 'f=@x.png' -F 'n=2;type=text/plain'",
            {
                "contentType": "multipart/form-data",
                "bodyType": "schema",
                "schema": {
                    "type": "object",
                    "properties": {
                        "a": {"type": "string", "source": "static", "value": "1"},
                        "f": {"type": "string", "filename": "f"},
                        "n": {"type": "string", "source": "static", "value": "2"},
                    },
                },
            },
        ),
    ],
)
def test_body_is_sent_as_the_command_sends_it(options: str, body: Json) -> None:
    assert only(imported(curl=f"curl {URL} {options}"))["body"] == body


def test_data_of_a_get_goes_into_the_query() -> None:
    made = only(imported(curl=f"curl -G {URL} -d status=open --data-urlencode 'name=a b' --url-query x=1"))

    assert made["queryParams"] == [
        {"name": "x", "type": "number", "default": 1},
        {"name": "status", "type": "string", "default": "open"},
        {"name": "name", "type": "string", "default": "a b"},
    ]


@pytest.mark.parametrize("options", ["-d @body.json", "--json @b", "-H @headers", "--data-urlencode a@b", "-b jar.txt"])
def test_file_is_refused(options: str) -> None:
    assert "files are not read" in refusal(f"curl {URL} {options}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "found none"),
        ("wget https://x", "begins with curl"),
        ("curl", "expected a URL"),
        ("curl 'https://x", "to be closed"),
        ("\n\ncurl -H", "line 3: expected a value after --header"),
        ("curl ftp://x/y", "begins with https://"),
        ("curl https://[::1", "begins with https://"),
        ("curl -o file", "expected a URL"),
    ],
)
def test_text_that_is_no_command_is_refused_with_the_reason(text: str, said: str) -> None:
    assert said in refusal(text)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("-k", "certificates are always checked"),
        ("--proxy http://p", "without a proxy"),
        ("--cert x.pem", "client certificates"),
        ("--digest", "digest"),
        ("--frobnicate", "--frobnicate is not known"),
        ("--sk-1234567890", "an option is not known"),
        ("-I", "GET was taken"),
    ],
)
def test_option_without_a_word_in_the_format_is_told(option: str, said: str) -> None:
    assert said in messages(imported(curl=f"curl {option} {URL}"), "line 1")


def test_value_of_an_unknown_option_is_not_repeated() -> None:
    made = imported(curl=f"curl --frobnicate {SECRET} {URL}")

    assert "a word that is no URL was left out" in messages(made)
    assert SECRET not in everything(made)


def test_headers_of_a_browser_are_left_out() -> None:
    made = imported(
        curl=f"curl {URL} -H 'accept: */*' -H 'user-agent: Mozilla/5.0' -H 'sec-ch-ua: x' -H 'origin: https://x'"
        " -H 'accept-language: de' -H 'X-Client: web' --compressed"
    )

    assert only(made)["headers"] == {"X-Client": "web"}


def test_kind_of_json_with_a_name_of_its_own_is_kept_as_a_header() -> None:
    made = only(imported(curl=f"curl {URL} -H 'Content-Type: application/vnd.api+json' -d '{{}}'"))

    assert made["body"]["contentType"] == "application/json"
    assert made["headers"] == {"Content-Type": "application/vnd.api+json"}


def test_part_of_a_path_that_the_reader_fills_in_becomes_a_parameter() -> None:
    made = only(imported(curl="curl 'https://api.example.com/users/$USER_ID/orders/{order}/:line/<kind of>'"))

    assert made["path"] == "/users/{USER_ID}/orders/{order}/{line}/{kind_of}"
    assert [each["name"] for each in made["pathParams"]] == ["USER_ID", "order", "line", "kind_of"]


def test_number_in_a_path_stays_unless_other_commands_differ_there() -> None:
    one = imported(curl=f"curl {URL}/17")
    two = imported(curl=f"curl {URL}/17\ncurl {URL}/18")

    assert only(one)["path"] == "/contacts/17"
    assert "looks like an id" in messages(one)
    assert only(two)["path"] == "/contacts/{contactId}"


def test_most_frequent_host_wins() -> None:
    made = imported(
        curl=f"curl https://cdn.example.net/a\ncurl {URL}\ncurl {URL}/x --next https://api.example.com/v1/y"
    )

    assert [each["path"] for each in made.definition["endpoints"]] == ["/contacts", "/contacts/x", "/y"]
    assert "another host" in messages(made, "line 1")


def test_endpoints_and_names_can_be_chosen() -> None:
    made = imported(
        curl=f"curl {URL}\ncurl -XPOST {URL}",
        endpoints=["post-contacts"],
        name="mine",
        displayName="Mine",
        baseUrl="https://other.example.com",
    )

    assert only(made)["method"] == "POST"
    named = {name: made.definition[name] for name in ("name", "displayName", "baseUrl")}
    assert named == {"name": "mine", "displayName": "Mine", "baseUrl": "https://other.example.com"}


# ---------------------------------------------------------------- secrets


def basic(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("options", "auth"),
    [
        (f"-H 'Authorization: Bearer {SECRET}'", {"type": "bearer", "token": SECRET}),
        (f"-H 'authorization: bearer {SECRET}'", {"type": "bearer", "token": SECRET}),
        (f"--oauth2-bearer {SECRET}", {"type": "bearer", "token": SECRET}),
        (f"-u ann:{SECRET}", {"type": "basic", "username": "ann", "password": SECRET}),
        (
            f"-u {SECRET}:",
            {"type": "custom_headers", "headers": {"Authorization": f"Basic {basic(f'{SECRET}:')}"}},
        ),
        (
            f"-u {SECRET}:x-oauth-basic",
            {"type": "custom_headers", "headers": {"Authorization": f"Basic {basic(f'{SECRET}:x-oauth-basic')}"}},
        ),
        ("-u ann", {"type": "basic", "username": "ann", "password": AWAITED}),
        (
            f"-H 'Authorization: Basic {basic(f'ann:{SECRET}')}'",
            {"type": "basic", "username": "ann", "password": SECRET},
        ),
        (
            f"-H 'Authorization: Token {SECRET}'",
            {"type": "custom_headers", "headers": {"Authorization": f"Token {SECRET}"}},
        ),
        (
            f"-H 'X-API-Key: {SECRET}'",
            {"type": "api_key", "keyName": "X-API-Key", "keyLocation": "header", "keyValue": SECRET},
        ),
        (
            f"-H 'X-Odd: {SECRET}'",
            {"type": "api_key", "keyName": "X-Odd", "keyLocation": "header", "keyValue": SECRET},
        ),
        (
            f"-H 'X-App: 1' -H 'X-App-Key: {SECRET}' -H 'X-Auth: {SECRET}'",
            {"type": "custom_headers", "headers": {"X-App-Key": SECRET, "X-Auth": SECRET}},
        ),
        (
            f"-b 'sid={SECRET}'",
            {"type": "api_key", "keyName": "Cookie", "keyLocation": "header", "keyValue": f"sid={SECRET}"},
        ),
        (
            f"-G -d api_key={SECRET}",
            {"type": "api_key", "keyName": "api_key", "keyLocation": "query", "keyValue": SECRET},
        ),
        ("-H 'Authorization: Bearer $TOKEN'", {"type": "bearer", "token": AWAITED}),
        ('-H "Authorization: Bearer ${API_TOKEN}"', {"type": "bearer", "token": AWAITED}),
        ("-H 'Authorization: Bearer <token>'", {"type": "bearer", "token": AWAITED}),
        ("-H 'Authorization: Bearer {{token}}'", {"type": "bearer", "token": AWAITED}),
        ("-H 'Authorization: Bearer {{encrypted:abc}}'", {"type": "bearer", "token": AWAITED}),
        ("-H 'Authorization: Bearer YOUR_TOKEN'", {"type": "bearer", "token": AWAITED}),
        (
            "-H 'X-API-Key: your-api-key'",
            {"type": "api_key", "keyName": "X-API-Key", "keyLocation": "header", "keyValue": AWAITED},
        ),
        ("", {"type": "none"}),
    ],
)
def test_credentials_become_auth(options: str, auth: Json) -> None:
    made = imported(curl=f"curl {options} {URL}")

    assert made.definition["auth"] == auth
    assert bool(made.awaited) == (AWAITED in json.dumps(auth))
    assert SECRET not in everything(made)


@pytest.mark.parametrize("options", [f"-H 'X-Odd: {SECRET}'", f"-G -d api_key={SECRET}", f"-G -d odd={SECRET}"])
def test_credential_is_sent_by_auth_alone(options: str) -> None:
    sent = only(imported(curl=f"curl {options} {URL}"))

    assert {"headers", "queryParams"}.isdisjoint(sent)


def test_secret_inside_a_longer_text_is_taken_out() -> None:
    made = imported(curl=f'curl {URL} -u ann:tulip-garden --json \'{{"note": "ask for the tulip-garden, please"}}\'')

    assert only(made)["body"]["raw"] == '{"note": "ask for the ****, please"}'
    assert "also stood outside of auth" in messages(made)


def test_secret_that_is_also_in_the_path_is_taken_out_there() -> None:
    made = imported(curl=f"curl {URL}/{SECRET} -H 'Authorization: Bearer {SECRET}'")

    assert only(made)["path"] == "/contacts/****"
    assert SECRET not in everything(made)


def test_user_and_password_of_a_url_become_auth() -> None:
    made = imported(curl=f"curl https://ann:{SECRET}@api.example.com/x")

    assert made.definition["auth"] == {"type": "basic", "username": "ann", "password": SECRET}
    assert made.definition["baseUrl"] == "https://api.example.com"
    assert SECRET not in everything(made)


@pytest.mark.parametrize(
    "options",
    [
        f'--json \'{{"user": "ann", "password": "{SECRET}"}}\'',
        f'--json \'{{"deep": [{{"api_key": "{SECRET}"}}]}}\'',
        f"-d 'grant_type=client_credentials&client_secret={SECRET}'",
        f"-F 'token={SECRET}'",
        f"-H 'content-type: text/xml' -d '<password>{SECRET}</password>'",
        f'--json \'{{"query": "mutation {{ login(password: \\"{SECRET}\\") }}"}}\'',
        f"-H 'Authorization: Bearer {SECRET}' -d 'note={SECRET}'",
        f"-H 'Authorization: Bearer {SECRET}' -H 'X-Copy: Bearer {SECRET}' -G -d access_token={SECRET}",
        f"-H 'X-Thing: eyJhbGciOiJIUzI1NiJ9.{SECRET}.x'",
    ],
)
def test_secret_elsewhere_in_a_request_is_not_kept_readable(options: str) -> None:
    made = imported(curl=f"curl {URL} {options}")

    assert SECRET not in everything(made)


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        (f"bot123456:{SECRET}-{SECRET}/getMe", "/bot{token}/getMe"),
        (f"hooks/eyJhbGciOiJIUzI1NiJ9.{SECRET}", "/hooks/{token}"),
    ],
)
def test_token_in_a_path_becomes_a_path_parameter(path: str, kept: str) -> None:
    made = imported(curl=f"curl https://api.example.com/{path}")

    assert only(made)["path"] == kept
    assert SECRET not in everything(made)


@pytest.mark.parametrize(
    "query",
    ["page_token=abcdefghij0123456789abcdef", "sort_key=name", "folderId=1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms"],
)
def test_ordinary_parameter_is_no_secret(query: str) -> None:
    """The control of the tests above: what only looks like a secret does not become auth."""
    assert imported(curl=f"curl '{URL}?{query}'").definition["auth"] == {"type": "none"}


def test_recorded_cursor_is_not_kept() -> None:
    made = imported(curl=f"curl '{URL}?after=NTI1Cg&limit=10'")

    assert [each["name"] for each in only(made)["queryParams"]] == ["limit"]
