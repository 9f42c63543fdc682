#pragma once

#include <string>
#include <string_view>

#include "coordinator/domain/jobs/job.hpp"

namespace labhub::coordinator::store {

/// What a job was started with and never changes, as JSON: the column `request` of the table `jobs`. A member that
/// isn't there has its default, as jobs of earlier versions haven't all of them.
std::string encode_request(const jobs::Job& job);
/// Fills `job`, whose id is known. Errors malformed, corrupt.
Result<void> decode_request(std::string_view text, jobs::Job& job);

}  // namespace labhub::coordinator::store
