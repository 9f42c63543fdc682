#include "coordinator/domain/jobs/submission.hpp"

#include <signal.h>
#include <unistd.h>

#include <cmath>
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

TEST(ScriptCheck, FindsASyntaxErrorWithItsLine) {
    const auto checked = SyntaxCheck().check("x = 1\nif x\n    print(x)\n");
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().code, ErrorCode::malformed);
    EXPECT_NE(checked.error().message.find("line 2"), std::string::npos) << checked.error().message;
}

TEST(ScriptCheck, RunsNothingOfTheScript) {
    const std::string mark = testing::TempDir() + "labhub-script-ran";
    std::remove(mark.c_str());
    EXPECT_TRUE(SyntaxCheck().check("open('" + mark + "', 'w').write('x')\n"));
    EXPECT_NE(::access(mark.c_str(), F_OK), 0);
}

TEST(ScriptCheck, TakesALargeScriptAndAHostileOne) {
    std::string large;
    while (large.size() < kMaxScriptBytes - 16) large += "x = 1\n";
    EXPECT_TRUE(SyntaxCheck().check(large));
    EXPECT_FALSE(SyntaxCheck().check(std::string(100'000, '(')));
    EXPECT_FALSE(SyntaxCheck().check("'''unclosed"));
}

/// The pid of this process's only child.
pid_t only_child() {
    std::ifstream children("/proc/self/task/" + std::to_string(::getpid()) + "/children");
    pid_t pid = 0;
    children >> pid;
    return pid;
}

TEST(ScriptCheck, JudgesTheSameWithAPythonThatWaited) {
    SyntaxCheck check;
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
    SyntaxCheck check;
    check.prepare();
    const pid_t waiting = only_child();
    ASSERT_GT(waiting, 0);
    ASSERT_EQ(::kill(waiting, SIGKILL), 0);
    EXPECT_TRUE(check.check("x = 1\n"));
}

TEST(ScriptCheck, LeavesNoPythonBehind) {
    {
        SyntaxCheck check;
        check.prepare();
        check.prepare();
        ASSERT_GT(only_child(), 0);
    }
    EXPECT_EQ(only_child(), 0);
}

}  // namespace
}  // namespace labhub::coordinator::jobs
