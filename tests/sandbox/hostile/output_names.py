"""Names with line ends, control bytes, bytes that are no UTF-8, and 255 of them."""
# check: output_is_plain output_holds:kept
# control: none the harness reads what is kept
for name in (b"new\nline", b"carriage\rreturn", b"\x1b[31mred", b"not-\xff\xfe-utf8", b"x" * 255, b" ", b"-rf", b"..\\..\\up", b"quote\"'$(reboot)", b"\xe2\x80\xaegnp.exe",
             b"...", b"C:\\x", b"nul", b"~root", b"%2e%2e%2f"):
    with open(b"/app/output/" + name, "wb") as f:
        f.write(b"kept")
for name in (b"../outside", b"/outside", b"a/../../outside", b"nul\0byte"):
    try:
        open(b"/app/output/" + name, "wb")
        escaped(repr(name)) if os.path.exists("/app/outside") or os.path.exists("/outside") else denied(repr(name), "nothing there")
    except (OSError, ValueError) as error:
        denied(repr(name), error)
open("kept", "w").write("kept")
