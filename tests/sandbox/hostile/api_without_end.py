"""Requests without end, by many connections: slowed down to a pace, refused beyond it, and nobody else is held up."""
# through: hub
# limits: time=30s
# check: hub_answered
# control: none there is no hub outside
import http.client
import threading
import time

answered, turned_away = [], []
until = time.monotonic() + 4
def hammer():
    while time.monotonic() < until:
        hub = http.client.HTTPConnection("127.0.0.1", 8000, timeout=15)
        try:
            while time.monotonic() < until:
                hub.request("GET", "/api/session")
                reply = hub.getresponse()
                reply.read()
                (turned_away if reply.status == 429 else answered).append(reply.status)
        except OSError:
            pass
        finally:
            hub.close()
threads = [threading.Thread(target=hammer) for _ in range(60)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
allowed = 400 + 200 * 6  # at once, and each second, with the last ones' wait
denied("more requests", f"{len(answered)} answered, {len(turned_away)} refused") if len(answered) <= allowed else escaped(f"{len(answered)} requests in 4 s")
