"""To be somebody else: guessed tokens, headers that proxies set, cookies, another host's name."""
# through: hub
# control: none there is no hub outside
for name, headers in (("no token", {}), ("a guess", {"Authorization": "Bearer admin"}), ("empty", {"Authorization": "Bearer "}), ("basic", {"Authorization": "Basic YWRtaW46YWRtaW4="}),
                      ("forwarded", {"X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1", "X-Forwarded-User": "admin", "Forwarded": "for=127.0.0.1"}),
                      ("cookie", {"Cookie": "token=admin; session=admin"}), ("host", {"Host": "localhost:8080"}), ("job header", {"X-Job": os.environ["NEIGHBOUR"]}),
                      ("the neighbour's id", {"Authorization": "Bearer " + os.environ["NEIGHBOUR"]})):
    refused(name, "GET", "/api/experiments", headers=headers)
    refused(f"start: {name}", "POST", "/api/experiments/start", '{"script_content": "print(1)"}', headers)
