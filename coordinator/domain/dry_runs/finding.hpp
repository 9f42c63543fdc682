#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "shared/base/clock.hpp"

namespace labhub::coordinator::dry_runs {

/// error: the experiment is wrong as it is; warning: it is likely to be; note: good to know.
enum class Severity { note, warning, error };
std::string_view to_string(Severity severity);

/// One thing a dry run found.
struct Finding {
    Finding(Severity severity_in, std::string kind_in, std::string subject_in, UtcMillis time_in)
        : severity(severity_in), kind(std::move(kind_in)), subject(std::move(subject_in)), time(time_in) {}

    Severity severity;
    std::string kind;     ///< overflow, culture_hot, wrong_unit, refused, …: docs/guides/dry-run.md has all
    std::string subject;  ///< the vial, the metric, or what else it is about
    UtcMillis time;       ///< the first time, by the twin's clock
    std::string message;  ///< what is wrong, one sentence
    std::string advice;   ///< what would be right; may be empty
    int line = 0;         ///< of the script; 0: not known
    std::optional<double> value, limit;
    std::int64_t times = 1;
};

}  // namespace labhub::coordinator::dry_runs
