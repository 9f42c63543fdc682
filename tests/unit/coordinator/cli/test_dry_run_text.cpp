#include <gtest/gtest.h>

#include "coordinator/cli/dry_run_text.hpp"
#include "coordinator/cli/table.hpp"
#include "shared/base/json.hpp"
#include "shared/base/text.hpp"

namespace labhub::cli {
namespace {

boost::json::object report(const char* text) { return parse_json(text)->get_object(); }

const char* const kOverflow = R"json({
    "experiment_id": "x", "device": "sim-1/vessel", "outcome": "the script came to its end",
    "began_at": 1800000000000, "ended_at": 1800007200000, "duration_s": 7200, "took_s": 3.14159,
    "errors": 1, "warnings": 0, "samples": 7201, "commands": 1440,
    "findings": [
        {"severity": "error", "kind": "overflow", "subject": "A", "line": 21, "at_s": 833.4, "times": 3,
         "message": "vial A runs over: it holds 30.0 mL, and pump_A_in brings 0.006 mL/s since 0m00s (line 21)",
         "advice": "pump_A_out is off: run it at least as fast as pump_A_in"},
        {"severity": "note", "kind": "left_on", "subject": "led", "line": null, "at_s": 7200, "times": 1,
         "message": "led is left at true at the end", "advice": ""}],
    "actuators": [
        {"metric": "pump_A_in", "unit": "mL/s", "commands": 1440, "refused": 0, "least": 0, "most": 0.02, "last": "0"},
        {"metric": "ring_light", "unit": "", "commands": 1, "refused": 1, "least": null, "most": null, "last": "#ff0000"}],
    "vials": [],
    "series": [
        {"metric": "vial_A_od", "unit": "", "has_steps": false,
         "times": [1800000000000, 1800003600000, 1800007200000], "values": [0.2, 0.4, 0.3]},
        {"metric": "pump_A_in", "unit": "mL/s", "has_steps": true,
         "times": [1800000000000, 1800003600000, 1800007200000], "values": [0, 0.02, 0.02]}],
    "assumptions": ["each vial begins with 25 mL"], "not_simulated": ["ph", "pressure"]
})json";

bool says(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(DryRunText, TellsWhatWasFoundWhereAndWhatWouldBeRight) {
    const std::string text = dry_run_text(report(kOverflow), {"overflow.py", 100, false});
    EXPECT_TRUE(says(text, "Dry run of overflow.py against a twin of sim-1/vessel")) << text;
    EXPECT_TRUE(says(text, "2h00m00s in 3.1 s   7,201 samples   1,440 commands")) << text;
    EXPECT_TRUE(says(text, "error    vial A runs over")) << text;
    EXPECT_TRUE(says(text, "at 13m53s  line 21")) << text;
    EXPECT_TRUE(says(text, "→ pump_A_out is off")) << text;
    EXPECT_TRUE(says(text, "(3 times)")) << text;
    EXPECT_LT(text.find("vial A runs over"), text.find("led is left"));
}

TEST(DryRunText, CondensesCommands) {
    const std::string text = dry_run_text(report(kOverflow), {"overflow.py", 100, false});
    EXPECT_TRUE(says(text, "1,440 times  0 … 0.02 mL/s")) << text;
    EXPECT_TRUE(says(text, "#ff0000")) << text;
}

TEST(DryRunText, SaysWhatIsTakenForGrantedAndUnknown) {
    const std::string text = dry_run_text(report(kOverflow), {"overflow.py", 100, false});
    EXPECT_TRUE(says(text, "· each vial begins with 25 mL")) << text;
    EXPECT_TRUE(says(text, "knows nothing of ph, pressure")) << text;
}

TEST(DryRunText, KeepsToTheWidth) {
    const std::string text = dry_run_text(report(kOverflow), {"overflow.py", 60, false});
    for (const auto line : split(text, '\n')) EXPECT_LE(width_of(line), 75u) << line;
    EXPECT_TRUE(says(text, "\n         ")) << text;
}

TEST(DryRunText, SaysSoWhenNothingIsWrong) {
    const std::string text = dry_run_text(report(R"({"device": "a/b", "errors": 0, "warnings": 0, "findings": [],
        "actuators": [], "series": []})"),
                                          {"x.py", 80, true});
    EXPECT_TRUE(says(text, "nothing wrong was found")) << text;
    EXPECT_TRUE(says(text, "none were sent")) << text;
    EXPECT_TRUE(says(text, "\x1b[32m")) << text;
}

TEST(DryRunText, SurvivesAReportOfAnotherVersion) {
    EXPECT_FALSE(dry_run_text(report(R"({"findings": [{}], "series": [{"metric": "x", "times": ["a"], "values": [1]}],
        "actuators": [{}]})"),
                              {"x.py", 80, false})
                     .empty());
}

}  // namespace
}  // namespace labhub::cli
