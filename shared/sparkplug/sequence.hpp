#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "shared/base/clock.hpp"
#include "shared/sparkplug/topics.hpp"

namespace labhub::sparkplug {

/// The bdSeq of the next CONNECT: one more than the stored one, 255 wraps to 0, the first ever is 0
/// (topics-nbirth-bdseq-increment). Store it before connecting.
std::uint8_t next_bd_seq(std::optional<std::uint8_t> previous);

/// The sending node's seq, shared by the node and all its devices. Take `current()` into the message, and `advance()`
/// only once it has been handed to the socket: a number that never goes out would be a gap to the host.
class SeqCounter {
  public:
    /// Before each NBIRTH, which carries 0 (topics-nbirth-seq-num).
    void reset() { current_ = 0; }
    std::uint8_t current() const { return current_; }
    void advance() { ++current_; }

  private:
    std::uint8_t current_ = 0;
};

/// A message waiting for its turn.
struct SequencedMessage {
    std::uint8_t seq = 0;
    Topic topic;
    std::string bytes;
};

/// The receiving side's view of one node's seq: hands messages on in order, holds those that came early until the
/// missing one arrives or the window ends (operational-behavior-host-reordering-*). Not thread-safe; time is given.
class SequenceTracker {
  public:
    explicit SequenceTracker(Steady::duration window, std::size_t max_held = 64, std::size_t max_held_bytes = 4u << 20)
        : window_(window), max_held_(max_held), max_held_bytes_(max_held_bytes) {}

    /// An NBIRTH with this seq arrived: forget all that was held.
    void start(std::uint8_t birth_seq);
    /// Whether a message of this seq is the next one with none held before or after it: it is then counted as
    /// processed, without the copy that accept() keeps.
    bool take_next(std::uint8_t seq);
    /// The messages that may be processed now, in order. Empty while a gap is waited for. A message from the past is
    /// dropped and counted in repeats(): it is a repeat, or 128 messages and more have been lost at once.
    std::vector<SequencedMessage> accept(SequencedMessage message, Steady::time_point now);
    /// When waiting for the missing message ends; nothing while there is no gap. Past at once where too much is held,
    /// in messages or in bytes.
    std::optional<Steady::time_point> deadline() const { return deadline_; }
    /// The wait is over: what was held, in order, as if nothing were missing between. The caller asks for a rebirth.
    std::vector<SequencedMessage> give_up();
    /// How many messages came from the past and were dropped.
    std::uint64_t repeats() const { return repeats_; }
    /// Of the messages held now.
    std::size_t held_bytes() const { return held_bytes_; }

  private:
    void release(std::vector<SequencedMessage>& into);

    Steady::duration window_;
    std::size_t max_held_, max_held_bytes_;
    std::size_t held_bytes_ = 0;
    std::uint8_t expected_ = 0;
    std::map<std::uint8_t, SequencedMessage> held_;  // by seq
    std::optional<Steady::time_point> deadline_;
    std::uint64_t repeats_ = 0;
};

}  // namespace labhub::sparkplug
