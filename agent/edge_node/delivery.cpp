#include "agent/edge_node/delivery.hpp"

#include <algorithm>

namespace labhub::agent::edge_node {
namespace {

/// Marks of what was sent are so far apart; the window grows by as much.
constexpr std::chrono::seconds kApart{1};
constexpr std::size_t kMaxSaid = 64;

}  // namespace

Delivery::Delivery(Options options, Position acknowledged, Position sent)
    : options_(options), acknowledged_(acknowledged), taken_for_received_(sent) {}

void Delivery::said(Position position, const std::vector<std::string>& withheld, Steady::time_point now) {
    if (!waiting_since_) waiting_since_ = now;
    if (!said_.empty() && said_.back().last <= position && said_.back().withheld == withheld) {
        said_.back().last = position;
        return;
    }
    said_.push_back({position, position, withheld});
    if (said_.size() <= kMaxSaid) return;
    // The two oldest become one that says no more than both did.
    Said& oldest = said_[0];
    Said& next = said_[1];
    next.first = std::min(oldest.first, next.first);
    next.last = std::max(oldest.last, next.last);
    next.withheld.insert(next.withheld.end(), oldest.withheld.begin(), oldest.withheld.end());
    std::sort(next.withheld.begin(), next.withheld.end());
    next.withheld.erase(std::unique(next.withheld.begin(), next.withheld.end()), next.withheld.end());
    said_.pop_front();
}

void Delivery::sent_all(Position until, Steady::time_point now) {
    if (!sent_.empty() && sent_.back().second >= until) return;
    // The last mark moves on until it is far enough from the one before.
    const bool is_close = sent_.size() >= 2 && now - sent_[sent_.size() - 2].first < kApart;
    if (is_close)
        sent_.back() = {now, until};
    else
        sent_.emplace_back(now, until);
    move_window(now);
}

void Delivery::lost(Steady::time_point now) {
    move_window(now);
    sent_.clear();
    waiting_since_.reset();
}

void Delivery::move_window(Steady::time_point now) {
    while (!sent_.empty() && now - sent_.front().first > options_.window) {
        if (!is_acknowledging(now)) taken_for_received_ = std::max(taken_for_received_, sent_.front().second);
        sent_.pop_front();
    }
}

bool Delivery::is_acknowledging(Steady::time_point now) const {
    if (acknowledged_ == 0) return false;
    return !waiting_since_ || now - *waiting_since_ < options_.patience;
}

Delivery::Acknowledged Delivery::acknowledge(Position position, Steady::time_point now) {
    Acknowledged result;
    std::optional<Position> upto;
    std::vector<std::string> withheld;
    for (const Said& each : said_) {
        if (position < each.first) continue;
        // Of several runs that said it, each may be the one that is meant.
        upto = std::max(upto.value_or(0), std::min(position, each.last));
        withheld.insert(withheld.end(), each.withheld.begin(), each.withheld.end());
    }
    if (!upto) return result;
    std::erase_if(said_, [&](const Said& each) { return each.last <= *upto; });
    waiting_since_ = said_.empty() ? std::nullopt : std::optional(now);
    const bool lacks_some = taken_for_received_ > acknowledged_;
    if (lacks_some) {
        // What it has stored may have begun after what was taken for received: nothing is forgotten on its word yet.
        acknowledged_ = std::max<Position>(acknowledged_, 1);
        taken_for_received_ = 0;
        said_.clear();
        waiting_since_.reset();
        result.replay_all = true;
        ++begun_anew_;
        return result;
    }
    acknowledged_ = std::max(acknowledged_, *upto);
    std::sort(withheld.begin(), withheld.end());
    withheld.erase(std::unique(withheld.begin(), withheld.end()), withheld.end());
    result.forget = spool::Forget{*upto, std::move(withheld)};
    return result;
}

Position Delivery::replay_after(Steady::time_point now) {
    move_window(now);
    sent_.clear();
    return is_acknowledging(now) ? 0 : taken_for_received_;
}

bool Delivery::has_waited(std::chrono::milliseconds duration, Steady::time_point now) const {
    return acknowledged_ > 0 && waiting_since_ && now - *waiting_since_ >= duration;
}

}  // namespace labhub::agent::edge_node
