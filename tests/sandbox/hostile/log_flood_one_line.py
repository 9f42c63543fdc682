"""A flood without a single line's end, on both streams."""
# limits: log=64k time=10s
# word: none
# check: log_within_limit log_holds:bytes_are_left_out
# control: none it would only print
for _ in range(100):
    os.write(1, b"o" * 65536)
    os.write(2, b"e" * 65536)
