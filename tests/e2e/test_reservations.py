"""Reservations of devices on a whole lab: no two at a time, nobody else's experiment or command in one, reminders, no-shows."""
import concurrent.futures
import datetime
import json
import sqlite3
import subprocess
import time
import unittest

from lab import BIN, Lab, Refused, wait_for
from people import add_person, status_of
from test_alarms import Webhook

SLEEPER = "import time\nprint('here', flush=True)\ntime.sleep(120)\n"
TRIVIAL = "print('done')\n"
PATH = "/api/reservations"


def at(seconds, hours_east=0.0):
    """That many seconds from now, as a clock so far east of Greenwich shows it."""
    zone = datetime.timezone(datetime.timedelta(hours=hours_east))
    return datetime.datetime.fromtimestamp(time.time() + seconds, zone).isoformat(timespec="milliseconds")


class CalendarLab(Lab):
    """Reservations may be short, and are reminded of soon."""

    def __init__(self, no_show_after):
        super().__init__(nodes=2)
        self.no_show_after, self.webhook = no_show_after, Webhook()

    def __exit__(self, *_):
        super().__exit__()
        self.webhook.close()

    def _configure(self):
        super()._configure()
        with open(self.folder / "coordinator.toml", "a") as file:
            file.write(f"""
[reservations]
shortest = "1s"
reminders = ["3s"]
no_show_after = "{self.no_show_after}"
[alarms]
group_window = "100ms"
[[alarms.webhook]]
name = "chat"
url = "{self.webhook.url}"
""")

    def reserve(self, device, start, end, **more):
        return self.request("POST", PATH, {"device": device, "from": start, "to": end, **more})["reservation"]

    def state(self, key):
        return self.request("GET", f"{PATH}/{key}")["reservation"]["state"]

    def reservation_events(self, key):
        return [event["event"] for event in self.request("GET", f"{PATH}/events?reservation={key}")["events"]]

    def told(self, kind):
        return [event for body, _ in self.webhook.messages for event in body["events"] if event["event"] == kind]


class CalendarCase(unittest.TestCase):
    NO_SHOW_AFTER = "0s"

    @classmethod
    def setUpClass(cls):
        cls.lab = CalendarLab(cls.NO_SHOW_AFTER).__enter__()
        cls.addClassCleanup(cls.lab.__exit__)
        cls.bob = add_person(cls.lab, "bob")

    def reserve_for_bob(self, device, start, end):
        body = {"device": device, "from": f"+{start}s", "to": f"+{end}s"}
        return self.bob.request("POST", PATH, body)["reservation"]["id"]

    def setUp(self):
        self.addCleanup(self.clear)

    def clear(self):
        for each in self.lab.request("GET", PATH)["reservations"]:
            self.lab.request("DELETE", f"{PATH}/{each['id']}")

    def refused(self, status, says, verb, path, body=None):
        with self.assertRaises(Refused) as caught:
            self.lab.request(verb, path, body)
        self.assertEqual(caught.exception.status, status, caught.exception.error)
        self.assertIn(says, caught.exception.message + " " + caught.exception.detail)
        return caught.exception

    def end(self, job):
        try:
            self.lab.request("POST", f"/api/experiments/{job}/stop")
        except Refused as refused:
            self.assertEqual(refused.status, 409)
        self.lab.wait_end(job)

    def labhub(self, *arguments, status=0):
        done = subprocess.run([BIN / "labhub", "--url", f"http://127.0.0.1:{self.lab.port}", *arguments], capture_output=True, text=True, timeout=60,
                              env={"LABHUB_TOKEN": self.lab.token, "PATH": "/usr/bin:/bin", "TZ": "CET-1CEST,M3.5.0,M10.5.0/3"})
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done


class Calendar(CalendarCase):
    def test_is_made_looked_at_moved_and_given_up(self):
        made = self.lab.reserve("sim-1/vessel", at(3600), at(7200), note="growth curve")
        self.assertEqual((made["owner"], made["state"], made["note"]), ("user:admin", "planned", "growth curve"))
        self.assertEqual(self.lab.request("GET", f"{PATH}/{made['id']}")["reservation"], made)
        listed = lambda query: [each["id"] for each in self.lab.request("GET", PATH + query)["reservations"]]
        self.assertEqual(listed(""), [made["id"]])
        self.assertEqual(listed("?device=sim-2/vessel"), [])
        self.assertEqual(listed("?device=sim-1/vessel&from=%2B2h"), [])
        self.assertEqual(listed("?to=%2B30m"), [])
        moved = self.lab.request("PATCH", f"{PATH}/{made['id']}", {"from": "+2h", "note": "later"})["reservation"]
        self.assertEqual(moved["to"] - moved["from"], made["to"] - made["from"])
        self.assertGreater(moved["from"], made["from"])
        longer = self.lab.request("PATCH", f"{PATH}/{made['id']}", {"duration": "3h"})["reservation"]
        self.assertEqual((longer["to"] - longer["from"], longer["note"]), (3 * 3_600_000, "later"))
        self.lab.request("DELETE", f"{PATH}/{made['id']}")
        self.assertEqual(listed(""), [])
        self.assertIn(made["id"], listed("?all=true"))
        self.refused(409, "it is cancelled", "DELETE", f"{PATH}/{made['id']}")
        self.assertEqual(self.lab.reservation_events(made["id"]), ["made", "changed", "changed", "cancelled"])

    def test_is_listed_page_by_page(self):
        made = [self.lab.reserve("sim-1/vessel", f"+{hour}h", f"+{hour + 1}h")["id"] for hour in range(1, 6)]
        pages, offset = [], 0
        while offset is not None:
            page = self.lab.request("GET", f"{PATH}?limit=2&offset={offset}")
            self.assertEqual(page["total"], 5)
            pages.append([each["id"] for each in page["reservations"]])
            offset = page["next"]
        self.assertEqual(pages, [made[:2], made[2:4], made[4:]])

    def test_is_changed_by_its_owner_and_administrators_only(self):
        mine, his = self.lab.reserve("sim-1/vessel", "+1h", "+2h")["id"], self.reserve_for_bob("sim-2/vessel", 3600, 7200)
        self.assertEqual(status_of(self.bob.request, "PATCH", f"{PATH}/{mine}", {"note": "his now"}), 403)
        self.assertEqual(status_of(self.bob.request, "DELETE", f"{PATH}/{mine}"), 403)
        self.assertEqual(self.bob.request("GET", f"{PATH}/{mine}")["reservation"]["owner"], "user:admin")
        self.bob.request("PATCH", f"{PATH}/{his}", {"note": "mine"})
        self.bob.request("DELETE", f"{PATH}/{his}")
        again = self.reserve_for_bob("sim-2/vessel", 3600, 7200)
        self.lab.request("DELETE", f"{PATH}/{again}")
        self.assertEqual(self.lab.state(mine), "planned")

    def test_offsets_mean_the_same_moment(self):
        whole = int(time.time()) + 86_400
        shown = lambda hours: datetime.datetime.fromtimestamp(whole, datetime.timezone(datetime.timedelta(hours=hours))).isoformat()
        for number, text in enumerate((shown(0), shown(1), shown(2), shown(-9.5), shown(5.75), str(whole * 1000))):
            with self.subTest(text=text):
                made = self.lab.reserve("sim-1/vessel", text, str((whole + 60) * 1000))
                self.assertEqual(made["from"], whole * 1000)
                self.lab.request("DELETE", f"{PATH}/{made['id']}")

    def test_what_can_not_be_meant_is_refused_with_what_would(self):
        good = {"device": "sim-1/vessel", "from": "+1h", "to": "+2h"}
        for change, status, says in (({"device": "sim-9/vessel"}, 404, "sim-1/vessel"), ({"device": "x"}, 400, "x"), ({"device": 7}, 400, "device"),
                                     ({"from": "tomorrow"}, 400, "RFC 3339"), ({"from": "2026-02-15T09:00:00"}, 400, "time zone"), ({"from": True}, 400, "number or text"),
                                     ({"from": "-2h"}, 422, "past"), ({"from": 1}, 422, "seconds"), ({"to": "+30m"}, 422, "ends after"), ({"to": "+400d"}, 422, "allowed: 1s to"),
                                     ({"to": "+300h"}, 422, "allowed: 1s to"), ({"from": "+2400h", "to": "+2401h"}, 422, "too far ahead"),
                                     ({"duration": "1h"}, 400, "twice"), ({"to": None}, 400, "'to' is missing"), ({"to": None, "duration": "soon"}, 400, ""),
                                     ({"to": None, "duration": "-5h"}, (400, 422), ""), ({"to": None, "duration": 1e300}, (400, 422), ""),
                                     ({"note": "x" * 501}, 413, "500"), ({"note": 5}, 400, "note"), ({"colour": "red"}, 400, "colour")):
            with self.subTest(change=change), self.assertRaises(Refused) as caught:
                self.lab.request("POST", PATH, {**good, **change})
            self.assertIn(caught.exception.status, status if isinstance(status, tuple) else (status,), caught.exception.error)
            self.assertIn(says, caught.exception.message + " " + caught.exception.detail)
        self.assertEqual(self.lab.request("GET", PATH)["reservations"], [])
        self.refused(404, "no reservation", "GET", f"{PATH}/nothing")
        self.refused(404, "no reservation", "DELETE", f"{PATH}/nothing")
        self.refused(404, "no reservation", "PATCH", f"{PATH}/nothing", {"note": "x"})
        self.refused(400, "no truth value", "GET", f"{PATH}?all=yes")
        self.refused(422, "limit", "GET", f"{PATH}?limit=0")
        made = self.lab.reserve(*good.values())
        self.refused(400, "nothing to change", "PATCH", f"{PATH}/{made['id']}", {})

    def test_what_is_in_the_way_is_named_with_the_next_place(self):
        first = self.lab.reserve("sim-1/vessel", at(3600), at(7200), note="mine")
        refusal = self.refused(409, "reserved for user:admin", "POST", PATH, {"device": "sim-1/vessel", "from": at(5400), "duration": "1h"})
        self.assertIn(f"{first['id']}: mine", refusal.message)
        free = datetime.datetime.fromtimestamp(first["to"] / 1000, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
        self.assertIn(f"free for 1h from {free}", refusal.detail)

    def test_of_a_hundred_at_once_one_has_it(self):
        def ask(number):
            try:
                return self.lab.reserve("sim-1/vessel", at(3600 + number % 9), at(7200))["id"]
            except Refused as refused:
                self.assertEqual(refused.status, 409, refused.error)
                return None
        with concurrent.futures.ThreadPoolExecutor(100) as pool:
            won = [key for key in pool.map(ask, range(100)) if key]
        self.assertEqual(len(won), 1)
        self.assertEqual([each["id"] for each in self.lab.request("GET", PATH)["reservations"]], won)

    def test_survives_a_kill_and_is_reminded_of_once(self):
        self.lab.webhook.fail = True
        made = self.lab.reserve("sim-2/vessel", "+8s", "+1h", note="soon")
        wait_for("the reminder", lambda: "reminder" in self.lab.reservation_events(made["id"]), 60)
        self.lab.kill("coordinator")
        self.lab.start_coordinator()
        self.assertIn(made["id"], [each["id"] for each in self.lab.request("GET", PATH)["reservations"]])
        self.lab.webhook.fail = False
        wait_for("the message", lambda: self.lab.told("reminder"), 60)
        wait_for("the begin", lambda: "begun" in self.lab.reservation_events(made["id"]), 60)
        self.assertEqual(self.lab.reservation_events(made["id"]), ["made", "reminder", "begun"])
        self.assertEqual([event["reservation"] for event in self.lab.told("reminder")], [made["id"]])
        body = next(body for body, _ in self.lab.webhook.messages if body["events"][0]["event"] == "reminder")
        self.assertIn("sim-2/vessel is reserved for user:admin in ", body["subject"])
        self.assertIn("soon", body["text"])
        self.lab.wait_until_online()

    def test_kill_at_any_moment_leaves_a_reservation_whole_or_none(self):
        for turn in range(4):
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                def ask(number):
                    try:
                        return self.lab.reserve("sim-1/vessel", at(3600 + 1800 * number), at(5400 + 1800 * number))
                    except (OSError, Refused, Exception):  # the hub is killed under it
                        return None
                asked = [pool.submit(ask, number) for number in range(8)]
                time.sleep(0.01 * turn)
                self.lab.kill("coordinator")
                answered = [each.result() for each in asked]
            self.lab.start_coordinator()
            kept = {each["id"]: each for each in self.lab.request("GET", PATH)["reservations"]}
            for made in filter(None, answered):
                self.assertEqual(kept[made["id"]], made)
            spans = sorted((each["from"], each["to"]) for each in kept.values())
            self.assertTrue(all(before[1] <= after[0] for before, after in zip(spans, spans[1:])), spans)
            events = self.lab.request("GET", f"{PATH}/events")["events"]
            self.assertEqual({event["reservation"] for event in events if event["event"] == "made"} & set(kept), set(kept))
            self.clear()
        self.lab.wait_until_online()

    def test_experiment_that_would_reach_into_anothers_waits_and_a_shorter_one_does_not(self):
        key = self.reserve_for_bob("sim-1/vessel", 1800, 3600)
        long = self.lab.submit(TRIVIAL, device="sim-1/vessel", time_limit="2h")
        self.addCleanup(self.end, long)
        wait_for("its reason", lambda: "is reserved for user:bob" in (self.lab.experiment(long)["waits_because"] or ""))
        entry = next(each for each in self.lab.request("GET", "/api/queue")["waiting"] if each["experiment_id"] == long)
        self.assertEqual((entry["reservation"]["id"], entry["reservation"]["owner"]), (key, "user:bob"))
        self.assertGreaterEqual(entry["expected_start"], entry["reservation"]["to"])
        self.assertIn("sim-1/vessel is reserved for bob ", self.labhub("queue").stdout)
        short = self.lab.submit(TRIVIAL, device="sim-1/vessel", time_limit="5m")
        self.assertEqual(self.lab.wait_end(short)["status"], "completed")
        self.refused(409, "reserved for user:bob", "POST", "/api/experiments/start",
                     {"script_content": TRIVIAL, "config": {"device": "sim-1/vessel", "time_limit": "2h", "queue": False}})
        elsewhere = self.lab.submit(TRIVIAL, needs={"metrics": ["stirrer"]}, time_limit="2h")
        self.assertEqual(self.lab.wait_end(elsewhere)["device"], "sim-2/vessel")

    def test_own_reservation_lets_own_experiments_run(self):
        self.lab.reserve("sim-1/vessel", "now", "+1h")
        job = self.lab.submit(TRIVIAL, device="sim-1/vessel", time_limit="2h")
        self.assertEqual(self.lab.wait_end(job)["status"], "completed")
        self.lab.request("POST", "/api/devices/sim-1/vessel/set", {"values": {"stirrer": 10}})
        self.lab.request("POST", "/api/devices/sim-1/vessel/hold")

    def test_begin_of_anothers_makes_safe_what_was_set_by_hand(self):
        self.lab.request("POST", "/api/devices/sim-2/vessel/set", {"values": {"stirrer": 40}})
        key = self.reserve_for_bob("sim-2/vessel", 0, 3600)
        wait_for("the begin", lambda: "begun" in self.lab.reservation_events(key), 60)
        wait_for("a safe vessel", lambda: self.lab.is_safe("sim-2"), 30)
        with sqlite3.connect(f"file:{self.lab.folder}/data/labhub.db?mode=ro", uri=True) as database:
            made_safe = lambda: database.execute("SELECT message FROM commands WHERE device = 'sim-2/vessel' AND principal = 'reservation'").fetchall()
            self.assertIn(key, wait_for("its record", made_safe)[0][0])
        database.close()
        self.refused(409, "reserved for user:bob until", "POST", "/api/devices/sim-2/vessel/set", {"values": {"stirrer": 40}})
        self.lab.request("POST", "/api/devices/sim-2/vessel/hold")
        self.labhub("hold", "sim-2/vessel")
        refused = self.labhub("set", "sim-2/vessel", "stirrer=40", status=1).stderr
        self.assertIn("sim-2/vessel is reserved for user:bob until", refused)

    def test_command_line_reserves_shows_and_gives_up(self):
        key = self.labhub("reserve", "sim-1/vessel", "+1h", "90m", "--note", "growth").stdout.strip()
        listed = self.labhub("reservations").stdout
        self.assertRegex(listed, rf"sim-1/vessel +admin +planned +growth +{key}")
        week = self.labhub("reservations", "week")
        self.assertRegex(week.stdout, r"(?m)^sim-1/vessel$")
        self.assertRegex(week.stdout, r"\[(a|ad|adm|\])")
        self.assertIn(key, week.stdout)
        self.assertIn("free all week: sim-2/vessel", week.stderr)
        self.labhub("reservations", "change", key, "--to", "2h", "--note", "longer")
        self.assertIn("longer", self.labhub("reservations", "list", "--device", "sim-1/vessel").stdout)
        self.assertIn("free for 1h from", self.labhub("reserve", "sim-1/vessel", "+1h", "1h", status=1).stderr)
        self.assertIn("from=soon is not a time", self.labhub("reserve", "sim-1/vessel", "soon", "1h", status=1).stderr)
        self.labhub("unreserve", key)
        self.assertIn("cancelled", self.labhub("reservations", "list", "--all").stdout)
        self.assertIn("cancelled", self.labhub("reservations", "events").stdout)
        self.assertEqual(json.loads(self.labhub("--json", "reservations").stdout)["reservations"], [])


class NoShow(CalendarCase):
    NO_SHOW_AFTER = "20s"

    def test_nobody_there_lets_the_queue_go_on(self):
        key = self.reserve_for_bob("sim-1/vessel", 0, 3600)
        job = self.lab.submit(TRIVIAL, device="sim-1/vessel")
        ended = self.lab.wait_end(job, limit=120)
        self.assertEqual(ended["status"], "completed")
        self.assertEqual(self.lab.state(key), "released")
        self.assertEqual(self.lab.reservation_events(key)[-1], "released")
        released = next(e for e in self.lab.request("GET", f"{PATH}/events?reservation={key}")["events"] if e["event"] == "released")
        self.assertGreaterEqual(ended["started_at"], released["time"])
        self.assertIn("user:bob did not come within 20s", released["message"])
        wait_for("the message", lambda: self.lab.told("released"), 60)

    def test_who_has_an_experiment_there_keeps_it(self):
        used = self.lab.reserve("sim-2/vessel", "now", "+1h")
        idle = self.lab.reserve("sim-1/vessel", "now", "+1h")
        job = self.lab.submit(SLEEPER, device="sim-2/vessel")
        self.addCleanup(self.end, job)
        self.lab.wait_end(self.lab.submit(TRIVIAL, device="sim-1/vessel", dry_run=True))  # no use of the device
        wait_for("the release", lambda: self.lab.state(idle["id"]) == "released", 120)
        time.sleep(2)  # looks of the reconciler
        self.assertEqual(self.lab.state(used["id"]), "present")


if __name__ == "__main__":
    unittest.main()
