#include "coordinator/runner/ending.hpp"

#include <signal.h>

#include <gtest/gtest.h>

namespace labhub::coordinator::runner {
namespace {

int exited(int code) { return code << 8; }

EndFacts facts_of(int script_status) {
    EndFacts facts;
    facts.script_status = script_status;
    return facts;
}

TEST(Ending, ScriptThatEndsByItselfHasNoReason) {
    const Ended ended = name_the_end(facts_of(exited(0)), {});
    EXPECT_EQ(ended.exit_code, 0);
    EXPECT_EQ(ended.reason, "");
    EXPECT_EQ(ended.message, "the script completed");
    EXPECT_EQ(name_the_end(facts_of(exited(3)), {}).message, "the script ended with exit code 3");
    EXPECT_EQ(name_the_end(facts_of(SIGSEGV), {}).message, "the script was ended by signal SIGSEGV");
    EXPECT_EQ(name_the_end(facts_of(SIGSEGV), {}).exit_code, 128 + SIGSEGV);
}

TEST(Ending, LimitIsTheReasonOnlyOfAFailure) {
    EndFacts facts = facts_of(exited(0));
    facts.use.oom_kills = 1;
    facts.output_full = true;
    facts.use.pid_refusals = 1;
    EXPECT_EQ(name_the_end(facts, {}).reason, "");
    facts.script_status = SIGKILL;
    EXPECT_EQ(name_the_end(facts, {}).reason, "out_of_memory");
    facts.use.oom_kills = 0;
    EXPECT_EQ(name_the_end(facts, {}).reason, "disk_limit");
    facts.output_full = false;
    EXPECT_EQ(name_the_end(facts, {}).reason, "process_limit");
}

TEST(Ending, WhatWeDidComesBeforeWhatTheScriptSays) {
    EndFacts facts = facts_of(exited(0));
    facts.cause = "time_limit";
    Limits limits;
    limits.time_limit_ms = 90'000;
    const Ended ended = name_the_end(facts, limits);
    EXPECT_EQ(ended.reason, "time_limit");
    EXPECT_EQ(ended.exit_code, 0);
    EXPECT_NE(ended.message.find("1m30s"), std::string::npos) << ended.message;
    facts.cause = "user";
    EXPECT_EQ(name_the_end(facts, limits).reason, "user");
}

TEST(Ending, KilledInitStandsForTheScript) {
    EndFacts facts;
    facts.init_status = SIGKILL;
    EXPECT_EQ(name_the_end(facts, {}).exit_code, 137);
    EXPECT_EQ(name_the_end(facts, {}).signal, SIGKILL);
}

TEST(Ending, FailedStartIsNoFaultOfTheScript) {
    EndFacts facts;
    facts.start_failure = "crun 1.8.1: no";
    const Ended ended = name_the_end(facts, {});
    EXPECT_EQ(ended.reason, "sandbox_failed");
    EXPECT_EQ(ended.message, "crun 1.8.1: no");
    EXPECT_EQ(ended.exit_code, 127);
}

}  // namespace
}  // namespace labhub::coordinator::runner
