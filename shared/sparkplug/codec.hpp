#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.hpp"
#include "shared/sparkplug/payload.hpp"
#include "shared/sparkplug/topics.hpp"

namespace labhub::sparkplug {

/// Bytes of a message, strict in what it sends: a timestamp in the payload and in every metric of births and data, a
/// name and a datatype in every metric, seq exactly where the specification wants it (none in NDEATH, NCMD, DCMD), only
/// Boolean, Int64, Double and String. Error malformed names the metric and the rule.
Result<std::string> encode(MessageType type, const Payload& payload);

/// What the births of one node, or of one device, said of their metrics: needed to read data messages that leave out
/// names (aliases) or datatypes.
class MetricCatalog {
  public:
    /// Forgets what it knew and learns the metrics of a birth.
    void learn(const Payload& birth);
    void clear();
    bool empty() const { return types_.empty(); }

    bool knows(const std::string& name) const { return types_.contains(name); }
    std::optional<DataType> type_of(const std::string& name) const;
    /// Empty where the alias is unknown.
    std::string name_of(std::uint64_t alias) const;

  private:
    std::map<std::string, DataType> types_;
    std::map<std::uint64_t, std::string> names_;
};

struct Decoded {
    Payload payload;
    /// Metrics of a type we don't decode, or with a value in the wrong field. Left out with `births` given; without,
    /// kept with a null value, so that MetricCatalog learns their names.
    std::size_t unsupported = 0;
    std::size_t unknown = 0;  ///< metrics left out: not in the catalog, no name, no datatype to be had
    /// The first few names that are not UTF-8, as they came, of the metrics left out.
    std::vector<std::string> bad_names;
};

/// Lenient in what it receives: integers are cut to the declared width and sign-extended, UInt32 is taken from either
/// field, NaN and infinities are null and of bad quality, a missing datatype or name comes from `births`. With `births`
/// given, metrics it doesn't know are left out and counted; without, every named and typed metric is taken (births,
/// deaths, commands). Error malformed where the bytes are no payload at all, too_large above kMaxPayloadBytes,
/// unsupported for a compressed payload.
Result<Decoded> decode(std::string_view bytes, const MetricCatalog* births = nullptr);

inline constexpr std::size_t kMaxPayloadBytes = 4u << 20;

}  // namespace labhub::sparkplug
