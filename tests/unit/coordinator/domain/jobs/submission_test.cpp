#include "coordinator/domain/jobs/submission.hpp"

#include <signal.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "coordinator/domain/jobs/script_check.hpp"

namespace labhub::coordinator::jobs {
namespace {

Submission submission(std::string script = "print('hi')\n") {
    Submission wanted;
    wanted.script = std::move(script);
    wanted.device = DeviceAddress{NodeId{"n1"}, "vessel"};
    wanted.requested_by = "user:admin";
    return wanted;
}

ErrorCode code_of(Submission wanted) {
    const auto job = make_job(std::move(wanted), UtcMillis{1});
    return job ? ErrorCode::internal : job.error().code;
}

TEST(Submission, GivesAJobWithTheOldHubsLimits) {
    const auto job = make_job(submission(), UtcMillis{42});
    ASSERT_TRUE(job) << job.error().to_string();
    EXPECT_EQ(job->status, Status::queued);
    EXPECT_EQ(job->limits.memory_bytes, 512LL << 20);
    EXPECT_EQ(job->limits.time, std::chrono::hours{1});
    EXPECT_EQ(job->limits.cpus, 1.0);
    EXPECT_EQ(job->created, UtcMillis{42});
    EXPECT_EQ(job->secret.size(), 32u);
}

TEST(Submission, ChecksWhatAScriptIsGivenAndFoundBy) {
    Submission wanted = submission();
    wanted.params = {{"setpoint", 0.6}};
    wanted.inputs = {{"feed.csv", 0, std::string(64, 'a')}};
    wanted.labels = {{"b", "a", "b"}, "note"};
    const auto job = make_job(wanted, UtcMillis{1});
    ASSERT_TRUE(job) << job.error().to_string();
    EXPECT_EQ(job->params, wanted.params);
    EXPECT_EQ(job->inputs, wanted.inputs);
    EXPECT_EQ(job->labels.tags, (std::vector<std::string>{"a", "b"}));
    Submission clash = wanted;
    clash.environment = {{"LABHUB_PARAM_SETPOINT", "1"}};
    EXPECT_EQ(code_of(clash), ErrorCode::conflict);
    Submission elsewhere = wanted;
    elsewhere.inputs.front().name = "../feed.csv";
    EXPECT_EQ(code_of(elsewhere), ErrorCode::malformed);
    Submission unheard = wanted;
    unheard.labels.tags = {"a b"};
    EXPECT_EQ(code_of(unheard), ErrorCode::malformed);
}

TEST(Submission, AsksForTheSameAgain) {
    Submission wanted = submission();
    wanted.time_limit = "90s";
    wanted.memory = "64m";
    wanted.output_limit = "8m";
    wanted.cpus = 0.5;
    wanted.priority = 7;
    wanted.environment = {{"X", "1"}};
    wanted.params = {{"setpoint", 0.6}};
    wanted.labels = {{"series"}, "the first"};
    auto first = make_job(wanted, UtcMillis{1});
    ASSERT_TRUE(first) << first.error().to_string();
    first->image = "python";
    Submission again = submission_of(*first);
    EXPECT_EQ(again.image, "python");
    again.script = first->script;
    const auto second = make_job(std::move(again), UtcMillis{2});
    ASSERT_TRUE(second) << second.error().to_string();
    EXPECT_EQ(second->limits.time, first->limits.time);
    EXPECT_EQ(second->limits.memory_bytes, first->limits.memory_bytes);
    EXPECT_EQ(second->limits.output_bytes, first->limits.output_bytes);
    EXPECT_EQ(second->limits.cpus, 0.5);
    EXPECT_EQ(second->priority, 7);
    EXPECT_EQ(second->environment, first->environment);
    EXPECT_EQ(second->params, first->params);
    EXPECT_EQ(second->restarted_from, first->id);
    EXPECT_EQ(second->labels.tags, first->labels.tags);
    EXPECT_EQ(second->labels.note, "") << "the note was about the other one";
    EXPECT_NE(second->id, first->id);
}

TEST(Submission, TakesLimitsAsPeopleWriteThem) {
    Submission wanted = submission();
    wanted.id = "run-7";
    wanted.time_limit = "1h30m";
    wanted.memory = "2g";
    wanted.output_limit = "64m";
    wanted.cpus = 0.5;
    const auto job = make_job(std::move(wanted), UtcMillis{1});
    ASSERT_TRUE(job) << job.error().to_string();
    EXPECT_EQ(job->id.value, "run-7");
    EXPECT_EQ(job->limits.time, std::chrono::minutes{90});
    EXPECT_EQ(job->limits.memory_bytes, 2LL << 30);
    EXPECT_EQ(job->limits.output_bytes, 64LL << 20);
}

TEST(Submission, ADryRunHasItsTimeLimitInTheTwinsTimeAndMinutesOfTheClock) {
    Submission wanted = submission();
    wanted.dry_run = true;
    wanted.time_limit = "8h";
    const auto job = make_job(std::move(wanted), UtcMillis{1});
    ASSERT_TRUE(job) << job.error().to_string();
    ASSERT_TRUE(job->dry_run.has_value());
    EXPECT_EQ(job->dry_run->limit, std::chrono::hours{8});
    EXPECT_EQ(job->dry_run->time_limit, std::chrono::hours{8});
    EXPECT_TRUE(job->dry_run->has_time_limit);
    EXPECT_EQ(job->limits.time, std::chrono::minutes{10});
}

TEST(Submission, ADryRunLooksNoFurtherThanAsked) {
    Submission wanted = submission();
    wanted.dry_run = true;
    wanted.at_most = "8h";
    auto job = make_job(wanted, UtcMillis{1});
    ASSERT_TRUE(job) << job.error().to_string();
    EXPECT_EQ(job->dry_run->limit, std::chrono::hours{8});
    EXPECT_EQ(job->dry_run->time_limit, std::chrono::hours{1});  // where a real run would end
    EXPECT_FALSE(job->dry_run->has_time_limit);
    wanted.time_limit = "30m";
    job = make_job(wanted, UtcMillis{1});
    ASSERT_TRUE(job) << job.error().to_string();
    EXPECT_EQ(job->dry_run->limit, std::chrono::minutes{30});
}

TEST(Submission, AtMostIsForDryRuns) {
    Submission wanted = submission();
    wanted.at_most = "1h";
    EXPECT_EQ(code_of(wanted), ErrorCode::malformed);
    wanted.dry_run = true;
    wanted.at_most = "91d";
    EXPECT_EQ(code_of(wanted), ErrorCode::out_of_range);
    wanted.at_most = "soon";
    EXPECT_EQ(code_of(wanted), ErrorCode::malformed);
}

TEST(Submission, HasItsDeviceWhereItNamesOneAndNoneWhereItNeedsSomething) {
    const auto named = make_job(submission(), UtcMillis{1});
    ASSERT_TRUE(named);
    EXPECT_EQ(named->device_name(), "n1/vessel");
    Submission wanted = submission();
    wanted.device = {};
    wanted.needs.metrics = {"stirrer", "ph"};
    auto open = make_job(std::move(wanted), UtcMillis{1});
    ASSERT_TRUE(open) << open.error().to_string();
    EXPECT_FALSE(open->has_device());
    EXPECT_EQ(open->needs.metrics, (std::vector<std::string>{"ph", "stirrer"}));
    open->device = DeviceAddress{NodeId{"n2"}, "vessel"};
    open->give_up_device();
    EXPECT_EQ(open->device_name(), "");
}

TEST(Submission, NeedsWhatItsAlarmsWatch) {
    Submission wanted = submission();
    wanted.device = {};
    wanted.needs.metrics = {"stirrer"};
    wanted.alarms.resize(2);
    wanted.alarms[0].metric = "ph";
    wanted.alarms[1].rule = alarms::RuleId{"bath-hot"};
    const auto job = make_job(std::move(wanted), UtcMillis{1});
    ASSERT_TRUE(job) << job.error().to_string();
    EXPECT_EQ(job->needs.metrics, (std::vector<std::string>{"ph", "stirrer"}));
}

TEST(Submission, RefusesWhatCanNotBeMeant) {
    for (const char* const id : {"", "../../etc", "a b", ".hidden", "-rf", "x/y"}) {
        Submission wanted = submission();
        wanted.id = id;
        EXPECT_EQ(code_of(std::move(wanted)), ErrorCode::malformed) << id;
    }
    for (const auto& [limit, code] :
         std::vector<std::pair<std::string, ErrorCode>>{{"soon", ErrorCode::malformed},
                                                        {"-5s", ErrorCode::malformed},
                                                        {"0s", ErrorCode::out_of_range},
                                                        {"100d", ErrorCode::out_of_range}}) {
        Submission wanted = submission();
        wanted.time_limit = limit;
        EXPECT_EQ(code_of(std::move(wanted)), code) << limit;
    }
    for (const auto& [memory, code] : std::vector<std::pair<std::string, ErrorCode>>{{"lots", ErrorCode::malformed},
                                                                                     {"5q", ErrorCode::malformed},
                                                                                     {"1k", ErrorCode::out_of_range},
                                                                                     {"1e40", ErrorCode::malformed}}) {
        Submission wanted = submission();
        wanted.memory = memory;
        EXPECT_EQ(code_of(std::move(wanted)), code) << memory;
    }
    Submission wanted = submission();
    wanted.cpus = std::nan("");
    EXPECT_EQ(code_of(std::move(wanted)), ErrorCode::out_of_range);
}

TEST(Submission, RefusesEnvironmentsThatAreNone) {
    Submission odd = submission();
    odd.environment = {{"A=B", "x"}};
    EXPECT_EQ(code_of(std::move(odd)), ErrorCode::malformed);
    Submission nul = submission();
    nul.environment = {{"A", std::string("a\0b", 3)}};
    EXPECT_EQ(code_of(std::move(nul)), ErrorCode::malformed);
    Submission large = submission();
    large.environment = {{"A", std::string(64 * 1024, 'x')}};
    EXPECT_EQ(code_of(std::move(large)), ErrorCode::too_large);
}

TEST(Submission, ReadsSizes) {
    EXPECT_EQ(*parse_bytes("512m"), 512LL << 20);
    EXPECT_EQ(*parse_bytes("1.5G"), 3LL << 29);
    EXPECT_EQ(*parse_bytes("64KiB"), 64LL << 10);
    EXPECT_EQ(*parse_bytes("1048576"), 1LL << 20);
    EXPECT_FALSE(parse_bytes("m"));
    EXPECT_FALSE(parse_bytes("1 m"));
}

TEST(ScriptCheck, RefusesTextThatIsNoScriptAndSaysWhere) {
    EXPECT_EQ(check_script_text("").error().code, ErrorCode::malformed);
    const auto latin1 = check_script_text("x = '\xe9'");
    ASSERT_FALSE(latin1);
    EXPECT_NE(latin1.error().message.find("offset 5"), std::string::npos) << latin1.error().message;
    EXPECT_FALSE(check_script_text(std::string("a\0b", 3)));
    EXPECT_EQ(check_script_text(std::string(kMaxScriptBytes + 1, '#')).error().code, ErrorCode::too_large);
    EXPECT_TRUE(check_script_text(std::string(kMaxScriptBytes, '#')));
}

/// The host's own Python, as labhub-image confines it.
ScriptReader host_reader() {
    const char* const bin = std::getenv("LABHUB_BIN");
    const std::filesystem::path own =
        std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path() / "bin";
    ScriptReader reader;
    reader.program = (bin ? std::filesystem::path(bin) : own) / "labhub-image";
    return reader;
}

Result<std::vector<images::Import>> check(std::string_view script) { return ScriptCheck(host_reader()).check(script); }

/// "numpy:1 os:3"
std::string imports_of(std::string_view script) {
    const auto checked = check(script);
    if (!checked) return checked.error().to_string();
    std::string all;
    for (const auto& each : *checked) all += (all.empty() ? "" : " ") + each.module + ":" + std::to_string(each.line);
    return all;
}

TEST(ScriptCheck, FindsASyntaxErrorWithItsLine) {
    const auto checked = check("x = 1\nif x\n    print(x)\n");
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().code, ErrorCode::malformed);
    EXPECT_NE(checked.error().message.find("line 2"), std::string::npos) << checked.error().message;
}

TEST(ScriptCheck, RunsNothingOfTheScript) {
    const std::string mark = testing::TempDir() + "labhub-script-ran";
    std::remove(mark.c_str());
    EXPECT_TRUE(check("open('" + mark + "', 'w').write('x')\n"));
    EXPECT_NE(::access(mark.c_str(), F_OK), 0);
}

TEST(ScriptCheck, TakesALargeScriptAndAHostileOne) {
    std::string large;
    while (large.size() < kMaxScriptBytes - 16) large += "x = 1\n";
    EXPECT_TRUE(check(large));
    EXPECT_FALSE(check(std::string(100'000, '(')));
    EXPECT_FALSE(check("'''unclosed"));
}

TEST(ScriptCheck, NamesWhatAScriptImportsByItsFirstLine) {
    EXPECT_EQ(imports_of("import numpy.linalg as la, os\nfrom scipy.signal import butter\nimport numpy\n"),
              "numpy:1 os:1 scipy:2");
    EXPECT_EQ(imports_of("def f():\n    import pandas\n"), "pandas:2");
}

TEST(ScriptCheck, LeavesOutImportsWhoseFailureIsMeant) {
    EXPECT_EQ(imports_of("try:\n    import a\nexcept ImportError:\n    import b\n"), "");
    EXPECT_EQ(imports_of("try:\n    import a\nexcept (ValueError, ModuleNotFoundError):\n    pass\n"), "");
    EXPECT_EQ(imports_of("try:\n    import a\nexcept:\n    pass\n"), "");
    EXPECT_EQ(imports_of("try:\n    import a\nexcept ValueError:\n    pass\n"), "a:2");
    EXPECT_EQ(imports_of("import contextlib\nwith contextlib.suppress(ImportError):\n    import a\n"), "contextlib:1");
    EXPECT_EQ(imports_of("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import a\n"), "typing:1");
    EXPECT_EQ(imports_of("from . import a\nfrom .b import c\n"), "");
    EXPECT_EQ(imports_of("import importlib\nimportlib.import_module('a')\n__import__('b')\n"), "importlib:1");
}

TEST(ScriptCheck, SaysNothingOfImportsWhereTheScriptChangesTheirSource) {
    EXPECT_EQ(imports_of("import sys\nsys.path.insert(0, '/app/output')\nimport mine\n"), "");
    EXPECT_EQ(imports_of("from sys import path\nimport mine\n"), "");
}

TEST(ScriptCheck, SurvivesWhatIsMeantToHurtItsParser) {
    const std::string nested(5'000, '-');
    const std::string scripts[] = {"x = " + nested + "1\n",
                                   "x = " + std::string(90, '(') + "1" + std::string(90, ')'),
                                   "x = 10**10**10\n",
                                   "x = " + std::string(200'000, '9') + "\n",
                                   "x = 1" + std::string(100'000, '+') + "1\n",
                                   "lambda: " + std::string(50'000, '[')};
    for (const auto& script : scripts) {
        const auto checked = check(script);
        if (!checked) EXPECT_EQ(checked.error().code, ErrorCode::malformed) << checked.error().to_string();
    }
    EXPECT_TRUE(check("x = 1\n"));
}

TEST(ScriptCheck, RefusesToCheckWithoutAPython) {
    ScriptReader reader = host_reader();
    reader.python = "/usr/bin/no-python";
    const auto checked = ScriptCheck(reader).check("x = 1\n");
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().code, ErrorCode::unavailable) << checked.error().to_string();
}

/// The pid of this process's only child.
pid_t only_child() {
    std::ifstream children("/proc/self/task/" + std::to_string(::getpid()) + "/children");
    pid_t pid = 0;
    children >> pid;
    return pid;
}

TEST(ScriptCheck, JudgesTheSameWithAPythonThatWaited) {
    ScriptCheck check{host_reader()};
    for (int i = 0; i < 2; ++i) {
        check.prepare();
        const auto bad = check.check("x = 1\nif x\n");
        ASSERT_FALSE(bad);
        EXPECT_NE(bad.error().message.find("line 2"), std::string::npos) << bad.error().message;
        check.prepare();
        EXPECT_TRUE(check.check("x = 1\n"));
    }
}

TEST(ScriptCheck, PassesOverAWaitingPythonThatDied) {
    ::signal(SIGPIPE, SIG_IGN);
    ScriptCheck check{host_reader()};
    check.prepare();
    const pid_t waiting = only_child();
    ASSERT_GT(waiting, 0);
    ASSERT_EQ(::kill(waiting, SIGKILL), 0);
    EXPECT_TRUE(check.check("x = 1\n"));
}

TEST(ScriptCheck, LeavesNoPythonBehind) {
    {
        ScriptCheck check{host_reader()};
        check.prepare();
        check.prepare();
        ASSERT_GT(only_child(), 0);
    }
    EXPECT_EQ(only_child(), 0);
}

}  // namespace
}  // namespace labhub::coordinator::jobs
