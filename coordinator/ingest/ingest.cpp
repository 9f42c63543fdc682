#include "coordinator/ingest/ingest.hpp"

#include "coordinator/ingest/host.hpp"

namespace labhub::coordinator::ingest {

Ingest::Ingest(Options options, const Clock& clock, Sink& sink)
    : host_(std::make_unique<Host>(std::move(options), clock, sink)) {}

Ingest::~Ingest() = default;

Result<void> Ingest::start() { return host_->start(); }
void Ingest::stop() { host_->stop(); }
void Ingest::request_rebirth(NodeId node) { host_->request_rebirth(std::move(node)); }
void Ingest::acknowledge(NodeId node, std::int64_t position) { host_->acknowledge(std::move(node), position); }
void Ingest::enrol(std::map<NodeId, std::string> host_keys, std::vector<NodeId> anew) {
    host_->enrol(std::move(host_keys), std::move(anew));
}
Counters Ingest::counters() const { return host_->counters(); }

}  // namespace labhub::coordinator::ingest
