"""To add or take away swap space."""
# says: EPERM
# control: none it would change the machine
open("/tmp/swap", "wb").write(b"\0" * 4096)
attempt("swapon", kernel, "swapon", b"/tmp/swap", 0)
attempt("swapoff", kernel, "swapoff", b"/tmp/swap")
