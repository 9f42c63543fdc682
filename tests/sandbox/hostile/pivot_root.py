"""To change the root (pivot_root)."""
# says: EPERM
# control: none of an unshared control it would only find another error
attempt("pivot_root", kernel, "pivot_root", b"/tmp", b"/tmp")
