"""Users, roles and tokens on a whole lab: who gets in, whose experiments are whose, and what a change does at once."""
import http.client
import json
import re
import time
import unittest

from lab import Lab, Refused, wait_for
from people import Person, add_person, admin_of, status_of

TRIVIAL = "print('done')\n"
SLEEPER = "import time\nprint('here', flush=True)\ntime.sleep(60)\n"


class PeopleCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = Lab().__enter__()
        cls.addClassCleanup(cls.lab.__exit__)
        cls.ada, cls.bob, cls.admin = add_person(cls.lab, "ada"), add_person(cls.lab, "bob"), admin_of(cls.lab)

    def refused(self, status, call, *arguments, says=""):
        with self.assertRaises(Refused) as caught:
            call(*arguments)
        self.assertEqual(caught.exception.status, status, caught.exception.error)
        self.assertIn(says, json.dumps(caught.exception.error))
        return caught.exception

    def restart(self):
        self.lab.kill("coordinator")
        self.lab.start_coordinator()
        self.lab.wait_until_online()


class Ownership(PeopleCase):
    def test_an_experiment_is_its_owners_and_the_administrators(self):
        job = self.ada.submit(TRIVIAL)
        self.assertEqual(self.lab.wait_end(job)["requested_by"], "user:ada")
        for path in ("logs", "results", "download"):
            self.refused(403, self.bob.request, "GET", f"/api/experiments/{job}/{path}", says="that of user:ada")
            self.ada.request("GET", f"/api/experiments/{job}/{path}")
            self.admin.request("GET", f"/api/experiments/{job}/{path}")
        self.assertEqual(self.bob.request("GET", f"/api/experiments/{job}/status")["experiment"]["status"], "completed")
        self.assertIn(job, [e["experiment_id"] for e in self.bob.request("GET", "/api/experiments")["experiments"]])

    def test_a_comparison_tells_nobody_else_of_its_environment(self):
        jobs = [self.ada.submit(TRIVIAL, environment={"SECRET": f"ada's {number}"}) for number in (1, 2)]
        for job in jobs:
            self.lab.wait_end(job)
        compared = lambda who: {d["what"] for d in who.request("GET", f"/api/experiments/compare?ids={','.join(jobs)}")["differs"]}
        self.assertEqual(compared(self.ada), {"environment.SECRET"})
        self.assertEqual(compared(self.bob), set())

    def test_nobody_else_stops_holds_or_notes_it(self):
        job = self.ada.submit(SLEEPER, hold=True)
        for what, body in (("stop", {}), ("hold", {}), ("release", {}), ("notes", {"text": "mine now"})):
            self.refused(403, self.bob.request, "POST", f"/api/experiments/{job}/{what}", body, says="that of user:ada")
        self.refused(403, self.bob.request, "DELETE", f"/api/experiments/{job}")
        self.assertEqual(self.lab.experiment(job)["status"], "queued")
        self.admin.request("POST", f"/api/experiments/{job}/notes", {"text": "seen"})
        self.ada.request("POST", f"/api/experiments/{job}/stop")
        self.assertEqual(self.lab.wait_end(job)["status"], "stopped")

    def test_an_image_for_a_role_is_for_its_users_alone(self):
        self.admin.request("POST", "/api/images/host/roles", {"roles": ["staff"]})
        self.addCleanup(self.admin.request, "POST", "/api/images/host/roles", {"roles": []})
        self.refused(403, self.bob.submit, TRIVIAL, says="host")
        self.admin.request("PATCH", "/api/roles/staff", {"is_admin": True})
        carl = add_person(self.lab, "carl", role="staff")
        self.lab.wait_end(carl.submit(TRIVIAL))
        self.refused(403, self.admin.submit, TRIVIAL, says="it is for: staff")
        self.admin.request("PATCH", "/api/users/carl", {"role": "user"})
        self.refused(403, carl.submit, TRIVIAL, says="role 'user'")


class Tokens(PeopleCase):
    def test_tokens_and_users_live_over_kill_and_restart(self):
        secret = self.ada.request("POST", "/api/users/ada/tokens", {"name": "survivor"})["token"]
        self.restart()
        session = Person(self.lab, "ada", secret).request("GET", "/api/session")["caller"]
        self.assertEqual((session["name"], session["role"], session["is_admin"], session["token"]), ("ada", "user", False, "survivor"))
        self.assertEqual(self.admin.request("GET", "/api/session")["caller"]["token"], "admin-token")

    def test_no_file_of_the_hub_holds_a_token(self):
        stored = b"".join(f.read_bytes() for f in (self.lab.folder / "data").glob("labhub.db*"))
        self.assertGreater(len(stored), 0)
        self.assertNotIn(self.ada.token.encode(), stored)
        self.assertNotIn(self.ada.token, (self.lab.folder / "coordinator.log").read_text())

    def test_a_revoked_token_is_cut_off_in_the_middle_of_a_stream(self):
        secret = self.ada.request("POST", "/api/users/ada/tokens", {"name": "lost"})["token"]
        streams = [self.open_stream(secret, path) for path in ("/api/telemetry/stream", "/api/telemetry/stream?metric=no_such_metric")]
        kept = self.open_stream(self.ada.token, "/api/telemetry/stream")
        began = time.monotonic()
        self.ada.request("DELETE", "/api/users/ada/tokens/lost")
        self.refused(401, Person(self.lab, "ada", secret).request, "GET", "/api/session", says="not valid")
        for stream in streams:
            self.assertTrue(self.ends(stream))
        self.assertLess(time.monotonic() - began, 9, "well before the next heartbeat")
        self.assertTrue(kept.read(1))

    def test_a_client_that_leaves_is_not_taken_for_one_whose_token_ended(self):
        log = lambda: (self.lab.folder / "coordinator.log").read_text()
        before = log().count("a stream ends early: the client has gone")
        self.open_stream(self.bob.token, "/api/telemetry/stream?metric=no_such_metric").line.close()
        wait_for("the stream's end", lambda: log().count("a stream ends early: the client has gone") > before)
        self.assertNotIn("the token 'test' does not count", log())

    def open_stream(self, token, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.lab.port, timeout=30)
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        reply = connection.getresponse()
        self.assertEqual(reply.status, 200)
        self.assertIn(b"retry", reply.readline())
        self.addCleanup(connection.close)
        reply.line = connection
        return reply

    def ends(self, stream):
        try:
            while stream.read1(65536):
                pass
        except (http.client.IncompleteRead, ConnectionError):
            pass
        return True

    def test_a_disabled_user_is_out_at_once_and_in_again_with_the_same_token(self):
        dora = add_person(self.lab, "dora")
        stream = self.open_stream(dora.token, "/api/telemetry/stream?metric=no_such_metric")
        self.admin.request("PATCH", "/api/users/dora", {"is_disabled": True})
        self.refused(403, dora.request, "GET", "/api/session", says="user dora is disabled")
        self.assertTrue(self.ends(stream))
        self.assertEqual(self.lab.request("GET", "/health", token=dora.token)["status"], "healthy")
        self.admin.request("PATCH", "/api/users/dora", {"is_disabled": False})
        self.assertEqual(dora.request("GET", "/api/session")["caller"]["name"], "dora")

    def test_a_token_expires_and_what_it_makes_ends_with_it(self):
        now = int(time.time() * 1000)
        short = self.ada.request("POST", "/api/users/ada/tokens", {"name": "short", "expires": "+12s"})
        ada = Person(self.lab, "ada", short["token"])
        self.refused(422, ada.request, "POST", "/api/users/ada/tokens", {"name": "longer", "expires": "+1d"}, says="outlive")
        made = ada.request("POST", "/api/users/ada/tokens", {"name": "heir"})
        self.assertEqual(made["description"]["expires_at"], short["description"]["expires_at"])
        self.assertGreaterEqual(made["description"]["expires_at"], now + 11900)
        stream = self.open_stream(made["token"], "/api/telemetry/stream?metric=no_such_metric")
        self.assertTrue(self.ends(stream))
        self.assertEqual(status_of(ada.request, "GET", "/api/session"), 401)
        self.refused(401, ada.request, "GET", "/api/session", says="has expired")
        listed = {t["name"]: t["is_expired"] for t in self.ada.request("GET", "/api/users/ada/tokens")["tokens"]}
        self.assertTrue(listed["heir"] and listed["short"])
        self.assertFalse(listed["test"])

    def test_a_user_makes_his_own_tokens_and_nobody_elses(self):
        made = self.bob.request("POST", "/api/users/bob/tokens", {"name": "laptop"})
        self.assertRegex(made["token"], r"^labhub_[0-9a-f]{64}$")
        self.refused(403, self.bob.request, "POST", "/api/users/ada/tokens", {"name": "stolen"}, says="ada")
        self.refused(403, self.bob.request, "POST", "/api/users/admin/tokens", {"name": "stolen"})
        self.refused(403, self.bob.request, "DELETE", "/api/users/ada/tokens/test")
        self.assertNotIn("token", self.bob.request("GET", "/api/users/bob/tokens")["tokens"][0])


class Accounts(PeopleCase):
    def test_what_can_not_be_is_refused_with_what_would(self):
        ask = self.admin.request
        for status, verb, path, body, says in (
                (400, "POST", "/api/users", {}, "'name' is missing"), (400, "POST", "/api/users", {"name": "../x"}, "user name"), (400, "POST", "/api/users", {"name": ""}, "user name"),
                (400, "POST", "/api/users", {"name": "x" * 65}, "user name"), (400, "POST", "/api/users", {"name": "x", "email": "nowhere"}, "ada@example.org"),
                (400, "POST", "/api/users", {"name": "x", "full_name": "a\u0000b"}, "name"), (404, "POST", "/api/users", {"name": "x", "role": "wizard"}, "there are: admin"),
                (409, "POST", "/api/users", {"name": "ada"}, "already"), (422, "POST", "/api/users", {"name": "x", "quota": {"weight": 0}}, "quota.weight"),
                (400, "POST", "/api/users", {"name": "x", "quota": {"max_running": 1.5}}, "whole"), (400, "POST", "/api/users", {"name": "x", "quota": {"max_running": "many"}}, "number"),
                (400, "POST", "/api/users", {"name": "x", "quota": {"speed": 1}}, "quota.speed"), (422, "PATCH", "/api/roles/user", {"quota": {"cpu_window": "1s"}}, "1h to 366d"),
                (400, "PATCH", "/api/roles/user", {"quota": {"stored_bytes": "lots"}}, "512m"), (400, "PATCH", "/api/roles/user", {"quota": {"cpu_hours": True}}, "quota.cpu_hours"),
                (404, "PATCH", "/api/users/nobody", {}, "nobody"), (409, "PATCH", "/api/users/admin", {"is_disabled": True}, "a way in"),
                (409, "PATCH", "/api/roles/admin", {"is_admin": False}, "a way in"), (409, "DELETE", "/api/users/admin", None, "always"), (409, "DELETE", "/api/roles/user", None, "always"),
                (404, "POST", "/api/users/nobody/tokens", {"name": "x"}, "nobody"), (400, "POST", "/api/users/ada/tokens", {"name": "a b"}, "token name"),
                (400, "POST", "/api/users/ada/tokens", {"name": "x", "expires": "soon"}, "expires"), (422, "POST", "/api/users/ada/tokens", {"name": "x", "expires": "2001-01-01T00:00:00Z"}, "future"),
                (409, "POST", "/api/users/ada/tokens", {"name": "test"}, "already"), (404, "DELETE", "/api/users/ada/tokens/nothing", None, "nothing"),
                (409, "DELETE", "/api/users/admin/tokens/admin-token", None, "delete the file")):
            with self.subTest(verb=verb, path=path, body=body):
                self.refused(status, ask, verb, path, body, says=says)
        self.assertNotIn("x", [user["name"] for user in ask("GET", "/api/users")["users"]])

    def test_a_user_of_whom_something_is_left_is_kept(self):
        eve = add_person(self.lab, "eve")
        job = eve.submit(TRIVIAL)
        self.lab.wait_end(job)
        eve.request("POST", "/api/alarms/rules", {"metric": "vial_A_temp", "high": 90, "id": "eves"})
        self.refused(409, self.admin.request, "DELETE", "/api/users/eve", says="2 experiments, reservations or alarm rules")
        self.refused(403, self.bob.request, "DELETE", "/api/alarms/rules/eves", says="that of user:eve")
        self.refused(403, self.bob.request, "POST", "/api/alarms/rules", {"metric": "vial_A_temp", "high": 99, "id": "eves"})
        eve.request("DELETE", "/api/alarms/rules/eves")
        self.admin.request("POST", "/api/maintenance/cleanup?max_age_hours=0")
        self.admin.request("DELETE", "/api/users/eve")
        self.refused(401, eve.request, "GET", "/api/session")

    def test_command_line_adds_shows_changes_and_revokes(self):
        self.admin.labhub("roles", "set", "student", "--max-running", "2", "--cpu-hours", "10", "--cpu-window", "7d", "--stored", "5g")
        said = self.admin.labhub("users", "add", "fay", "--full-name", "Fay Wray", "--email", "fay@example.org", "--role", "student", "--max-running", "none")
        self.assertIn("labhub tokens new laptop --user fay", said)
        roles = self.admin.labhub("roles")
        self.assertIn("max_running 2, cpu_hours 10, cpu_window 7d, stored_bytes 5 GiB", roles)
        token = re.search(r"labhub_[0-9a-f]{64}", self.admin.labhub("tokens", "new", "laptop", "--user", "fay", "--expires", "+90d")).group()
        fay = Person(self.lab, "fay", token)
        self.assertIn("fay (Fay Wray), role student, by the token 'laptop'", fay.labhub("whoami"))
        self.assertIn("in use here", fay.labhub("tokens"))
        self.assertIn("is for administrators", fay.labhub("users", status=1))
        self.assertIn("fay@example.org", self.admin.labhub("users", "show", "fay"))
        self.admin.labhub("users", "set", "fay", "--email", "wray@example.org", "--max-running", "default")
        shown = json.loads(self.admin.labhub("--json", "users", "show", "fay"))["user"]
        self.assertEqual((shown["email"], shown["full_name"], shown["quota"]["max_running"]), ("wray@example.org", "Fay Wray", None))
        self.admin.labhub("users", "disable", "fay")
        self.assertIn("is disabled", fay.labhub("whoami", status=1))
        self.admin.labhub("users", "enable", "fay")
        fay.labhub("tokens", "revoke", "laptop")
        self.assertIn("not one of this hub's", fay.labhub("whoami", status=1))
        self.admin.labhub("users", "rm", "fay")
        self.assertNotIn("fay", self.admin.labhub("users"))
        self.admin.labhub("roles", "rm", "student")


if __name__ == "__main__":
    unittest.main()
