"""The contact tables of spec S002, both ways: what the provider gets of a contact, and what comes back of it."""

from typing import Any

import pytest

from tests.parity.serving import Json
from tests.providers.connecting import connected
from tests.providers.shapes import BY_SLUG, contact

# S002, "Contact Mapping" and "Subscriber Fields"; None: the API cannot take it, and the provider's notes say so.
CRM_TABLES: dict[str, dict[str, str | None]] = {
    "salesforce": {
        "firstName": "FirstName",
        "lastName": "LastName",
        "email": "Email",
        "phone": "Phone",
        "company": None,
        "jobTitle": "Title",
    },
    "hubspot": {
        "firstName": "firstname",
        "lastName": "lastname",
        "email": "email",
        "phone": "phone",
        "company": "company",
        "jobTitle": "jobtitle",
    },
    "zoho-crm": {
        "firstName": "First_Name",
        "lastName": "Last_Name",
        "email": "Email",
        "phone": "Phone",
        "company": "Account_Name",
        "jobTitle": "Title",
    },
}
each = pytest.mark.parametrize("slug", CRM_TABLES)


def _stored(slug: str, document: Json) -> tuple[Json, Json]:
    """Return what the provider stores of a contact, and what the hub reads of it again."""
    shape = BY_SLUG[slug]
    with connected(shape.connecting, shape.fake(0)) as account:
        result = account.write([document])
        assert result.outcomes() == ["created"], result.reasons()
        held: Any = account.fake
        (stored,) = held.contacts.values()
        (read,) = account.documents(account.endpoint("list", "contact").id).values()
    return stored, read


@each
def test_fields_arrive_under_the_names_of_the_table(slug: str) -> None:
    stored, _ = _stored(slug, document := contact(1))

    for ours, theirs in CRM_TABLES[slug].items():
        value = stored.get(theirs) if theirs else None
        plain = value["name"] if isinstance(value, dict) else value
        wanted = document[ours] if theirs else None
        assert (ours, str(plain).lower()) == (ours, str(wanted).lower())


@each
def test_contact_comes_back_as_it_was_written(slug: str) -> None:
    _, read = _stored(slug, document := contact(1))

    table = CRM_TABLES[slug]
    expected = {ours: document[ours].lower() for ours, theirs in table.items() if theirs}
    assert {ours: str(read.get(ours)).lower() for ours in expected} == expected


@each
def test_field_that_is_not_there_leaves_the_provider_its_own(slug: str) -> None:
    """Nothing is written where the contact says nothing: a sync must not empty what someone typed in there."""
    shape = BY_SLUG[slug]
    with connected(shape.connecting, shape.fake(0)) as account:
        account.write([contact(1)])
        account.write([{"email": contact(1)["email"], "lastName": "King"}])
        held: Any = account.fake
        (stored,) = held.contacts.values()

    name = CRM_TABLES[slug]["phone"]
    assert name
    assert stored[name] == contact(1)["phone"]


def test_salesforce_says_that_it_has_no_company() -> None:
    """Contact has no Company; the name of the account is read, and is not written."""
    shape = BY_SLUG["salesforce"]
    with connected(shape.connecting, shape.fake(2)) as account:
        documents = account.documents(account.endpoint("list", "contact").id)

    assert [one.get("company") for one in documents.values()] == ["Acme", None]


def test_mailchimp_gets_a_subscriber() -> None:
    shape = BY_SLUG["mailchimp"]
    with connected(shape.connecting, shape.fake(0)) as account:
        account.write([contact(1, tags=["vip"])])
        held: Any = account.fake
        (stored,) = held.contacts.values()

    assert stored["email_address"].lower() == "grace1@example.com"
    assert stored["status"] == "subscribed"
    assert {name: stored["merge_fields"][name] for name in ("FNAME", "LNAME")} == {"FNAME": "Grace1", "LNAME": "Hopper"}
    assert [tag["name"] for tag in stored["tags"]] == ["vip"]


def test_sendgrid_gets_a_contact_in_the_list() -> None:
    shape = BY_SLUG["sendgrid"]
    with connected(shape.connecting, shape.fake(0)) as account:
        result = account.write([contact(1)])
        status = account.batch_run().poll(result.jobs[0])
        later = account.batch_run().poll(result.jobs[0])
        held: Any = account.fake
        (stored,) = held.contacts.values()

    assert (status.state, later.state, later.counts.get("created")) == ("pending", "done", 1)
    assert (stored["first_name"], stored["last_name"]) == ("Grace1", "Hopper")
    assert (stored["email"], len(stored["list_ids"])) == ("grace1@example.com", 1)


def test_sendgrid_says_how_many_it_refused_later() -> None:
    """The job alone knows: one address that SendGrid refuses is counted, and the others are written."""
    shape = BY_SLUG["sendgrid"]
    with connected(shape.connecting, shape.fake(0)) as account:
        held: Any = account.fake
        held.polls_until_done = 0
        result = account.write([contact(1), contact(2, email="grace2@@example"), contact(3)])
        status = account.batch_run().poll(result.jobs[0])

    assert status.is_finished
    assert status.counts == {"total": 3, "created": 2, "updated": 0, "rejected": 1}
