"""Generates the sandbox's contacts and companies; the same seed gives the same ones."""

from __future__ import annotations

import random
import unicodedata
from datetime import UTC, date, datetime, timedelta
from functools import cache

from local.sandbox.cultures import (
    COMPANY_FIRST,
    COMPANY_LEGAL,
    COMPANY_SECOND,
    CULTURES,
    INDUSTRIES,
    JOB_TITLES,
    LETTERS,
    SOURCES,
    TAGS,
    Culture,
)
from local.sandbox.messages import Json

FIRST_DAY = date(2019, 1, 1)
FIRST_CHANGE = datetime(2024, 1, 1, tzinfo=UTC)
CHANGED_EVERY_S = 3_607  # 10,000 contacts spread over fourteen months, none twice in the same second
STATUSES = ("ACTIVE",) * 7 + ("INACTIVE",) * 2 + ("DELETED",)


def timestamp(moment: datetime) -> str:
    """The moment as the sandbox writes it, `2024-01-01T00:00:00.000Z`; sorts like the moments themselves."""
    utc = moment.astimezone(UTC).replace(tzinfo=None)
    return f"{utc.isoformat(timespec='milliseconds')}Z"


def generate_companies(seed: int, count: int) -> list[Json]:
    """`count` companies with ids `co0001` and up."""
    rng = random.Random(seed)  # noqa: S311 - sample data, not a secret
    return [_company(rng, number) for number in range(1, count + 1)]


def generate_contacts(seed: int, count: int, companies: list[Json]) -> list[Json]:
    """`count` contacts with ids `c00001` and up; most work for one of the companies."""
    rng = random.Random(seed + 1)  # noqa: S311 - sample data, not a secret
    return [_contact(rng, number, companies) for number in range(1, count + 1)]


def _company(rng: random.Random, number: int) -> Json:
    culture = rng.choice(CULTURES)
    first = COMPANY_FIRST[number % len(COMPANY_FIRST)]
    second = COMPANY_SECOND[number // len(COMPANY_FIRST) % len(COMPANY_SECOND)]
    legal = COMPANY_LEGAL[number // (len(COMPANY_FIRST) * len(COMPANY_SECOND)) % len(COMPANY_LEGAL)]
    return {
        "id": f"co{number:04d}",
        "name": f"{first} {second} {legal}",
        "domain": f"{first}-{second}-{legal}.example".lower(),
        "industry": rng.choice(INDUSTRIES),
        "employees": rng.randrange(5, 5_000),
        "annual_revenue": _amount(rng, 90_000_000),
        "currency": culture.currency,
        "address": _address(rng, culture),
        "created_at": _day(rng),
        "updated_at": _changed_at(number * 20),
    }


def _contact(rng: random.Random, number: int, companies: list[Json]) -> Json:
    culture = rng.choice(CULTURES)
    given, family = rng.choice(culture.given), rng.choice(culture.family)
    company = rng.choice(companies) if companies and rng.random() > 0.05 else None
    contact: Json = {
        "id": f"c{number:05d}",
        "first_name": given,
        "last_name": family,
        "email": _email(given, family, number, company) if rng.random() > 0.02 else None,
        "phone": _digits(rng, culture.phone) if rng.random() > 0.1 else None,
        "company_id": company and company["id"],
        "company_name": company and company["name"],
        "status": rng.choice(STATUSES),
        "source": rng.choice(SOURCES),
        "lifetime_value": _amount(rng, 50_000),
        "currency": culture.currency,
        "newsletter": rng.choice(("yes", "no")),
        "tags": rng.sample(TAGS, int(rng.random() * 4)),
        "created_at": _day(rng),
        "updated_at": _changed_at(number),
    }
    return contact | _optional_fields(rng, culture)


def _optional_fields(rng: random.Random, culture: Culture) -> Json:
    """What some providers leave out instead of sending null."""
    fields: Json = {}
    if rng.random() > 0.1:
        fields["job_title"] = rng.choice(JOB_TITLES)
    if rng.random() > 0.1:
        fields["address"] = _address(rng, culture)
    if rng.random() > 0.3:
        score = int(rng.random() * 100)
        fields["custom_fields"] = {"lead_score": score, "region": culture.country, "renewal_date": _day(rng)}
    return fields


def _email(given: str, family: str, number: int, company: Json | None) -> str:
    domain = company["domain"] if company else "mail.example"
    return f"{ascii_name(given)}.{ascii_name(family)}{number}@{domain}"


@cache
def ascii_name(name: str) -> str:
    """The name in lower-case ASCII letters: `Łukasz` becomes `lukasz`, `Ελένη` becomes `eleni`."""
    letters = "".join(each for each in unicodedata.normalize("NFKD", name.lower()) if not unicodedata.combining(each))
    return letters.translate(LETTERS)


def _address(rng: random.Random, culture: Culture) -> Json:
    return {
        "street": culture.street.format(n=1 + int(rng.random() * 180)),
        "city": rng.choice(culture.cities),
        "postal_code": _digits(rng, culture.postal),
        "country": culture.country,
    }


def _digits(rng: random.Random, pattern: str) -> str:
    head, *rest = pattern.split("#")
    digits = f"{int(rng.random() * 10 ** len(rest)):0{len(rest)}d}"
    return head + "".join(digit + text for digit, text in zip(digits, rest, strict=True))


def _amount(rng: random.Random, below: int) -> str:
    return f"{rng.random() * below:.2f}"


@cache
def _days() -> tuple[str, ...]:
    return tuple((FIRST_DAY + timedelta(days=number)).isoformat() for number in range(1_800))


def _day(rng: random.Random) -> str:
    return rng.choice(_days())


def _changed_at(number: int) -> str:
    return timestamp(FIRST_CHANGE + timedelta(seconds=number * CHANGED_EVERY_S))
