"""Process accounting into a file of one's own."""
# says: EPERM
# control: none it would change the machine
open("/tmp/accounts", "w").close()
attempt("acct", kernel, "acct", b"/tmp/accounts")
attempt("acct off", kernel, "acct", None)
