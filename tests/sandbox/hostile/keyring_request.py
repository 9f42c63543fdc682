"""request_key, which starts a program on the host."""
# says: EPERM
# control: none it may start /sbin/request-key
attempt("request_key", kernel, "request_key", b"user", b"hostile", b"info", -2)
