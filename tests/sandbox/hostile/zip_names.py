"""Names in results.zip that would lead out of the folder it is unpacked in, or into a terminal."""
# through: hub
# check: zip_is_plain zip_holds:kept
# control: none the harness reads the zip
for name in (b"..\\..\\up", b"...", b"new\nline", b"\x1b[31m", b"not-\xff\xfe-utf8", b"C:\\x", b"-rf", b"%2e%2e%2fup", b"x" * 255, b"a\r\nb", b"\xc0\xae\xc0\xae", b" ", b"~"):
    with open(b"/app/output/" + name, "wb") as f:
        f.write(b"kept")
for path in ("../up", "/up", "/app/output/a/../../up", "/app/output/../up"):
    attempt(path, open, path, "w")
open("kept", "w").write("kept")
