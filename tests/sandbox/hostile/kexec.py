"""To start another kernel."""
# says: EPERM
# control: none it would change the machine
attempt("kexec_load", kernel, "kexec_load", 0, 0, None, 0)
attempt("kexec_file_load", kernel, "kexec_file_load", -1, -1, 0, None, 0)
