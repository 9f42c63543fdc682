"""What only people may do: every operation of the API that changes something, but for the own device's."""
# through: hub
# check: untouched:sim-2
# control: none there is no hub outside
import re

own = ("/api/hardware", "/api/devices/{node}/{device}/set")
for verb, path in (operation.split(":", 1) for operation in os.environ["HUB_OPERATIONS"].split()):
    if verb in ("GET", "HEAD") or path.startswith(own):
        continue
    asked = re.sub(r"\{[^}]*\}", os.environ["NEIGHBOUR"] if path.startswith("/api/experiments") else "sim-2", path)
    refused(f"{verb} {path}", verb, asked, '{"text": "hostile"}' if path.endswith("/notes") else "{}", by=(401, 403, 404))

