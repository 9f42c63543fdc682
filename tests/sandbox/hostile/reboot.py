"""To restart or stop the machine; only with wrong magic numbers' harmless answer EINVAL, were it let through."""
# says: EPERM
# control: none it would end the machine
attempt("reboot", kernel, "reboot", 0, 0, 0, None)
attempt("ctrl-alt-del off", kernel, "reboot", 0xFEE1DEAD, 672274793, 0, None)
