"""System V shared memory, semaphores and queues; POSIX message queues."""
# says: EPERM
# control: unshare
attempt("shmget", kernel, "shmget", 0, 4096, 0o1600)
attempt("semget", kernel, "semget", 0, 1, 0o1600)
attempt("msgget", kernel, "msgget", 0, 0o1600)
attempt("mq_open", kernel, "mq_open", b"hostile", os.O_RDWR | os.O_CREAT, 0o600, None)
