"""To drive a device that another has leased, or none has."""
# through: hub
# check: untouched:sim-2
# control: none there is no hub outside
import json

for value in (55, 99):
    body = json.dumps({"values": {"stirrer": value}})
    refused("set", "POST", "/api/devices/sim-2/vessel/set", body, by=(403, 404, 409))
    refused("stirrer", "POST", "/api/hardware/stirrer?device=sim-2/vessel", json.dumps({"duty_cycle": value}), by=(403, 404, 409))
    refused("named in the body", "POST", "/api/hardware/stirrer", json.dumps({"duty_cycle": value, "device": "sim-2/vessel"}), by=(400, 403, 404, 409, 422))
    refused("named in a header", "POST", "/api/devices/sim-2/vessel/set", body, {"X-Device": "sim-1/vessel", "Host": "sim-1"}, by=(403, 404, 409))
