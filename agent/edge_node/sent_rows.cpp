#include "agent/edge_node/sent_rows.hpp"

#include <algorithm>

namespace labhub::agent::edge_node {

void SentRows::restart(Position after) {
    sent_until_ = after;
    caught_up_ = false;
    ahead_from_.reset();
    ++generation_;
}

void SentRows::sent_live(Position position) {
    newest_ = position;
    if (caught_up_) {
        sent_until_ = position;
        return;
    }
    if (!ahead_from_) ahead_from_ = position;
    ahead_until_ = position;
}

void SentRows::missed_live(Position position) {
    newest_ = position;
    // Where the run was unbroken, the row before this one is the last that was sent.
    if (caught_up_) sent_until_ = std::min(sent_until_, position - 1);
    caught_up_ = false;
    ahead_from_.reset();
}

void SentRows::reached_end() {
    if (ahead_from_) sent_until_ = std::max(sent_until_, ahead_until_);
    ahead_from_.reset();
    caught_up_ = true;
}

}  // namespace labhub::agent::edge_node
