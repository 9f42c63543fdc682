"""Users of a lab in a test: each with a token of his own."""
import subprocess

from lab import BIN, Lab, Refused


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


__all__ = ["Lab", "Person", "Refused", "add_person", "admin_of", "status_of"]
