#include <cstdio>
#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/cli/up/ports.hpp"
#include "shared/base/files.hpp"
#include "shared/base/sha256.hpp"
#include "tests/unit/coordinator/cli/fake_hub.hpp"
#include "tests/unit/coordinator/cli/zip_file.hpp"

namespace labhub::cli {
namespace {

using ::testing::HasSubstr;

struct Outcome {
    int status = -1;
    std::string output, errors;
};

class ProgramTest : public ::testing::Test {
  protected:
    /// Runs `labhub ARGUMENTS` in the test's folder as a shell would.
    Outcome labhub(const std::string& arguments) {
        const char* const bin = std::getenv("LABHUB_BIN");
        const std::string program = std::string(bin ? bin : "build/dev/bin") + "/labhub";
        const std::string command =
            "cd " + folder_.path().string() + " && LABHUB_URL=" + url_ + " LABHUB_TOKEN=" + token_ + " timeout 30 " +
            std::filesystem::absolute(program).string() + " " + arguments + " >out 2>err </dev/null";
        const int status = std::system(command.c_str());
        return {WEXITSTATUS(status), read_file(folder_.path() / "out").value_or(""),
                read_file(folder_.path() / "err").value_or("")};
    }
    /// An experiment `e1` whose script printed a line and ended with `state`.
    void serve_experiment(const std::string& state, const std::string& reason) {
        hub_.answer("POST /api/experiments/start", R"({"status":"success","experiment_id":"e1","message":"queued"})");
        hub_.answer("GET /api/experiments/e1/logs?stream=stdout&from=0",
                    R"({"status":"success","logs":"hello\nwor","next":9,"ended":false})");
        hub_.answer("GET /api/experiments/e1/logs?stream=stdout&from=9",
                    R"({"status":"success","logs":"ld\n","next":12,"ended":true})");
        hub_.answer("GET /api/experiments/e1/logs?stream=stdout&from=12",
                    R"({"status":"success","logs":"","next":12,"ended":true})");
        hub_.answer("GET /api/experiments/e1/logs?stream=stderr&from=0",
                    R"({"status":"success","logs":"careful","next":7,"ended":true})");
        hub_.answer("GET /api/experiments/e1/logs?stream=stderr&from=7",
                    R"({"status":"success","logs":"","next":7,"ended":true})");
        hub_.answer("GET /api/experiments/e1/status",
                    R"({"status":"success","experiment":{"experiment_id":"e1","status":")" + state + R"(","reason":")" +
                        reason +
                        R"(","message":"it used 600 MiB","started_at":1700000000000,"ended_at":1700000065000}})");
        testing::write_zip(folder_.path() / "served.zip", {{"exitcode.txt", "0\n"}, {"output/figure.png", "png"}});
        hub_.answer("GET /api/experiments/e1/download", *read_file(folder_.path() / "served.zip"));
        EXPECT_TRUE(write_file(folder_.path() / "script.py", "print('hello')\n"));
    }

    testing::TestFolder folder_;
    testing::FakeHub hub_{"t0ken"};
    std::string url_ = hub_.url();
    std::string token_ = "t0ken";
};

TEST_F(ProgramTest, RunFollowsTheLogFetchesTheResultsAndEndsWithTheOutcome) {
    serve_experiment("completed", "");
    const Outcome outcome = labhub("run script.py --device sim-1/vessel --time-limit 1h --memory 256m --out results");
    EXPECT_EQ(outcome.status, 0) << outcome.errors;
    EXPECT_EQ(outcome.output, "hello\nworld\n");
    EXPECT_THAT(outcome.errors, HasSubstr("careful\n"));
    EXPECT_THAT(outcome.errors, HasSubstr("experiment e1 completed after 1m5s"));
    EXPECT_EQ(read_file(folder_.path() / "results/output/figure.png"), "png");
    EXPECT_EQ(
        hub_.body_of("POST /api/experiments/start"),
        R"({"script_content":"print('hello')\n","config":{"device":"sim-1/vessel","time_limit":"1h","memory":"256m"}})");
}

TEST_F(ProgramTest, RunOfAFailedExperimentKeepsItsResultsAndEndsWithOne) {
    serve_experiment("failed", "out_of_memory");
    const Outcome outcome = labhub("run script.py");
    EXPECT_EQ(outcome.status, 1);
    EXPECT_THAT(outcome.errors, HasSubstr("experiment e1 failed (out_of_memory): it used 600 MiB"));
    EXPECT_TRUE(std::filesystem::exists(folder_.path() / "e1/results.zip"));
}

TEST_F(ProgramTest, RunWithJsonKeepsStandardOutputForTheResult) {
    serve_experiment("completed", "");
    const Outcome outcome = labhub("run script.py --json");
    EXPECT_THAT(outcome.output, ::testing::StartsWith("{"));
    EXPECT_THAT(outcome.output, HasSubstr(R"("files": [)"));
    EXPECT_THAT(outcome.errors, HasSubstr("hello\nworld\n"));
}

TEST_F(ProgramTest, FollowsTheLogsAsTheHubStreamsThem) {
    hub_.answer("GET /api/experiments/e1/logs",
                "retry: 2000\n: nothing new\n\nid: 6-0\nevent: stdout\ndata: {\"text\":\"one\\ntw\",\"next\":6}\n\n"
                "id: 6-5\nevent: stderr\ndata: {\"text\":\"oops\\n\",\"next\":5}\n\n"
                "id: 8-5\nevent: stdout\ndata: {\"text\":\"o\\n\",\"next\":8}\n\n"
                "id: 8-5\nevent: end\ndata: {\"status\":\"completed\"}\n\n");
    const Outcome outcome = labhub("logs -f e1");
    EXPECT_EQ(outcome.status, 0) << outcome.errors;
    EXPECT_EQ(outcome.output, "one\ntwo\n");
    EXPECT_EQ(outcome.errors, "oops\n");
}

TEST_F(ProgramTest, FollowsEventsToTheEnd) {
    hub_.answer(
        "GET /api/experiments/e1/events",
        "id: 3\nevent: note\ndata: {\"number\":3,\"time\":1700000000000,\"kind\":\"note\",\"who\":\"user:ada\","
        "\"message\":\"looks good\"}\n\n"
        "id: 4\nevent: completed\ndata: {\"number\":4,\"time\":1700000001000,\"kind\":\"completed\",\"who\":\"\","
        "\"message\":\"\"}\n\n");
    const Outcome outcome = labhub("events -f e1");
    EXPECT_EQ(outcome.status, 0) << outcome.errors;
    EXPECT_THAT(outcome.output, HasSubstr("note  looks good  (user:ada)\n"));
    EXPECT_THAT(outcome.output, HasSubstr("completed\n"));
    EXPECT_EQ(labhub("events -f e1 --json").output.substr(0, 11), R"({"number":3)");
}

TEST_F(ProgramTest, SendsAFileOnceAndStartsWithIt) {
    serve_experiment("completed", "");
    EXPECT_TRUE(write_file(folder_.path() / "feed.csv", "t,ml\n"));
    const std::string sum = sha256_hex("t,ml\n");
    hub_.answer("GET /api/inputs/" + sum,
                R"({"status":"error","error":{"code":"not_found","message":"no such file","detail":""}})", 404);
    hub_.answer("POST /api/inputs", R"({"status":"success","input":{"sha256":")" + sum + R"(","size":5}})");
    const Outcome outcome = labhub("run script.py --input feed.csv=profile.csv --param setpoint=0.6 --tag growth");
    EXPECT_EQ(outcome.status, 0) << outcome.errors;
    EXPECT_EQ(hub_.body_of("POST /api/inputs"), "t,ml\n");
    EXPECT_EQ(hub_.body_of("POST /api/experiments/start"),
              R"({"script_content":"print('hello')\n","config":{"params":{"setpoint":0.6},"tags":["growth"],)"
              R"("inputs":[{"name":"profile.csv","sha256":")" +
                  sum + R"("}]}})");
}

TEST_F(ProgramTest, StartsAnEndedOneAgain) {
    serve_experiment("completed", "");
    hub_.answer("POST /api/experiments/e0/restart", R"({"status":"success","experiment_id":"e1","message":"queued"})");
    const Outcome outcome = labhub("rerun e0 --param setpoint=0.7 --out again");
    EXPECT_EQ(outcome.status, 0) << outcome.errors;
    EXPECT_EQ(hub_.body_of("POST /api/experiments/e0/restart"), R"({"config":{"params":{"setpoint":0.7}}})");
    EXPECT_EQ(read_file(folder_.path() / "again/output/figure.png"), "png");
}

TEST_F(ProgramTest, ChangesTags) {
    hub_.answer("PATCH /api/experiments/e1", R"({"status":"success","tags":["growth","kept"],"note":"first"})");
    const Outcome outcome = labhub("tag e1 kept -draft");
    EXPECT_EQ(outcome.status, 0) << outcome.errors;
    EXPECT_EQ(outcome.output, "tags: growth kept\nnote: first\n");
    EXPECT_EQ(hub_.body_of("PATCH /api/experiments/e1"), R"({"add_tags":["kept"],"remove_tags":["draft"]})");
}

TEST_F(ProgramTest, RefusalsAreOneLineAndStatusOne) {
    hub_.answer(
        "POST /api/experiments/nope/stop",
        R"({"status":"error","error":{"code":"not_found","message":"there is no experiment 'nope'","detail":"see GET /api/experiments"}})",
        404);
    const Outcome outcome = labhub("stop nope");
    EXPECT_EQ(outcome.status, 1);
    EXPECT_EQ(outcome.output, "");
    EXPECT_EQ(outcome.errors, "labhub: there is no experiment 'nope' (see GET /api/experiments)\n");
    EXPECT_THAT(labhub("stop nope --json").output, HasSubstr(R"("code": "not_found")"));
}

TEST_F(ProgramTest, WithoutAHubTheStatusIsThree) {
    url_ = "http://127.0.0.1:" + std::to_string(*up::free_port());
    const Outcome outcome = labhub("nodes");
    EXPECT_EQ(outcome.status, 3);
    EXPECT_THAT(outcome.errors, HasSubstr(url_));
}

TEST_F(ProgramTest, AWrongTokenSaysWhereTheRightOneIs) {
    token_ = "wrong";
    const Outcome outcome = labhub("nodes");
    EXPECT_EQ(outcome.status, 1);
    EXPECT_THAT(outcome.errors, HasSubstr("LABHUB_TOKEN"));
}

TEST_F(ProgramTest, UsageIsStatusTwo) {
    EXPECT_EQ(labhub("fly").status, 2);
    EXPECT_EQ(labhub("run").status, 2);
    EXPECT_EQ(labhub("").status, 2);
    EXPECT_EQ(labhub("--help").status, 0);
    EXPECT_EQ(labhub("nodes --url nonsense").status, 2);
}

TEST_F(ProgramTest, NodesShowsWhoHasWhat) {
    hub_.answer("GET /api/nodes",
                R"({"status":"success","nodes":[{"node":"sim-1","state":"online","reason":"","last_seen":1700000000000,
        "version":"0.1.0","link":"connected","devices":[{"device":"sim-1/vessel","connected":true,"lease":null}]},
        {"node":"sim-2","state":"offline","reason":"ndeath","last_seen":null,"version":"","link":"down","devices":[]}]})");
    const Outcome outcome = labhub("nodes");
    EXPECT_EQ(outcome.status, 0);
    EXPECT_THAT(outcome.output, HasSubstr("NODE   STATE"));
    EXPECT_THAT(outcome.output, HasSubstr("sim-1/vessel (free)"));
    EXPECT_THAT(outcome.output, HasSubstr("offline (ndeath)"));
}

TEST_F(ProgramTest, SetSendsTypedValuesAndShowsWhatWasApplied) {
    hub_.answer("GET /api/devices/sim-1/vessel", R"({"status":"success","device":{"device":"sim-1/vessel","metrics":[
        {"name":"stirrer","kind":"actuator","type":"number","unit":"%","minimum":0,"maximum":100,"value":0},
        {"name":"led","kind":"actuator","type":"boolean","value":false}]}})");
    hub_.answer("POST /api/devices/sim-1/vessel/set",
                R"({"status":"success","applied":[{"metric":"stirrer","value":40},{"metric":"led","value":true}]})");
    const Outcome outcome = labhub("set sim-1/vessel stirrer=40 led=on");
    EXPECT_EQ(outcome.status, 0) << outcome.errors;
    EXPECT_EQ(hub_.body_of("POST /api/devices/sim-1/vessel/set"), R"({"values":{"stirrer":40,"led":true}})");
    EXPECT_THAT(outcome.output, HasSubstr("stirrer       40"));
    EXPECT_EQ(labhub("set sim-1/vessel stirrer=400").status, 1);
    EXPECT_EQ(labhub("set vessel stirrer=4").status, 1);
}

TEST_F(ProgramTest, ReadWithoutADeviceTakesTheOnlyOne) {
    hub_.answer("GET /api/devices", R"({"status":"success","devices":[{"device":"sim-1/vessel"}]})");
    hub_.answer("GET /api/devices",
                R"({"status":"success","devices":[{"device":"sim-1/vessel"},{"device":"sim-2/vessel"}]})");
    hub_.answer("GET /api/devices/sim-1/vessel",
                R"({"status":"success","device":{"device":"sim-1/vessel","state":"online","lease":null,"metrics":[
        {"name":"vial_A_temp","kind":"sensor","type":"number","unit":"Cel","value":36.95,"time":1700000000000,"quality":"good"}]}})");
    const Outcome only = labhub("read");
    EXPECT_EQ(only.status, 0) << only.errors;
    EXPECT_THAT(only.output, HasSubstr("36.95"));
    const Outcome many = labhub("read");
    EXPECT_EQ(many.status, 1);
    EXPECT_THAT(many.errors, HasSubstr("name one of: sim-1/vessel, sim-2/vessel"));
}

TEST_F(ProgramTest, ResultsAreSavedAndListed) {
    serve_experiment("completed", "");
    const Outcome outcome = labhub("results e1 -o mine.zip");
    EXPECT_EQ(outcome.status, 0) << outcome.errors;
    EXPECT_THAT(outcome.output, HasSubstr("  output/figure.png\n"));
    EXPECT_TRUE(std::filesystem::exists(folder_.path() / "mine.zip"));
}

TEST_F(ProgramTest, ResultsAreVerifiedFromTheHubAsAFileAndAsAFolder) {
    const std::string sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";  // of "abc"
    const std::string crate =
        R"({"@graph":[{"@id":"output/gr%C3%B6%C3%9Fe.csv","@type":"File","contentSize":"3","sha256":")" + sum +
        R"("}]})";
    testing::write_zip(folder_.path() / "good.zip", {{"output/größe.csv", "abc"}, {"ro-crate-metadata.json", crate}});
    testing::write_zip(folder_.path() / "bad.zip", {{"output/größe.csv", "abd"}, {"ro-crate-metadata.json", crate}});
    hub_.answer("GET /api/experiments/e1/download", *read_file(folder_.path() / "good.zip"));
    hub_.answer("GET /api/experiments/e2/download", *read_file(folder_.path() / "bad.zip"));
    EXPECT_EQ(labhub("results verify e1").status, 0);
    const Outcome bad = labhub("results verify e2");
    EXPECT_EQ(bad.status, 1);
    EXPECT_EQ(bad.output, "changed   output/größe.csv\n");
    token_ = "wrong";  // what is here is checked without the hub
    EXPECT_EQ(labhub("results verify good.zip").status, 0);
    EXPECT_EQ(labhub("results verify bad.zip --json").status, 1);
    std::filesystem::create_directories(folder_.path() / "kept/output");
    ASSERT_TRUE(write_file(folder_.path() / "kept/output/größe.csv", "abc"));
    ASSERT_TRUE(write_file(folder_.path() / "kept/ro-crate-metadata.json", crate));
    EXPECT_EQ(labhub("results verify kept").status, 0);
    const Outcome none = labhub("results verify ./nowhere.zip");
    EXPECT_EQ(none.status, 1);
    EXPECT_THAT(none.errors, HasSubstr("nowhere.zip"));
}

TEST_F(ProgramTest, LogsWithoutFollowPrintsAllThereIs) {
    serve_experiment("completed", "");
    const Outcome outcome = labhub("logs e1");
    EXPECT_EQ(outcome.status, 0);
    EXPECT_EQ(outcome.output, "hello\nworld\n");
    EXPECT_EQ(outcome.errors, "careful\n");
}

TEST_F(ProgramTest, ListsOfReadingsAreFetchedPageByPage) {
    const auto row = [](const std::string& metric) {
        return R"({"device":"sim-1/vessel","metric":")" + metric +
               R"(","value":1,"unit":"V","time":1,"quality":"good"})";
    };
    hub_.answer("GET /api/telemetry/latest?metric=m%2A",
                R"({"status":"success","latest":[)" + row("m1") + R"(],"total":3,"next":2})");
    hub_.answer("GET /api/telemetry/latest?metric=m%2A&offset=2",
                R"({"status":"success","latest":[)" + row("m3") + R"(],"total":3,"next":null})");
    const Outcome outcome = labhub("telemetry latest 'm*'");
    EXPECT_EQ(outcome.status, 0) << outcome.errors;
    EXPECT_THAT(outcome.output, HasSubstr("m1"));
    EXPECT_THAT(outcome.output, HasSubstr("m3"));
}

}  // namespace
}  // namespace labhub::cli
