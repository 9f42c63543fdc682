"""Paths that lead out of what they name."""
# through: hub
# check: hub_answered
# control: none there is no hub outside
own = os.environ["EXPERIMENT_ID"]
for path in ("/api/experiments/..%2f..%2fadmin-token/status", f"/api/experiments/{own}/download/../../../../admin-token", "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd",
             f"/api/experiments/{own}%00/status", "//etc/passwd", "/api/experiments/%2fetc%2fpasswd/logs", f"/api/experiments/..%2f{os.environ['NEIGHBOUR']}/logs",
             "/api/devices/..%2f..%2f/set/status", "/admin-token", "/data/admin-token", "/api/experiments/%ff%fe/logs", "/api/./experiments", "/API/EXPERIMENTS"):
    refused(path, "GET", path, by=(400, 401, 403, 404, 405))
