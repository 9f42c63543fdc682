#include "shared/base/error.hpp"

#include <cerrno>

#include <gtest/gtest.h>

#include "shared/base/result.hpp"

namespace labhub {
namespace {

constexpr ErrorCode kAll[] = {ErrorCode::malformed,   ErrorCode::unauthenticated, ErrorCode::forbidden,
                              ErrorCode::not_found,   ErrorCode::conflict,        ErrorCode::out_of_range,
                              ErrorCode::too_large,   ErrorCode::too_many,        ErrorCode::unavailable,
                              ErrorCode::timed_out,   ErrorCode::corrupt,         ErrorCode::storage_full,
                              ErrorCode::unsupported, ErrorCode::internal};

TEST(ErrorCode, KeepsItsNameAcrossTheWire) {
    for (const auto code : kAll) EXPECT_EQ(code_from_name(code_name(code)), code);
    EXPECT_EQ(code_from_name("of a later version"), ErrorCode::internal);
}

TEST(ErrorCode, HasAnHttpStatusThatLeadsBack) {
    for (const auto code : kAll) {
        EXPECT_GE(http_status(code), 400);
        // Two share status 500; the one that claims less is taken.
        const auto expected = code == ErrorCode::corrupt ? ErrorCode::internal : code;
        EXPECT_EQ(code_from_http_status(http_status(code)), expected) << code_name(code);
    }
    EXPECT_EQ(code_from_http_status(500), ErrorCode::internal);
    EXPECT_EQ(code_from_http_status(418), ErrorCode::malformed);
    EXPECT_EQ(code_from_http_status(599), ErrorCode::internal);
}

TEST(Error, GathersContextOnTheWayOut) {
    const Error inner{ErrorCode::storage_full, "no space", "free 1 MiB"};
    const auto outer = inner.within("open spool");
    EXPECT_EQ(outer.code, ErrorCode::storage_full);
    EXPECT_EQ(outer.to_string(), "open spool: no space (free 1 MiB)");
}

TEST(SystemError, SaysWhatWasDoneAndSortsErrno) {
    EXPECT_EQ(system_error("open /dev/ttyACM0", EACCES).to_string(), "open /dev/ttyACM0: Permission denied");
    EXPECT_EQ(system_error("x", EACCES).code, ErrorCode::forbidden);
    EXPECT_EQ(system_error("x", ENOENT).code, ErrorCode::not_found);
    EXPECT_EQ(system_error("x", ENOSPC).code, ErrorCode::storage_full);
    EXPECT_EQ(system_error("x", ECONNREFUSED).code, ErrorCode::unavailable);
}

Result<int> half(int number) {
    if (number % 2 != 0) return Error{ErrorCode::malformed, "odd"};
    return number / 2;
}

Result<int> quarter(int number) {
    LABHUB_TRY(const int once, half(number));
    LABHUB_CHECK(half(once));
    return half(once);
}

TEST(Result, HandsTheFirstErrorOut) {
    EXPECT_EQ(quarter(8), 2);
    EXPECT_EQ(quarter(6).error().message, "odd");
    EXPECT_EQ(quarter(3).error().message, "odd");
}

}  // namespace
}  // namespace labhub
