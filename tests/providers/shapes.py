"""Every provider of the catalogue that has an API of its own: its fake, how it is connected, and what it can do."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.parity.serving import Json
from tests.providers.connecting import Connecting
from tests.providers.fakes.controls import Fake
from tests.providers.fakes.dropbox import Dropbox
from tests.providers.fakes.google import Google
from tests.providers.fakes.hubspot import HubSpot
from tests.providers.fakes.mailchimp import KEY as MAILCHIMP_KEY
from tests.providers.fakes.mailchimp import LIST as AUDIENCE
from tests.providers.fakes.mailchimp import Mailchimp
from tests.providers.fakes.microsoft import Microsoft
from tests.providers.fakes.salesforce import Salesforce
from tests.providers.fakes.sendgrid import KEY as SENDGRID_KEY
from tests.providers.fakes.sendgrid import LIST as SENDGRID_LIST
from tests.providers.fakes.sendgrid import SendGrid
from tests.providers.fakes.slack import Slack
from tests.providers.fakes.zapier import HOOK, Zapier
from tests.providers.fakes.zoho import Zoho

NEVER = "2026-05-05T05:05:05"


@dataclass(frozen=True)
class Listing:
    """`count` records at the provider, their ids in `ids`; `touch` changes one and returns its id.

    `entity` is the type of what is listed, None where there is one list alone.
    """

    count: int
    ids: Callable[[Any], list[str]]
    entity: str | None = None
    touch: Callable[[Any], str] | None = None


@dataclass(frozen=True)
class Writing:
    """`bad` is a contact that the provider itself refuses, with words of its reason; `stored` is what it holds of one.

    `is_told_new`: the provider says whether a record was created or updated.
    """

    bad: Json
    reason: str
    stored: Callable[[Any, str], Json | None]
    names: Json
    is_told_new: bool = True


@dataclass(frozen=True)
class Searching:
    """`found` are the ids of what has O'Brien in it."""

    found: Callable[[Any], set[str]]
    entity: str | None = None


@dataclass(frozen=True)
class Shape:
    """`denied` are words of the answer to `wrong` credentials; `pasted`: with a token that nobody renews."""

    connecting: Connecting
    fake: Callable[[int], Fake]
    denied: str
    pasted: Connecting | None = None
    listing: Listing | None = None
    searching: Searching | None = None
    writing: Writing | None = None
    wrong: Json = field(default_factory=dict)

    @property
    def slug(self) -> str:
        return self.connecting.slug

    @property
    def is_granted(self) -> bool:
        return self.connecting.kind == "oauth2"


def contact(number: int, **more: Any) -> Json:
    """Return a contact as S002 writes it."""
    return {
        "firstName": f"Grace{number}",
        "lastName": "Hopper",
        "email": f"Grace{number}@example.com",
        "phone": f"+1 555 {number:04}",
        "company": "Acme",
        "jobTitle": "Rear admiral",
        **more,
    }


def _keys(name: str) -> Callable[[Any], list[str]]:
    return lambda fake: [str(one) for one in getattr(fake, name)]


def _ids(name: str, key: str = "id") -> Callable[[Any], list[str]]:
    def ids(fake: Any) -> list[str]:
        held = getattr(fake, name)
        return [str(one[key]) for one in (held.values() if isinstance(held, dict) else held)]

    return ids


def _by(name: str) -> Callable[[Any, str], Json | None]:
    def stored(fake: Any, email: str) -> Json | None:
        found = [one for one in fake.contacts.values() if str(one.get(name) or "").lower() == email.lower()]
        assert len(found) <= 1, f"{email} is stored {len(found)} times"
        return found[0] if found else None

    return stored


def _of_obrien(fake: Any) -> set[str]:
    return {one_id for one_id, one in fake.contacts.items() if "O'Brien" in str(one)}


def _touched(name: str, value: str) -> Callable[[Any], str]:
    def touch(fake: Any) -> str:
        record_id = list(fake.contacts)[4]
        fake.contacts[record_id][name] = value
        return str(record_id)

    return touch


def _touched_in(held: str, name: str, value: str) -> Callable[[Any], str]:
    def touch(fake: Any) -> str:
        records = getattr(fake, held)
        record: Json = list(records.values() if isinstance(records, dict) else records)[4]
        record[name] = value
        return str(record["id"])

    return touch


SHAPES = (
    Shape(
        connecting=Connecting("salesforce", "oauth2"),
        pasted=Connecting("salesforce", "access_token", {"accessToken": "{token}", "instanceUrl": "{origin}"}),
        fake=Salesforce,
        denied="Session expired or invalid",
        listing=Listing(4300, _keys("contacts"), "contact", _touched("LastModifiedDate", f"{NEVER}.000+0000")),
        searching=Searching(_of_obrien),
        writing=Writing(
            bad=contact(4, email="grace4@@example"),
            reason="invalid email address",
            stored=_by("Email"),
            names={
                "firstName": "FirstName",
                "lastName": "LastName",
                "email": "Email",
                "phone": "Phone",
                "jobTitle": "Title",
            },
        ),
    ),
    Shape(
        connecting=Connecting("hubspot", "oauth2"),
        pasted=Connecting("hubspot", "access_token", {"accessToken": "{token}"}),
        fake=HubSpot,
        denied="Authentication credentials not found",
        listing=Listing(350, _keys("contacts"), "contact", _touched("lastmodifieddate", f"{NEVER}.000Z")),
        searching=Searching(_of_obrien),
        writing=Writing(
            bad=contact(4, email="grace4@@example"),
            reason="is invalid",
            stored=_by("email"),
            names={
                "firstName": "firstname",
                "lastName": "lastname",
                "email": "email",
                "phone": "phone",
                "company": "company",
                "jobTitle": "jobtitle",
            },
        ),
    ),
    Shape(
        connecting=Connecting("zoho-crm", "oauth2"),
        pasted=Connecting("zoho-crm", "access_token", {"accessToken": "{token}", "apiDomain": "{origin}"}),
        fake=Zoho,
        denied="invalid oauth token",
        listing=Listing(2300, _keys("contacts"), "contact", _touched("Modified_Time", f"{NEVER}+00:00")),
        searching=Searching(_of_obrien),
        writing=Writing(
            bad=contact(4, email="grace4@@example"),
            reason="invalid data",
            stored=_by("Email"),
            names={
                "firstName": "First_Name",
                "lastName": "Last_Name",
                "email": "Email",
                "phone": "Phone",
                "jobTitle": "Title",
            },
        ),
    ),
    Shape(
        connecting=Connecting("mailchimp", "api_key", {"apiKey": MAILCHIMP_KEY, "audienceId": AUDIENCE}),
        fake=Mailchimp,
        denied="Your API key may be invalid",
        wrong={"apiKey": "f" * 32 + "-us6"},
        listing=Listing(2300, _keys("contacts"), "contact", _touched("last_changed", f"{NEVER}+00:00")),
        searching=Searching(_of_obrien),
        writing=Writing(
            bad=contact(4, email="grace4@@example"),
            reason="valid email address",
            stored=_by("email_address"),
            names={"firstName": "FNAME", "lastName": "LNAME", "email": "email_address"},
        ),
    ),
    Shape(
        connecting=Connecting("sendgrid", "api_key", {"apiKey": SENDGRID_KEY, "listId": SENDGRID_LIST}),
        fake=SendGrid,
        denied="invalid, expired, or revoked",
        wrong={"apiKey": "SG." + "f" * 22 + "." + "g" * 43},
        searching=Searching(
            lambda fake: {one["id"] for one in fake.contacts.values() if one["last_name"] == "O'Brien"}
        ),
        writing=Writing(
            bad=contact(4, email=""),
            reason="email",
            stored=_by("email"),
            names={"firstName": "first_name", "lastName": "last_name", "email": "email", "phone": "phone_number"},
            is_told_new=False,
        ),
    ),
    Shape(
        connecting=Connecting("zapier", "custom", {"webhookUrl": f"{{origin}}{HOOK}"}),
        fake=Zapier,
        denied="",
    ),
    Shape(
        connecting=Connecting("google-drive", "oauth2"),
        fake=Google,
        denied="Invalid Credentials",
        listing=Listing(1100, _ids("files"), "file", _touched_in("files", "modifiedTime", f"{NEVER}.000Z")),
        searching=Searching(
            lambda fake: {one["id"] for one in fake.files.values() if "O'Brien" in one["name"]}, "file"
        ),
    ),
    Shape(
        connecting=Connecting("google", "oauth2"),
        fake=Google,
        denied="Invalid Credentials",
        listing=Listing(1100, _ids("people", "resourceName"), "contact"),
        searching=Searching(
            lambda fake: {one["resourceName"] for one in fake.people if one["names"][0]["familyName"] == "O'Brien"}
        ),
    ),
    Shape(
        connecting=Connecting("dropbox", "oauth2", hosts=("contentUrl",)),
        pasted=Connecting("dropbox", "access_token", {"accessToken": "{token}"}, hosts=("contentUrl",)),
        fake=Dropbox,
        denied="invalid_access_token",
        listing=Listing(2300, _ids("files"), "file"),
        searching=Searching(
            lambda fake: {one["id"] for one in fake.files.values() if "O'Brien" in one["name"]}, "file"
        ),
    ),
    Shape(
        connecting=Connecting("slack", "oauth2"),
        pasted=Connecting("slack", "access_token", {"accessToken": "{token}"}),
        fake=Slack,
        denied="invalid_auth",
        listing=Listing(450, _ids("channels"), "channel"),
    ),
    Shape(
        connecting=Connecting("microsoft", "oauth2"),
        fake=Microsoft,
        denied="token is expired",
        listing=Listing(450, _ids("people"), "contact", _touched_in("people", "lastModifiedDateTime", f"{NEVER}Z")),
        searching=Searching(lambda fake: {one["id"] for one in fake.people if one["surname"] == "O'Brien"}),
    ),
)
BY_SLUG = {shape.slug: shape for shape in SHAPES}
