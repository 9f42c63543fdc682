"""personality(2) other than the default: it switches protections off."""
# says: EPERM
# control: unshare
for name, value in (("no address randomisation", 0x0040000), ("read implies execute", 0x0400000), ("mmap at 0", 0x0100000), ("32 bits", 0x0008)):
    attempt(name, kernel, "personality", value)
