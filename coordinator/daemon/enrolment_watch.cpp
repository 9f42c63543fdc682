#include "coordinator/daemon/enrolment_watch.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include <spdlog/spdlog.h>

#include "shared/runtime/blocking.hpp"

namespace labhub::coordinator::daemon {
namespace {

std::string address_of(const link::Enrolment& enrolment) {
    const bool is_v6 = enrolment.ssh_host.find(':') != std::string::npos;
    return (is_v6 ? "[" + enrolment.ssh_host + "]" : enrolment.ssh_host) + ":" + std::to_string(enrolment.ssh_port);
}

std::vector<link::Enrolment> list_of(const std::map<NodeId, link::Enrolment>& by_node) {
    std::vector<link::Enrolment> list;
    for (const auto& [node, enrolment] : by_node) list.push_back(enrolment);
    return list;
}

}  // namespace

std::map<NodeId, std::string> host_keys_of(const std::vector<link::Enrolment>& enrolments) {
    std::map<NodeId, std::string> keys;
    for (const auto& each : enrolments) keys[each.node] = each.host_key_fingerprint;
    return keys;
}

EnrolmentWatch::EnrolmentWatch(std::filesystem::path file, Login login, Others others)
    : file_(std::move(file)), login_(std::move(login)), others_(others) {}

EnrolmentWatch::Stamp EnrolmentWatch::stamp_of(const std::filesystem::path& file) {
    struct stat found {};
    if (::stat(file.c_str(), &found) != 0) return {};
    return {true, found.st_mtim.tv_sec, found.st_mtim.tv_nsec, found.st_size, found.st_ino};
}

EnrolmentWatch::Found EnrolmentWatch::read(const std::filesystem::path& file) {
    const Stamp before = stamp_of(file);
    auto list = link::read_enrolments(file);
    return {before, stamp_of(file), std::move(list)};
}

void EnrolmentWatch::begin(std::vector<link::Enrolment> list) {
    for (const auto& enrolment : list) {
        in_force_[enrolment.node] = enrolment;
        enrol(enrolment);
    }
    others_.fleet.enrolment_list = {file_.string(), others_.clock.utc_now(), {}};
}

void EnrolmentWatch::enrol(const link::Enrolment& enrolment) {
    others_.fleet.enrol(enrolment, login_.user, login_.key);
}

Task<void> EnrolmentWatch::look() {
    let_go_of_the_free();
    auto stamping = run_blocking(others_.pool, [file = file_] { return stamp_of(file); });
    const Stamp now = co_await std::move(stamping);
    const bool is_settled = std::exchange(seen_, now) == now;
    if (!is_asked_ && (now == taken_ || !is_settled)) co_return;
    const bool was_asked = std::exchange(is_asked_, false);
    auto reading = run_blocking(others_.pool, [file = file_] { return read(file); });
    Found found = co_await std::move(reading);
    if (found.before != found.after) {  // somebody is writing it
        is_asked_ = is_asked_ || was_asked;
        co_return;
    }
    taken_ = found.after;
    if (!found.list) co_return refuse(found.list.error());
    take(std::move(*found.list));
    if (was_asked) spdlog::info("enrolment: {} has been read, as was asked", file_.string());
}

void EnrolmentWatch::refuse(const Error& why) {
    others_.fleet.enrolment_list.problem = why.to_string();
    spdlog::error("enrolment: {}: what was in force stays in force", why.to_string());
}

void EnrolmentWatch::take(std::vector<link::Enrolment> list) {
    const auto changes = link::changes_between(list_of(in_force_), list);
    auto& shown = others_.fleet.enrolment_list;
    if (!shown.problem.empty()) spdlog::info("enrolment: {} is right again", file_.string());
    shown.problem.clear();
    shown.taken = others_.clock.utc_now();
    if (changes.empty()) return;
    std::vector<NodeId> anew;
    for (const auto& each : changes.added) add(each, anew);
    for (const auto& each : changes.changed) change(in_force_.at(each.node), each, anew);
    for (const auto& each : changes.removed) remove(in_force_.at(each));
    in_force_.clear();
    for (auto& each : list) in_force_[each.node] = std::move(each);
    let_go_of_the_free();
    tell_ingest(std::move(anew));
}

void EnrolmentWatch::add(const link::Enrolment& added, std::vector<NodeId>& anew) {
    if (const auto back = leaving_.extract(added.node)) {
        spdlog::info("enrolment: node {} is listed again, and stays", added.node.value);
        others_.fleet.set_leaving(added.node, false);
        if (back.mapped() != added) change(back.mapped(), added, anew);
        return;
    }
    spdlog::info("enrolment: node {} at {} is enrolled", added.node.value, address_of(added));
    enrol(added);
    others_.recorder.know(added.node);
    anew.push_back(added.node);
}

void EnrolmentWatch::change(const link::Enrolment& was, const link::Enrolment& now, std::vector<NodeId>& anew) {
    const bool has_new_key = was.host_key_fingerprint != now.host_key_fingerprint;
    if (has_new_key)
        spdlog::info("enrolment: node {} has the host key {} now: its session is opened anew", now.node.value,
                     now.host_key_fingerprint);
    if (address_of(was) != address_of(now))
        spdlog::info("enrolment: node {} is at {} now: its session is opened anew", now.node.value, address_of(now));
    enrol(now);
    if (has_new_key) anew.push_back(now.node);
}

void EnrolmentWatch::remove(const link::Enrolment& removed) {
    leaving_[removed.node] = removed;
    others_.fleet.set_leaving(removed.node, true);
    if (has_lease(removed.node))
        spdlog::warn("enrolment: node {} is not listed any more: it is let go as soon as its devices are free",
                     removed.node.value);
}

bool EnrolmentWatch::has_lease(const NodeId& node) const {
    const auto& all = others_.leases.all();
    return std::any_of(all.begin(), all.end(), [&](const auto& lease) { return lease.first.node == node; });
}

void EnrolmentWatch::let_go_of_the_free() {
    const auto gone = std::erase_if(leaving_, [this](const auto& entry) {
        if (has_lease(entry.first)) return false;
        others_.fleet.dismiss(entry.first);
        spdlog::info("enrolment: node {} is let go, as it is not listed any more", entry.first.value);
        return true;
    });
    if (gone > 0) tell_ingest({});
}

void EnrolmentWatch::tell_ingest(std::vector<NodeId> anew) {
    auto keys = host_keys_of(list_of(in_force_));
    for (const auto& [node, enrolment] : leaving_) keys[node] = enrolment.host_key_fingerprint;
    others_.ingest.enrol(std::move(keys), std::move(anew));
}

}  // namespace labhub::coordinator::daemon
