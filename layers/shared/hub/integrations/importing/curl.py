"""cURL commands, read as the shell and curl read them; no command is run, no file is opened.

Source: https://curl.se/docs/manpage.html
"""

import base64
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from hub.integrations.importing.credentials import AWAITED
from hub.integrations.importing.exchange import Exchange, Posted, parse_url
from hub.integrations.importing.shell import Word, commands
from hub.integrations.importing.warnings import Warnings, refused

FORM, JSON, MULTIPART = "application/x-www-form-urlencoded", "application/json", "multipart/form-data"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_SHORT = dict(
    pair.split("=")
    for pair in (
        "X=request H=header d=data F=form u=user G=get b=cookie A=user-agent e=referer k=insecure L=location I=head "
        "o=output w=write-out m=max-time x=proxy s=silent S=show-error v=verbose i=include f=fail g=globoff "
        "N=no-buffer T=upload-file E=cert c=cookie-jar K=config O=remote-name D=dump-header r=range n=netrc "
        "U=proxy-user J=remote-header-name R=remote-time Z=parallel q=disable C=continue-at Y=speed-limit "
        "y=speed-time z=time-cond h=help V=version a=append B=use-ascii P=ftp-port Q=quote t=telnet-option "
        "j=junk-session-cookies l=list-only M=manual p=proxytunnel :=next"
    ).split()
)
# Options that change nothing of what a connector sends.
_QUIET = frozenset(
    "silent show-error verbose include fail fail-with-body fail-early globoff no-buffer compressed output write-out "
    "remote-name remote-header-name remote-time remote-name-all dump-header trace trace-ascii trace-time stderr "
    "progress-bar no-progress-meter http1.0 http1.1 http2 http2-prior-knowledge http3 ipv4 ipv6 tlsv1 tlsv1.0 tlsv1.1 "
    "tlsv1.2 tlsv1.3 tls-max connect-timeout parallel disable keepalive-time no-keepalive tcp-nodelay path-as-is "
    "styled-output basic anyauth raw create-dirs output-dir cookie-jar speed-limit speed-time no-alpn no-sessionid "
    "ssl-reqd".split()
)
_WITH_VALUE = frozenset(
    "output write-out dump-header trace trace-ascii stderr connect-timeout tls-max keepalive-time output-dir "
    "cookie-jar speed-limit speed-time proxy proxy-user preproxy noproxy cert cert-type key key-type pass cacert "
    "capath ciphers tls13-ciphers curves pinnedpubkey crlfile upload-file config range continue-at time-cond resolve "
    "connect-to interface local-port limit-rate rate retry retry-delay retry-max-time max-redirs max-filesize "
    "netrc-file unix-socket abstract-unix-socket aws-sigv4 dns-servers doh-url proto proto-default proto-redir "
    "socks4 socks4a socks5 socks5-hostname ftp-port quote telnet-option happy-eyeballs-timeout-ms delegation krb "
    "service-name login-options engine random-file egd-file alt-svc hsts etag-save etag-compare variable expand-url "
    "proxy-header proxy-cacert proxy-cert proxy-key proxy-pass libcurl".split()
)
# Options that a connector has no words for; what to do instead.
_NOT_KEPT = {
    "insecure": "certificates are always checked",
    "location": "redirects are not followed; write the address they lead to",
    "proxy": "the hub calls without a proxy",
    "cert": "client certificates are not available",
    "upload-file": "files are not uploaded",
    "config": "a file with options is not read",
    "netrc": "a file with passwords is not read",
    "aws-sigv4": "requests are not signed",
    "digest": "digest authentication is not available",
    "ntlm": "NTLM authentication is not available",
    "negotiate": "Kerberos authentication is not available",
    "retry": "use retryConfig",
}
_CALLED = re.compile(r"(?:.*[/\\])?curl(?:\.exe)?", re.DOTALL)
_PROMPT = re.compile(r"[$%>]|sudo|time|[A-Za-z_]\w*=.*", re.DOTALL)


@dataclass
class _Command:
    """What the options of one command have said so far."""

    line: int
    warnings: Warnings
    method: str | None = None
    urls: list[str] = field(default_factory=list)
    headers: list[tuple[str, str]] = field(default_factory=list)
    data: list[str] = field(default_factory=list)
    parts: list[tuple[str, str | None]] = field(default_factory=list)
    query: list[str] = field(default_factory=list)
    user: str | None = None
    is_json: bool = False
    in_query: bool = False
    is_head: bool = False
    timeout_ms: int | None = None

    @property
    def where(self) -> str:
        return f"line {self.line}"

    def warn(self, message: str) -> None:
        self.warnings.add(self.where, message)

    def refuse(self, message: str) -> Exception:
        return refused(("curl",), f"{self.where}: {message}")


def exchanges(text: str, warnings: Warnings) -> list[Exchange]:
    """Return the requests of all commands in a text; raises BadDefinition where one cannot be read."""
    found = [each for words in commands(text, warnings) for each in _read(words, warnings)]
    if not found:
        raise refused(("curl",), "expected a command such as curl https://api.example.com/v1/contacts, found none")
    return found


def _read(words: list[Word], warnings: Warnings) -> Iterator[Exchange]:
    """Yield the requests of one shell command; `--next` begins another one in it."""
    start = next((index for index, word in enumerate(words) if not _PROMPT.fullmatch(word.text)), len(words))
    if start == len(words):
        return
    if not _CALLED.fullmatch(words[start].text):
        raise refused(("curl",), f"line {words[start].line}: expected a command that begins with curl")
    command = _Command(words[start].line, warnings)
    waiting = words[start + 1 :]
    while waiting:
        word = waiting.pop(0)
        if word.text in ("--next", "-:"):
            yield from _requests(command)
            command = _Command(word.line, warnings)
        elif word.text.startswith("-") and len(word.text) > 1:
            _option(command, word.text, waiting)
        else:
            command.urls.append(word.text)
    yield from _requests(command)


# Options


def _option(command: _Command, text: str, waiting: list[Word]) -> None:
    if text.startswith("--"):
        name, equals, value = text[2:].partition("=")
        _apply(command, name, value if equals else None, waiting)
        return
    for index, letter in enumerate(text[1:], 2):
        name = _SHORT.get(letter, letter)
        if _takes_value(name):
            _apply(command, name, text[index:] or None, waiting)
            return
        _apply(command, name, None, waiting)


def _takes_value(name: str) -> bool:
    return name in _VALUES or name in _WITH_VALUE


def _apply(command: _Command, name: str, value: str | None, waiting: list[Word]) -> None:
    if _takes_value(name) and value is None:
        if not waiting:
            raise command.refuse(f"expected a value after --{name}")
        value = waiting.pop(0).text
    if name in _VALUES:
        _VALUES[name](command, value or "")
    elif name in _FLAGS:
        _FLAGS[name](command)
    elif (reason := _NOT_KEPT.get(name)) is not None:
        command.warn(f"--{name} is not kept: {reason}")
    elif name not in _QUIET:
        shown = f"--{name}" if re.fullmatch(r"[a-z][a-z-]{1,30}", name) else "an option"
        command.warn(f"{shown} is not known or not kept")


def _header(command: _Command, value: str) -> None:
    _no_file(command, value, "--header")
    name, colon, text = value.partition(":")
    if colon:
        command.headers.append((name.strip(), text.strip()))
    elif not value.rstrip().endswith(";"):
        command.warn("a header without ':' was left out")


def _data(command: _Command, value: str) -> None:
    _no_file(command, value, "--data")
    command.data.append(value)


def _json(command: _Command, value: str) -> None:
    _no_file(command, value, "--json")
    command.is_json = True
    command.data.append(value)


def _urlencoded(command: _Command, value: str) -> None:
    """`content`, `=content` and `name=content` are encoded; `@file` and `name@file` are not read."""
    command.data.append(_encoded(command, value, "--data-urlencode"))


def _encoded(command: _Command, value: str, option: str) -> str:
    name, equals, content = value.partition("=")
    if not equals:
        if "@" in value:
            raise command.refuse(f"expected the value itself after {option}, found a file's name; files are not read")
        return quote(value)
    return f"{name}={quote(content)}" if name else quote(content)


def _form(command: _Command, value: str) -> None:
    name, _, content = value.partition("=")
    if content.startswith(("@", "<")):
        command.warn("a file of a form is not read; give it when the endpoint is called")
        command.parts.append((name, None))
        return
    command.parts.append((name, re.sub(r";type=[^;]*$", "", content)))


def _cookie(command: _Command, value: str) -> None:
    if "=" not in value:
        raise command.refuse("expected name=value after --cookie, found a file's name; files are not read")
    command.headers.append(("Cookie", value))


def _max_time(command: _Command, value: str) -> None:
    seconds = float(value) if re.fullmatch(r"[0-9]{1,4}(?:\.[0-9]{1,6})?", value) else 0.0
    if seconds:
        command.timeout_ms = min(max(round(seconds * 1000), 1000), 120_000)


def _head(command: _Command) -> None:
    command.is_head = True


def _get(command: _Command) -> None:
    command.in_query = True


def _no_file(command: _Command, value: str, option: str) -> None:
    if value.startswith("@"):
        raise command.refuse(f"expected the value itself after {option}, found a file's name; files are not read")


def _method(command: _Command, value: str) -> None:
    command.method = value.upper()


def _user(command: _Command, value: str) -> None:
    command.user = value


_VALUES: dict[str, Callable[[_Command, str], None]] = {
    "request": _method,
    "header": _header,
    "data": _data,
    "data-ascii": _data,
    "data-binary": _data,
    "data-raw": lambda command, value: command.data.append(value),
    "data-urlencode": _urlencoded,
    "json": _json,
    "form": _form,
    "form-string": lambda command, value: command.parts.append((value.partition("=")[0], value.partition("=")[2])),
    "user": _user,
    "cookie": _cookie,
    "oauth2-bearer": lambda command, value: command.headers.append(("Authorization", f"Bearer {value}")),
    "user-agent": lambda command, value: command.headers.append(("User-Agent", value)),
    "referer": lambda command, value: command.headers.append(("Referer", value)),
    "url": lambda command, value: command.urls.append(value),
    "url-query": lambda command, value: command.query.append(_encoded(command, value, "--url-query")),
    "max-time": _max_time,
}
_FLAGS: dict[str, Callable[[_Command], None]] = {"get": _get, "head": _head}


# Requests


def _requests(command: _Command) -> Iterator[Exchange]:
    if not command.urls:
        raise command.refuse("expected a URL, found none")
    if any("$(" in text or "`" in text for text in command.urls):
        command.warn("a command inside the URL is not run; it stays as it is written")
    method = _chosen_method(command)
    for text in _addresses(command):
        yield _request(command, text, method)


def _addresses(command: _Command) -> Iterator[str]:
    """Yield what looks like an address: after an option that is not known, a word may be its value."""
    given = [text for text in command.urls if "://" in text or re.match(r"[\w-]+(?:\.[\w-]+)+|localhost\b|\$|\{", text)]
    if len(given) < len(command.urls):
        command.warn("a word that is no URL was left out")
    if not given:
        raise command.refuse("expected a URL such as https://api.example.com/v1/contacts")
    yield from given


def _chosen_method(command: _Command) -> str:
    has_body = bool((command.data or command.parts) and not command.in_query)
    method = command.method or ("HEAD" if command.is_head else "POST" if has_body else "GET")
    if method in METHODS:
        return method
    command.warn("only GET, POST, PUT, PATCH and DELETE can be kept; GET was taken instead of another method")
    return "GET"


def _request(command: _Command, text: str, method: str) -> Exchange:
    if "://" not in text:
        text = f"https://{text}"
        command.warn("the URL has no scheme; https was taken")
    url = parse_url(text)
    if url is None:
        raise command.refuse("expected a URL that begins with https:// and a host")
    query = "&".join(each for each in (url.query, *command.query, *(command.data if command.in_query else ())) if each)
    user = command.user
    if url.username:
        user = user or f"{unquote(url.username)}:{unquote(url.password or '')}"
    headers = [*command.headers, *_authorization(command, user)]
    body = None if command.in_query else _body(command, headers)
    if method == "GET" and body is not None:
        command.warn("a GET request has no body; the body was left out")
        body = None
    return Exchange(
        command.where,
        method,
        url._replace(query=query, fragment=""),
        tuple((name, value) for name, value in headers if name.lower() != "content-type" or body is not None),
        body,
        timeout_ms=command.timeout_ms,
    )


def _authorization(command: _Command, user: str | None) -> list[tuple[str, str]]:
    """Return the header that -u makes; a user without a password is asked for it by curl, and by the hub."""
    if user is None or any(name.lower() == "authorization" for name, _ in command.headers):
        return []
    name, colon, password = user.partition(":")
    return [("Authorization", f"Basic {_base64(f'{name}:{password if colon else AWAITED}')}")]


def _base64(text: str) -> str:
    return base64.b64encode(text.encode(errors="replace")).decode()


def _body(command: _Command, headers: list[tuple[str, str]]) -> Posted | None:
    given = next((value for name, value in headers if name.lower() == "content-type"), None)
    if command.parts:
        return Posted(MULTIPART, fields=tuple(command.parts))
    if not command.data:
        return None
    if command.is_json:
        return Posted(given or JSON, "".join(command.data))
    return Posted(given or FORM, "&".join(command.data))
