#pragma once

#include <optional>
#include <string>
#include <vector>

#include <boost/describe.hpp>
#include <boost/json.hpp>

#include "coordinator/api/schema.hpp"
#include "coordinator/domain/jobs/needs.hpp"

namespace labhub::coordinator::api {

/// What a device must be or have, as a start asks for it.
struct NeedsBody {
    std::optional<boost::json::value> device;
    std::optional<std::vector<std::string>> metrics, actuators;
};
BOOST_DESCRIBE_STRUCT(NeedsBody, (), (device, metrics, actuators))
template <>
struct MemberDocs<NeedsBody> {
    static constexpr MemberDoc list[] = {
        {"device", "node/device, or a list of them of which one will do; any there is when left out"},
        {"metrics", "names of metrics it has, sensors or actuators"},
        {"actuators", "names of metrics it has that can be set"}};
};

/// The same as replies show it.
struct NeedsView {
    std::vector<std::string> devices, metrics, actuators;
};
BOOST_DESCRIBE_STRUCT(NeedsView, (), (devices, metrics, actuators))
template <>
struct MemberDocs<NeedsView> {
    static constexpr MemberDoc list[] = {{"devices", "one of these; empty: any there is"}};
};

/// Errors malformed, too_large. `named` is a device named elsewhere, which then is the one.
Result<jobs::Needs> needs_of(const NeedsBody& body, const std::optional<std::string>& named);
NeedsView view_of(const jobs::Needs& needs);

}  // namespace labhub::coordinator::api
