"""Who may use which operation: derived from the list of operations itself, for every operation and every kind of caller.

The body of each request is one that no operation takes. What is not refused for who asks is therefore refused for its
body, and nothing is ever carried out.
"""
import json
import re
import unittest

from lab import Lab
from people import add_person, admin_of, status_of

WRONG = {"no operation has this field": 1}
TAKEN = 400  # the caller was let through, and then told of the body
TAKES_ANY_BODY = {"/api/inputs": 200}  # a file, as it is
KNOWN = {"anyone", "user", "user or job", "owner", "owner or job", "self", "admin"}
OPEN_TO_SCRIPTS = {"anyone", "user or job", "owner or job"}


def expected(path, access, caller):
    """What a request is to be answered with; ada owns the experiment and the account that are asked for."""
    taken = TAKES_ANY_BODY.get(path, TAKEN)
    if access == "anyone":
        return taken
    if caller == "anonymous":
        return 401
    allowed = {"user": {"ada", "bob", "admin"}, "user or job": {"ada", "bob", "admin"}, "owner": {"ada", "admin"}, "owner or job": {"ada", "admin"},
               "self": {"ada", "admin"}, "admin": {"admin"}}
    return taken if caller in allowed[access] else 403


class Access(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = Lab().__enter__()
        cls.addClassCleanup(cls.lab.__exit__)
        cls.ada, cls.bob, cls.admin = add_person(cls.lab, "ada"), add_person(cls.lab, "bob"), admin_of(cls.lab)
        cls.job = cls.ada.submit("print(1)\n", hold=True)
        document = cls.lab.request("GET", "/openapi.json")
        cls.operations = [(verb.upper(), path, operation["x-labhub-access"]) for path, verbs in document["paths"].items() for verb, operation in verbs.items()]

    def path(self, pattern):
        """The path with the names of what there is; of everything it is ada's."""
        name = "ada" if pattern.startswith("/api/users") else "host" if pattern.startswith("/api/images") else "user"
        names = {"id": self.job, "name": name, "node": "sim-1", "device": "vessel", "token": "test"}
        return re.sub(r"\{(\w+)\}", lambda match: names.get(match.group(1), "vial_A_temp"), pattern)

    def test_every_operation_says_who_may(self):
        self.assertGreater(len(self.operations), 40)
        self.assertLessEqual({access for *_, access in self.operations}, KNOWN)
        self.assertEqual(len({access for *_, access in self.operations}), len(KNOWN))

    def test_every_operation_lets_in_whom_its_row_names_and_nobody_else(self):
        wrong = []
        for verb, pattern, access in self.operations:
            for caller, token in (("anonymous", False), ("ada", self.ada.token), ("bob", self.bob.token), ("admin", self.admin.token)):
                got = status_of(self.lab.request, verb, self.path(pattern), WRONG, token=token)
                if got != (wanted := expected(pattern, access, caller)):
                    wrong.append(f"{verb} {pattern} ({access}) by {caller}: {got} instead of {wanted}")
        self.assertEqual(wrong, [], "\n" + "\n".join(wrong))
        self.assertEqual(self.lab.experiment(self.job)["status"], "queued", "nothing was carried out")

    def test_scripts_get_no_further_than_their_rows_say(self):
        script = """
import http.client, json, os
for verb, path, wanted in json.loads(os.environ["ASKED"]):
    hub = http.client.HTTPConnection("127.0.0.1", 8000, timeout=30)
    hub.request(verb, path.replace("{id}", os.environ["EXPERIMENT_ID"]), os.environ["BODY"])
    got = hub.getresponse().status
    hub.close()
    print("as it should" if got == wanted else f"WRONG: {got} instead of {wanted}", verb, path, flush=True)
"""
        asked = []
        for verb, pattern, access in self.operations:
            own = self.path(pattern.replace("{id}", "ID")).replace("ID", "{id}")
            asked.append((verb, own, TAKEN if access in OPEN_TO_SCRIPTS else 403))
            if "{id}" in pattern and access in ("owner", "owner or job"):
                asked.append((verb, self.path(pattern), 403))
        job = self.bob.submit(script, environment={"ASKED": json.dumps(asked), "BODY": json.dumps(WRONG)})
        ended = self.lab.wait_end(job, 120)
        logs = self.lab.request("GET", f"/api/experiments/{job}/logs?tail=1000")["logs"]
        self.assertEqual(ended["status"], "completed", logs)
        self.assertNotIn("WRONG", logs)
        self.assertEqual(logs.count("as it should"), len(asked))


if __name__ == "__main__":
    unittest.main()
