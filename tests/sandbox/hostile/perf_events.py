"""perf_event_open, of oneself and of everything."""
# says: EPERM
# control: unshare
asked = (ctypes.c_uint64 * 16)(1 | 112 << 32, 0)
attempt("own", kernel, "perf_event_open", asked, 0, -1, -1, 0)
attempt("processor", kernel, "perf_event_open", asked, -1, 0, -1, 0)
