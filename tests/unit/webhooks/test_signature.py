import base64
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from hub.core.signing_secret import new_secret
from hub.webhooks.signature import hex_signature, key_of, standard_signature

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
BODY = b'{"event":"CONTACT_CREATED","timestamp":"2025-11-20T10:30:00Z","data":{"contactId":"contact-123"}}'
MESSAGE_ID = "msg_01JCZTESTVECTOR0000000000"


def test_both_signatures_are_those_of_the_published_vector() -> None:
    assert hex_signature(SECRET, BODY) == "851f0ce5397ce177d57f0b7df119288f2ec2ce047232aca0b576852208a51aca"
    assert standard_signature(SECRET, MESSAGE_ID, 1732098600, BODY) == "v1,swkNNHspOAlRE0ri5xhb5eE3VhVHu5Mta80c4U5Q2ts="


@given(st.text(st.characters(codec="utf-8")), st.binary(min_size=24, max_size=64))
def test_the_official_package_verifies_what_is_sent(text: str, key: bytes) -> None:
    secret, body, now = f"whsec_{base64.b64encode(key).decode()}", text.encode(), int(time.time())
    signature = standard_signature(secret, MESSAGE_ID, now, body)
    headers = {"webhook-id": MESSAGE_ID, "webhook-timestamp": str(now), "webhook-signature": signature or ""}

    Webhook(secret).verify(body, headers, json_parse=False)

    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body + b" ", headers, json_parse=False)


def test_a_new_secret_has_256_bits_and_signs_both_ways() -> None:
    secret = new_secret()

    assert len(key_of(secret) or b"") == 32
    assert secret != new_secret()
    assert standard_signature(secret, MESSAGE_ID, 1, BODY)
    assert len(hex_signature(secret, BODY)) == 64


@pytest.mark.parametrize(("key_bytes", "is_signed"), [(23, False), (24, True), (64, True), (65, False)])
def test_only_a_secret_of_24_to_64_bytes_gets_a_standard_signature(key_bytes: int, is_signed: bool) -> None:
    secret = base64.b64encode(bytes(key_bytes)).decode()

    signature = standard_signature(secret, MESSAGE_ID, 1, BODY)

    assert (signature is not None) is is_signed


@pytest.mark.parametrize("secret", ["", "whsec_", "wh_secret_abc123", "möbius", "whsec_A", "a secret of twenty-four b"])
def test_a_secret_that_is_no_base64_gets_the_hex_signature_alone(secret: str) -> None:
    assert standard_signature(secret, MESSAGE_ID, 1, BODY) is None
    assert len(hex_signature(secret, BODY)) == 64


def test_a_secret_without_its_padding_is_the_same_key() -> None:
    assert key_of(SECRET.rstrip("=")) == key_of(SECRET) == bytes(range(32))
