"""More open files than allowed."""
# says: EMFILE
# control: none it would open many files
keep = []
def open_many():
    for _ in range(100_000):
        keep.append(os.open("/dev/null", os.O_RDONLY))
attempt("files", open_many)
limit = len(keep)
for fd in keep:
    os.close(fd)
escaped(f"{limit} open files") if limit > 4096 else None
