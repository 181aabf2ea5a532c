"""The devices of a Shelly cloud account: a flat map by device id, and a key that goes into a form.

Source: https://shelly-api-docs.shelly.cloud/cloud-control-api/.
"""

from tests.parity.serving import Answer, Json, Refusal, Request

KEY = "shelly-key-of-the-tests"

LIMITED = Answer(429, {"isok": False, "errors": {"max_req": "Request limit reached!"}}, {"retry-after": "0"})


class Devices:
    def __init__(self, count: int) -> None:
        self._devices = {device_id(number): device(number) for number in range(1, count + 1)}

    def __call__(self, request: Request) -> Answer:
        if (request.method, request.path) != ("POST", "/device/all_status"):
            raise Refusal(Answer(404, {"isok": False, "errors": {"not_found": "Not found"}}))
        if request.form.get("auth_key") != KEY:
            message = "Invalid token. Please, log in again!"
            raise Refusal(Answer(401, {"isok": False, "errors": {"invalid_token": message}}))
        return Answer(200, {"isok": True, "data": {"devices_status": self._devices}})


def device_id(number: int) -> str:
    return f"a4cf12{number:06x}"


def device(number: int) -> Json:
    return {
        "_dev_info": {"id": device_id(number), "gen": "G1", "code": "SHPLG-S", "online": number % 5 != 0},
        "_updated": f"2024-04-{number % 28 + 1:02} 10:00:00",
        "relays": [{"ison": number % 2 == 0}],
        "meters": [{"power": number / 2, "total": number}],
        "temperature": 20 + number % 5,
    }
