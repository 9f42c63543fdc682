#include "coordinator/ingest/rebirths.hpp"

namespace labhub::coordinator::ingest {
namespace {

constexpr int kSoonAsked = 12;      // requests in vain, one each interval
constexpr int kRareIntervals = 12;  // then one in so many intervals

}  // namespace

void Rebirths::answered() {
    wanted_at_.reset();
    is_asked_for_ = false;
    unanswered_ = 0;
}

void Rebirths::begin_anew() {
    requested_at_.reset();
    unanswered_ = 0;
}

bool Rebirths::take(Steady::time_point now, Steady::time_point last_heard) {
    if (!wanted_at_ || now < *wanted_at_) return false;
    if (requested_at_) {
        const bool is_rare = unanswered_ >= kSoonAsked && !is_asked_for_;
        const bool too_soon = now - *requested_at_ < interval_ * (is_rare ? kRareIntervals : 1);
        const bool silent_since = last_heard <= *requested_at_ && !is_asked_for_;
        if (too_soon || silent_since) return false;
    }
    is_asked_for_ = false;
    requested_at_ = now;
    ++unanswered_;
    return true;
}

}  // namespace labhub::coordinator::ingest
