"""Who may call: roles for people, scopes for programs; and in whose name."""

from typing import Any

import pytest

from hub.core.caller import ANY_SCOPE, PUBLIC, ROLES, SCOPES, SUPER_ADMIN, Access, Caller, Tenant, admins, members
from hub.core.errors import Denied, Unauthenticated


def make_caller(roles: str = "", scopes: str = "", key_id: str | None = None) -> Caller:
    return Caller(Tenant("acme"), "u1", frozenset(roles.split()), frozenset(scopes.split()), key_id)


READ = members("contacts:read")
WRITE = admins("contacts:write")
ANY_PROGRAM = members(ANY_SCOPE)


@pytest.mark.parametrize(
    ("access", "roles", "scopes", "admitted"),
    [
        (READ, "user", "", True),
        (READ, "tenant_admin", "", True),
        (READ, "super_admin", "", True),
        (READ, "", "contacts:read", True),
        (READ, "", "admin:full", True),
        (READ, "", "contacts:write", False),
        (READ, "", "", False),
        (WRITE, "user", "", False),
        (WRITE, "user", "contacts:read", False),
        (WRITE, "user", "contacts:write", True),
        (WRITE, "tenant_admin", "", True),
        (WRITE, "super_admin", "", True),
        (WRITE, "", "admin:full", True),
        (ANY_PROGRAM, "", "tickets:read", True),
        (ANY_PROGRAM, "", "", False),
        (members(), "user", "", True),
        (members(), "", "admin:full", False),
        (SUPER_ADMIN, "super_admin", "", True),
        (SUPER_ADMIN, "tenant_admin", "admin:full", False),
        (PUBLIC, "", "admin:full", False),
    ],
)
def test_route_admits_by_role_or_scope(access: Access, roles: str, scopes: str, admitted: bool) -> None:
    caller = make_caller(roles, scopes)

    if admitted:
        access.admit(caller)
    else:
        with pytest.raises(Denied):
            access.admit(caller)


def test_refusal_names_what_is_needed_and_nothing_of_the_caller() -> None:
    with pytest.raises(Denied) as refusal:
        WRITE.admit(make_caller("user", "tickets:read"))

    assert refusal.value.details == {"roles": ["super_admin", "tenant_admin"], "scope": "contacts:write"}


def test_there_are_three_roles_and_the_scopes_of_the_specification() -> None:
    assert len(ROLES) == 3
    assert len(SCOPES) == 17


@pytest.mark.parametrize("good", ["a", "acme", "Acme-1.eu_west", "0", "x" * 128])
def test_tenant_id_may_have_letters_digits_and_three_signs(good: str) -> None:
    assert Tenant(good).id == good


@pytest.mark.parametrize(
    "bad", ["", "#", "acme#connector", "_hub", "-a", ".", "a b", "ä", "a/b", "a\n", "acme\n", "x" * 129, "a\x00"]
)
def test_tenant_id_that_could_name_another_partition_is_refused(bad: str) -> None:
    with pytest.raises(Unauthenticated):
        Tenant(bad)


def test_tenant_of_an_item_is_the_first_part_of_its_key() -> None:
    item: dict[str, Any] = {"pk": "acme#doc#contact", "sk": "c1"}

    assert Tenant.of_item(item) == Tenant("acme")


def test_super_admin_acts_for_another_tenant_and_stays_who_he_is() -> None:
    caller = make_caller("super_admin").acting_for("other")

    assert (caller.tenant.id, caller.user) == ("other", "u1")


@pytest.mark.parametrize(("roles", "scopes"), [("tenant_admin", ""), ("user", ""), ("", "admin:full")])
def test_nobody_else_acts_for_another_tenant(roles: str, scopes: str) -> None:
    with pytest.raises(Denied):
        make_caller(roles, scopes).acting_for("other")


def test_super_admin_cannot_act_for_a_partition() -> None:
    with pytest.raises(Unauthenticated):
        make_caller("super_admin").acting_for("other#connector")


def test_actor_is_the_key_of_a_program_and_the_user_else() -> None:
    assert make_caller(key_id="K1").actor == "key:K1"
    assert make_caller().actor == "u1"
