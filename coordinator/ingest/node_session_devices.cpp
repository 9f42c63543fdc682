#include <algorithm>
#include <utility>

#include <spdlog/spdlog.h>

#include "coordinator/ingest/node_session.hpp"
#include "shared/base/text.hpp"

namespace labhub::coordinator::ingest {
namespace {

using sparkplug::MessageType;

constexpr std::size_t kMaxDevices = 256;  // of one node; a lab's has a handful

}  // namespace

void NodeSession::forget(const DeviceCatalog& device) {
    tally_.known_metrics -= device.named();
    tally_.known_bytes -= device.memory();
}

Result<void> NodeSession::check_device_birth(const std::string& name) const {
    LABHUB_CHECK(check_address_id("device id", name));
    if (devices_.size() >= kMaxDevices && !devices_.contains(name))
        return Error{ErrorCode::too_many, "a device more than the " + std::to_string(kMaxDevices) + " a node may have"};
    return {};
}

void NodeSession::device_birth(std::string_view device, std::string_view bytes) {
    const std::string name(device);
    if (auto good = check_device_birth(name); !good) return malformed(MessageType::dbirth, device, good.error());
    auto decoded = sparkplug::decode(bytes);
    if (!decoded) return malformed(MessageType::dbirth, device, decoded.error());
    if (!has_room_for(decoded->payload.metrics.size(), bytes.size())) return refuse_for_room("device " + name);
    const UtcMillis now = clock_.utc_now();
    const UtcMillis time = decoded->payload.timestamp.value_or(now);
    tally_.unknown_metrics += decoded->unknown;
    if (const auto known = devices_.find(name); known != devices_.end()) {
        forget(known->second);
        former_.remember(*known->second.schema());
        devices_.erase(known);
    }
    const DeviceAddress address{node_, name};
    const auto& catalog = devices_.try_emplace(name, address, decoded->payload, tally_).first->second;
    tally_.known_metrics += catalog.named();
    tally_.known_bytes += catalog.memory();
    note_mended(device, decoded->payload);
    former_.compare(*catalog.schema());
    note_refused(catalog, decoded->bad_names);
    DeviceBorn born{catalog.schema(), time, {}};
    RefusedTimes refused;
    born.samples = catalog.birth_samples(decoded->payload, time, SaneTimes::at(now), refused);
    refused_.note(*catalog.schema(), refused);
    tally_.readings += born.samples.size();
    sink_.device_born(std::move(born));
}

void NodeSession::note_refused(const DeviceCatalog& device, const std::vector<std::string>& bad_names) {
    if ((device.refused().empty() && bad_names.empty()) || !remarks_.may_log()) return;
    const std::string& name = device.schema()->device.device;
    refused_metrics_.note(name, device.refused());
    for (const auto& bad : bad_names) refused_metrics_.note(name, {{printable(bad, 80), why_name_is_refused(bad)}});
}

void NodeSession::device_death(std::string_view name, std::string_view bytes) {
    auto decoded = sparkplug::decode(bytes);
    if (!decoded) return malformed(MessageType::ddeath, name, decoded.error());
    const auto device = devices_.find(name);
    if (device == devices_.end()) return;
    const DeviceAddress address = device->second.schema()->device;
    forget(device->second);
    former_.remember(*device->second.schema());
    devices_.erase(device);
    const UtcMillis time = decoded->payload.timestamp.value_or(clock_.utc_now());
    sink_.device_died({address, time, "the node lost the device"});
}

void NodeSession::device_data(std::string_view name, std::string_view bytes) {
    const auto head = read_head(bytes);
    if (!head) return malformed(MessageType::ddata, name, head.error());
    const auto device = devices_.find(name);
    if (device == devices_.end()) {
        ++tally_.before_birth;
        if (lacks_room_) return;
        return note({Defect::Kind::unborn_device, ""}, name);
    }
    auto data = device->second.decode(bytes, *head, clock_.utc_now(), tally_);
    if (!data) return malformed(MessageType::ddata, name, data.error());
    note_left_out(device->second, *data);
    emit(device->second, std::move(*data));
}

/// What was left out must not be acknowledged: the node keeps it and sends it again after its rebirth.
void NodeSession::note_left_out(const DeviceCatalog& device, const DecodedData& data) {
    const DeviceSchema& schema = *device.schema();
    for (const auto& defect : data.defects) {
        tally_.malformed += defect.kind == Defect::Kind::unreadable_metric ? 1 : 0;
        note(defect, schema.device.device);
    }
    refused_.note(schema, data.refused);
    if (data.unsupported == 0) return;
    if (const auto count = remarks_.note(Oddity::unsupported_value, data.unsupported))
        spdlog::warn("node {}: a value of {}/{} is no {}, as its birth says, and left out ({} such values so far)",
                     node_.value, schema.device.device, schema.metrics[data.unsupported_last].name,
                     to_string(schema.metrics[data.unsupported_last].type), *count);
}

void NodeSession::node_data(std::string_view bytes) {
    auto decoded = sparkplug::decode(bytes, &node_catalog_);
    if (!decoded) return malformed(MessageType::ndata, "", decoded.error());
    tally_.unsupported_metrics += decoded->unsupported;
    tally_.unknown_metrics += decoded->unknown;
    if (decoded->unknown > 0) note({Defect::Kind::unknown_metric, first_unknown(bytes)}, "");
    NodeChanged changed{node_, decoded->payload.timestamp.value_or(clock_.utc_now()), {}};
    for (auto& metric : decoded->payload.metrics) changed.metrics[metric.name] = std::move(metric.value);
    if (!changed.metrics.empty()) sink_.node_changed(std::move(changed));
}

/// The name of the first metric the NBIRTH didn't have; empty where it has none.
std::string NodeSession::first_unknown(std::string_view bytes) const {
    FieldReader reader(bytes);
    while (reader.next()) {
        MetricView metric;
        if (reader.field() != kMetricField || !reader.is_text() || !read_metric(reader.text(), metric)) continue;
        std::string name(metric.name);
        if (!name.empty() && !node_catalog_.knows(name)) return name;
    }
    return {};
}

void NodeSession::emit(const DeviceCatalog& device, DecodedData data) {
    Samples transient{device.schema(), std::move(data.transient), false, true, std::nullopt};
    Samples live{device.schema(), std::move(data.live), false, false, std::nullopt};
    Samples historical{device.schema(), std::move(data.historical), true, false, std::nullopt};
    if (!transient.samples.empty()) emit(std::move(transient));
    // A message of which nothing could be used still carries its position: the node is to forget it.
    const bool live_last = historical.samples.empty();
    if (unbroken_ && live_last) live.spool_position = data.spool_position;
    if (!live.samples.empty() || live.spool_position) emit(std::move(live));
    if (live_last) return;
    if (unbroken_) historical.spool_position = data.spool_position;
    emit(std::move(historical));
}

void NodeSession::emit(Samples samples) {
    tally_.readings += samples.samples.size();
    if (!sink_.samples(std::move(samples))) unbroken_ = false;
}

}  // namespace labhub::coordinator::ingest
