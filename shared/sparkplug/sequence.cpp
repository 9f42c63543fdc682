#include "shared/sparkplug/sequence.hpp"

#include <utility>

namespace labhub::sparkplug {
namespace {

/// A message this far or further ahead, modulo 256, is one from the past.
constexpr std::uint8_t kHalfTurn = 128;

}  // namespace

std::uint8_t next_bd_seq(std::optional<std::uint8_t> previous) {
    return previous ? static_cast<std::uint8_t>(*previous + 1) : std::uint8_t{0};
}

void SequenceTracker::start(std::uint8_t birth_seq) {
    expected_ = static_cast<std::uint8_t>(birth_seq + 1);
    held_.clear();
    held_bytes_ = 0;
    deadline_.reset();
}

bool SequenceTracker::take_next(std::uint8_t seq) {
    if (seq != expected_ || !held_.empty()) return false;
    ++expected_;
    return true;
}

std::vector<SequencedMessage> SequenceTracker::accept(SequencedMessage message, Steady::time_point now) {
    std::vector<SequencedMessage> ready;
    const auto ahead = static_cast<std::uint8_t>(message.seq - expected_);
    if (ahead >= kHalfTurn || held_.contains(message.seq)) {
        ++repeats_;
        return ready;
    }
    if (ahead == 0) {
        ++expected_;
        ready.push_back(std::move(message));
        release(ready);
        // A second gap behind the one just closed gets a window of its own.
        if (!ready.empty() && deadline_ && !held_.empty()) deadline_ = now + window_;
    } else {
        held_bytes_ += message.bytes.size();
        held_.emplace(message.seq, std::move(message));
        if (!deadline_) deadline_ = now + window_;
        if (held_.size() >= max_held_ || held_bytes_ > max_held_bytes_) deadline_ = now;
    }
    if (held_.empty()) deadline_.reset();
    return ready;
}

void SequenceTracker::release(std::vector<SequencedMessage>& into) {
    for (auto next = held_.find(expected_); next != held_.end(); next = held_.find(expected_)) {
        held_bytes_ -= next->second.bytes.size();
        into.push_back(std::move(next->second));
        held_.erase(next);
        ++expected_;
    }
}

std::vector<SequencedMessage> SequenceTracker::give_up() {
    std::vector<SequencedMessage> ready;
    while (!held_.empty()) {
        while (!held_.contains(expected_)) ++expected_;
        release(ready);
    }
    deadline_.reset();
    return ready;
}

}  // namespace labhub::sparkplug
