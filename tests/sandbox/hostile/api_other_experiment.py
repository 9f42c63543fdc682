"""Another's experiment, by its id: state, logs, results, stop."""
# through: hub
# control: none there is no hub outside
other = os.environ["NEIGHBOUR"]
for what in ("status", "logs", "results", "download"):
    refused(what, "GET", f"/api/experiments/{other}/{what}")
    refused(f"own id, other path: {what}", "GET", f"/api/experiments/{os.environ['EXPERIMENT_ID']}/../{other}/{what}")
for what in ("stop", "delete", "pause", "resume", "release"):
    refused(what, "POST", f"/api/experiments/{other}/{what}", "{}")
refused("delete", "DELETE", f"/api/experiments/{other}")
refused("list", "GET", "/api/experiments")
