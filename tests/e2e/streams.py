"""Server-sent events, as a client of the hub reads them."""
import http.client
import json
import socket


class Stream:
    """One open stream: iterate over its events, each a dict of id, type and data (JSON)."""

    def __init__(self, lab, path, last_id=None, timeout=60):
        self.connection = http.client.HTTPConnection("127.0.0.1", lab.port, timeout=timeout)
        headers = {"Accept": "text/event-stream", "Authorization": f"Bearer {lab.token}"}
        if last_id is not None:
            headers["Last-Event-ID"] = str(last_id)
        self.connection.request("GET", path, headers=headers)
        self.reply = self.connection.getresponse()
        self.status = self.reply.status
        self.last_id = last_id
        self.comments = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.connection.close()

    def __iter__(self):
        event = {}
        while True:
            try:
                line = self.reply.readline()
            except (OSError, http.client.HTTPException):
                return
            if not line:
                return
            field, _, value = line.decode().rstrip("\n").partition(":")
            value = value.removeprefix(" ")
            if not line.strip():
                if "id" in event:
                    self.last_id = event["id"]
                if "data" in event:
                    yield {"id": self.last_id, "type": event.get("event", "message"), "data": json.loads(event["data"])}
                event = {}
            elif field:
                event[field] = value
            else:
                self.comments += 1


def silent(lab, path):
    """A socket that has asked for a stream and reads nothing of it."""
    asked = socket.create_connection(("127.0.0.1", lab.port))
    asked.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    asked.sendall(f"GET {path} HTTP/1.1\r\nHost: hub\r\nAccept: text/event-stream\r\nAuthorization: Bearer {lab.token}\r\n\r\n".encode())
    return asked
