"""A Shelly plug of the first generation: one object without an envelope, Basic, and an error that is no JSON.

Source: https://shelly-api-docs.shelly.cloud/gen1/.
"""

import base64

from tests.parity.serving import Answer, Json, Refusal, Request

USERNAME, PASSWORD = "admin", "device-password-of-the-tests"
MAC = "A4CF12F45A6B"


class Plug:
    def __call__(self, request: Request) -> Answer:
        pair = base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {pair}":
            headers = {"www-authenticate": f'Basic realm="shellyplug-s-{MAC}"'}
            raise Refusal(Answer(401, text="401 Unauthorized", headers=headers))
        if request.path != "/status":
            raise Refusal(Answer(404, text="Not Found"))
        return Answer(200, status())


def status() -> Json:
    return {
        "wifi_sta": {"connected": True, "ssid": "workshop", "ip": "192.168.33.1", "rssi": -48},
        "cloud": {"enabled": False, "connected": False},
        "mqtt": {"connected": False},
        "time": "22:13",
        "unixtime": 1_700_000_000,
        "has_update": False,
        "mac": MAC,
        "relays": [{"ison": True, "has_timer": False, "overpower": False, "source": "http"}],
        "meters": [{"power": 12.34, "is_valid": True, "total": 123_456}],
        "temperature": 23.45,
        "overtemperature": False,
        "uptime": 86_400,
    }
