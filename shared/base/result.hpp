#pragma once

#include <utility>

#include <tl/expected.hpp>

#include "shared/base/error.hpp"

namespace labhub {

/// What an operation that can fail returns: a T, or an Error with a code, a message and a detail.
/// Ignoring one is a compiler warning. Exceptions are for bugs; third-party throws become a Result in the adapter.
template <class T = void>
class [[nodiscard]] Result : public tl::expected<T, Error> {
    using Base = tl::expected<T, Error>;

  public:
    using Base::Base;
    Result(Base base) : Base(std::move(base)) {}
    Result(Error error) : Base(tl::unexpect, std::move(error)) {}
};

}  // namespace labhub

#define LABHUB_CONCAT_IMPL(a, b) a##b
#define LABHUB_CONCAT(a, b) LABHUB_CONCAT_IMPL(a, b)

/// `LABHUB_TRY(auto port, parse_port(text));` declares `port`, or returns the error. Never with co_await in it.
#define LABHUB_TRY(declaration, expression)                                                            \
    auto LABHUB_CONCAT(result_, __LINE__) = (expression);                                              \
    if (!LABHUB_CONCAT(result_, __LINE__)) return std::move(LABHUB_CONCAT(result_, __LINE__)).error(); \
    declaration = std::move(*LABHUB_CONCAT(result_, __LINE__))

/// `LABHUB_CHECK(write(file));` goes on, or returns the error. Never with co_await in it.
#define LABHUB_CHECK(expression) \
    if (auto check_ = (expression); !check_) return std::move(check_).error()
