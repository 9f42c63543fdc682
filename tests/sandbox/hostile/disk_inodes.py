"""More files than allowed."""
# limits: files=100 output=8m
# says: ENOSPC
# check: output_within_limit
# control: none it would fill the machine's disk
def many(make):
    for n in range(10_000):
        make(n)
attempt("files", many, lambda n: os.close(os.open(f"f{n}", os.O_CREAT | os.O_WRONLY)))
attempt("folders", many, lambda n: os.mkdir(f"d{n}"))
attempt("links", many, lambda n: os.symlink("x", f"l{n}"))
