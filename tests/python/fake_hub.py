"""A hub on loopback that behaves like the real one, with a device in memory and a menu of faults."""

import hashlib
import io
import json
import socket
import struct
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from fake_device import PHOTODIODES, VIALS, FakeDevice, Refused

COMPONENTS = ("leds", "pumps", "ring_light", "optical_density", "temp", "peltier", "stirrer")


class FakeHub:
    """Start, stop and start again on the same port. Each fault is used up once for each time it was asked for."""

    def __init__(self, token=None, devices=None):
        self.device = (devices or [FakeDevice()])[0]
        self.devices = {device.name: device for device in devices or [self.device]}
        self.token = token
        self.caller = {"kind": "job", "name": "exp-1", "job_id": "exp-1", "device": self.device.name}
        self.experiments = {}
        self.notes = []  # (experiment, text)
        self.inputs = {}  # SHA-256 → bytes
        self.uploads = 0
        self.pauses = []  # of the caller
        self.requests = []  # (method, path)
        self.connections = 0
        self.lose_answers = 0  # executes, then resets the connection
        self.lose_requests = 0  # resets the connection without looking
        self.cut_answers = 0  # sends half of the answer
        self.say_unavailable = 0  # answers 503
        self.hide_hardware = 0  # the status says that there is none
        self.missing_components = set()
        self._server = None
        self._port = 0
        self._sockets = set()
        self.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._port}"

    def start(self):
        self._server = _Server(("127.0.0.1", self._port), _Handler)
        self._server.hub = self
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self):
        """Refuses connections from here on; open ones are reset."""
        self._server.shutdown()
        self._server.server_close()
        for open_socket in list(self._sockets):
            reset(open_socket)

    def away_for(self, seconds):
        """Stops now and starts again later, on the same port."""
        self.stop()
        timer = threading.Timer(seconds, self.start)
        timer.start()
        return timer

    def close(self):
        self.stop()
        for device in self.devices.values():
            device.stop()


class _Server(ThreadingHTTPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request, client_address):
        pass  # the faults break connections on purpose


def reset(open_socket):
    """Closes it with a TCP reset instead of a proper end."""
    try:
        open_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        open_socket.shutdown(socket.SHUT_RD)
    except OSError:
        pass
    try:
        open_socket.close()
    except OSError:
        pass


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    @property
    def hub(self):
        return self.server.hub

    def setup(self):
        super().setup()
        self.hub.connections += 1
        self.hub._sockets.add(self.connection)

    def finish(self):
        self.hub._sockets.discard(self.connection)
        super().finish()

    def log_message(self, *_):
        pass

    def do_GET(self):
        self._serve("GET")

    def do_POST(self):
        self._serve("POST")

    def do_DELETE(self):
        self._serve("DELETE")

    def _serve(self, method):
        length = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(length)
        parts = urlsplit(self.path)
        self.hub.requests.append((method, self.path))
        if self._uses_up("lose_requests"):
            return self._reset()
        if self._uses_up("say_unavailable"):
            return self._refuse(Refused(503, "unavailable", "sim-1 is offline", "last seen 5 s ago"))
        try:
            if self.hub.token and self.headers.get("Authorization") != f"Bearer {self.hub.token}":
                raise Refused(401, "unauthenticated", "a token is needed", "Authorization: Bearer TOKEN")
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            reply = self._route(method, parts.path.strip("/").split("/"), query, self._body(raw))
        except Refused as refusal:
            return self._refuse(refusal)
        if self._uses_up("lose_answers"):
            return self._reset()
        if isinstance(reply, bytes):
            return self._send(200, reply, "application/zip")
        self._send(200, json.dumps({"status": "success", **reply}, allow_nan=False).encode())

    def _uses_up(self, fault):
        left = getattr(self.hub, fault)
        if left:
            setattr(self.hub, fault, left - 1)
        return bool(left)

    def _body(self, raw):
        if not raw:
            return {}

        def no_nan(word):
            raise Refused(400, "malformed", f"{word} is not JSON")

        if self.headers.get("Content-Type") == "application/octet-stream":
            return raw
        return json.loads(raw.decode("utf-8"), parse_constant=no_nan)

    def _refuse(self, refusal):
        error = {"code": refusal.code, "message": refusal.message, "detail": refusal.detail}
        body = {"status": "error", "error": error, "detail": refusal.message}
        self._send(refusal.status, json.dumps(body).encode())

    def _send(self, status, body, kind="application/json"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self._uses_up("cut_answers"):
            self.wfile.write(body[: len(body) // 2])
            return self._reset()
        self.wfile.write(body)

    def _reset(self):
        self.close_connection = True
        reset(self.connection)

    def _route(self, method, path, query, body):
        if path == ["health"]:
            return {"status": "healthy"}
        if path[0] != "api":
            raise Refused(404, "not_found", "no such route")
        if path[1] == "session":
            return {"caller": self.hub.caller}
        if path[1] == "nodes":
            return {"nodes": [{"node": "sim-1", "state": "online"}]}
        if path[1] == "devices":
            return self._devices(method, path[2:], query, body)
        if path[1] == "hardware":
            return self._hardware(method, path[2:], self._device(query.get("device")), body)
        if path[1] == "inputs":
            return self._inputs(method, path[2:], body)
        if path[1] == "experiments":
            return self._experiments(method, path[2:], query, body)
        raise Refused(404, "not_found", "no such route")

    def _inputs(self, method, path, body):
        if method == "POST":
            self.hub.uploads += 1
            digest = hashlib.sha256(body).hexdigest()
            self.hub.inputs[digest] = body
        else:
            digest = path[0]
        if digest not in self.hub.inputs:
            raise Refused(404, "not_found", "no such input file")
        return {"input": {"sha256": digest, "size": len(self.hub.inputs[digest])}}

    def _device(self, name):
        name = name or self.hub.caller.get("device")
        if name is None and len(self.hub.devices) == 1:
            name = next(iter(self.hub.devices))
        if name is None:
            raise Refused(409, "conflict", "several devices", ", ".join(self.hub.devices))
        if name not in self.hub.devices:
            raise Refused(404, "not_found", f"no device {name}")
        return self.hub.devices[name]

    def _devices(self, method, path, query, body):
        if not path:
            return {"devices": [{"device": name, "state": "online"} for name in self.hub.devices]}
        device = self._device("/".join(path[:2]))
        action = path[2:]
        if action == ["set"] and method == "POST":
            return {"applied": device.execute(body.get("command_id"), body["values"])}
        if action == ["hold"] and method == "POST":
            if set(body) - {"reason"}:
                raise Refused(400, "malformed", f"unknown fields {sorted(body)}")
            return {"applied": device.safe()}
        if action == ["readings"]:
            wait, limit = int(query["wait"]), int(query["limit"])
            if not (0 <= wait <= 60 and 1 <= limit <= 600):
                raise Refused(422, "out_of_range", "wait 0 to 60, limit 1 to 600")
            samples, following = device.after(int(query["after"]), wait, limit)
            return {"samples": samples, "next": following}
        if action:
            raise Refused(404, "not_found", "no such route")
        return {"device": device.describe()}

    def _hardware(self, method, path, device, body):
        values = {entry["name"]: entry["value"] for entry in device.describe()["metrics"]}
        vial_temperatures = [values[f"vial_{vial}_temp"] for vial in VIALS]
        io_temperatures = [values["io_temp_in"], values["io_temp_out"]]
        if path == ["status"]:
            there = {name: name not in self.hub.missing_components for name in COMPONENTS}
            return {"status": "operational", "hardware_available": not self._uses_up("hide_hardware"), "initialized_components": there}
        if path == ["sensors", "photodiodes"]:
            return {"readings": [values[name] for name in PHOTODIODES], "labels": PHOTODIODES}
        if path == ["sensors", "temperature"]:
            return {"vial_temperatures": vial_temperatures, "io_temperatures": io_temperatures}
        if path == ["sensors", "current"]:
            return {"peltier_current": values["peltier_current"], "label": "peltier_current"}
        if path == ["sensors"]:
            return {
                "photodiodes": [values[name] for name in PHOTODIODES], "vial_temperatures": vial_temperatures,
                "io_temperatures": io_temperatures, "peltier_current": values["peltier_current"],
                "timestamp": time.time(),
            }  # fmt: skip
        return self._change(device, path[0], body)

    def _change(self, device, endpoint, body):
        command_id = body.pop("command_id", None)
        if endpoint == "led":
            device.execute(command_id, {"led": body["state"]})
            return {"led_state": body["state"]}
        if endpoint == "ring-light":
            colour = "#{:02x}{:02x}{:02x}".format(*body["color"])
            device.execute(command_id, {"ring_light": f"{body['pixel']}:{colour}" if "pixel" in body else colour})
            return {"color": body["color"]}
        if endpoint == "peltier":
            device.execute(command_id, {"peltier": body["power"] * (1 if body["forward"] else -1)})
            return dict(body)
        if endpoint == "pump":
            device.execute(command_id, {"pump_" + body["pump_name"]: body["ml_per_sec"]})
            return {"pump": body["pump_name"], "flow_rate_ml_s": body["ml_per_sec"]}
        device.execute(command_id, {"stirrer": body["duty_cycle"]})
        return {"duty_cycle": body["duty_cycle"]}

    def _experiments(self, method, path, query, body):
        known = self.hub.experiments
        if path == ["start"]:
            name = body.get("experiment_id") or f"exp-{len(known) + 1}"
            if name in known:
                raise Refused(409, "conflict", f"experiment {name} exists")
            known[name] = {"experiment_id": name, "status": "running", "script": body["script_content"], "config": body.get("config")}
            return {"experiment_id": name, "message": "started"}
        if not path:
            return {"experiments": list(known.values())}
        if path[1:] == ["notes"]:
            self.hub.notes.append((path[0], body["text"]))
            return {"message": "noted"}
        if path[1:] == ["pauses"] and path[0] == self.hub.caller["job_id"]:
            ended = [pause["until"] - pause["since"] for pause in self.hub.pauses if pause["until"]]
            return {"is_paused": len(ended) < len(self.hub.pauses), "paused_ms": sum(ended), "pauses": self.hub.pauses}
        if path[0] not in known:
            raise Refused(404, "not_found", f"no experiment {path[0]}")
        if method == "DELETE":
            path = [path[0], "stop"]
        if path[1:] == ["restart"]:
            name = body.get("experiment_id") or f"exp-{len(known) + 1}"
            known[name] = {**known[path[0]], "experiment_id": name, "config": body.get("config"), "restarted_from": path[0]}
            return {"experiment_id": name, "message": "started"}
        return self._experiment(known[path[0]], path[1], query)

    def _experiment(self, experiment, what, query):
        if what == "status":
            return {"experiment": experiment}
        if what == "stop":
            experiment["status"] = "stopped"
            return {"message": "stopping"}
        if what == "results":
            return {"results": {"files": [{"name": "output/a.csv", "size": 7}], "exit_code": 0}}
        if what == "logs":
            lines = [f"line {number}" for number in range(10)]
            return {"logs": "\n".join(lines[-int(query.get("tail", 10)) :])}
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("script.py", experiment["script"])
        return packed.getvalue()
