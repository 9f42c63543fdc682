"""Users of a lab in a test: each with a token of his own."""
import subprocess
import unittest

from lab import BIN, Lab, Refused

SLEEPER = "import time\nprint('here', flush=True)\ntime.sleep(300)\n"


class Person:
    """A user of the lab, asking with his own token."""

    def __init__(self, lab, name, token):
        self.lab, self.name, self.token = lab, name, token

    def request(self, verb, path, body=None):
        return self.lab.request(verb, path, body, token=self.token)

    def submit(self, script, node="sim-1", **config):
        body = {"script_content": script, "config": {"device": f"{node}/vessel", **config}}
        return self.request("POST", "/api/experiments/start", body)["experiment_id"]

    def quota(self):
        return self.request("GET", "/api/quota")

    def labhub(self, *arguments, status=0):
        """What the command line prints, as this user's."""
        done = subprocess.run([BIN / "labhub", "--url", f"http://127.0.0.1:{self.lab.port}", *arguments], capture_output=True, text=True, timeout=60,
                              env={"LABHUB_TOKEN": self.token, "PATH": "/usr/bin:/bin"})
        if done.returncode != status:
            raise AssertionError(f"labhub {arguments}: {done.returncode} {done.stdout} {done.stderr}")
        return done.stdout + done.stderr


def admin_of(lab):
    return Person(lab, "admin", lab.token)


def add_person(lab, name, **user):
    """A new user with a token; `user` as the API takes it."""
    lab.request("POST", "/api/users", {"name": name, **user})
    return Person(lab, name, lab.request("POST", f"/api/users/{name}/tokens", {"name": "test"})["token"])


def status_of(call, *arguments, **named):
    """The status of the hub's answer, whatever it is."""
    try:
        call(*arguments, **named)
        return 200
    except Refused as refused:
        return refused.status


class QuotaCase(unittest.TestCase):
    nodes = 1

    def setUp(self):
        self.lab = Lab(nodes=self.nodes).__enter__()
        self.addCleanup(self.lab.__exit__)
        self.ada, self.bob, self.admin = add_person(self.lab, "ada"), add_person(self.lab, "bob"), admin_of(self.lab)

    def allow(self, name, **quota):
        self.admin.request("PATCH", f"/api/users/{name}", {"quota": quota})

    def occupy(self, who, **config):
        job = who.submit(SLEEPER, **config)
        self.lab.wait_log(job, "here")
        return job

    def end(self, job):
        self.admin.request("POST", f"/api/experiments/{job}/stop")
        return self.lab.wait_end(job)

    def why(self, job):
        return self.lab.experiment(job)["waits_because"]

    def refusal(self, status, call, *arguments, **named):
        with self.assertRaises(Refused) as caught:
            call(*arguments, **named)
        self.assertEqual(caught.exception.status, status, caught.exception.error)
        return caught.exception.message + " | " + caught.exception.detail

    def restart(self):
        self.lab.kill("coordinator")
        self.lab.start_coordinator()
        self.lab.wait_until_online()


__all__ = ["Lab", "Person", "QuotaCase", "Refused", "add_person", "admin_of", "status_of"]
