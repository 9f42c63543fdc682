"""Folders so deep that a path is too long: what is beside them is in results.zip all the same."""
# through: hub
# check: zip_is_plain zip_holds:kept:zz-kept hub_answered
# control: none the harness reads the zip
open("kept", "w").write("kept")
top = os.open(".", os.O_RDONLY)
for n in range(100):
    os.mkdir("d" * 250)
    os.chdir("d" * 250)
    open("deep", "w").write("deep")
os.fchdir(top)
open("zz-kept", "w").write("kept")
denied("deep folders", "left out from a depth on")
