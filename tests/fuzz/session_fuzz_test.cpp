// A node's session fed with what an edge node sent, out of order, twice, not at all, and changed.
#include <gtest/gtest.h>

#include <spdlog/spdlog.h>

#include "coordinator/ingest/node_session.hpp"
#include "shared/sparkplug/codec.hpp"
#include "tests/fuzz/mutator.hpp"
#include "tests/fuzz/seeds.hpp"
#include "tests/fuzz/strict_sink.hpp"

namespace labhub::fuzz {
namespace {

using sparkplug::MessageType;

/// When the seeds were recorded: their times are then those of now.
UtcMillis seed_time() {
    return *sparkplug::decode(seed_of(MessageType::nbirth).bytes)->payload.timestamp + std::chrono::seconds{60};
}

struct Ingest {
    ManualClock clock{seed_time()};
    StrictSink sink{clock};
    coordinator::ingest::Tally tally;
    coordinator::ingest::Options options;
    coordinator::ingest::NodeSession session{NodeId{"sim-1"}, options, clock, sink, tally};

    void receive(const Seed& seed) { session.receive(seed.topic, seed.bytes); }
    void be_born() {
        receive(seed_of(MessageType::nbirth));
        receive(seed_of(MessageType::dbirth));
    }
};

class SessionFuzz : public testing::Test {
  protected:
    void SetUp() override { spdlog::set_level(spdlog::level::off); }
    void TearDown() override { spdlog::set_level(spdlog::level::info); }
};

TEST_F(SessionFuzz, SeedsAreTakenAsTheyAre) {
    Ingest ingest;
    ingest.be_born();
    EXPECT_GT(ingest.sink.count, 0u);
    EXPECT_EQ(ingest.tally.malformed, 0u);
}

TEST_F(SessionFuzz, KeepsItsWordWhateverANodeSends) {
    run_turns([](Mutator& mutator) {
        Ingest ingest;
        if (!mutator.one_in(4)) ingest.be_born();
        for (std::size_t left = mutator.pick(60) + 1; left > 0; --left) {
            Seed seed = seeds()[mutator.pick(seeds().size())];
            if (mutator.one_in(2)) seed.bytes = mutator.change(seed.bytes, seeds()[mutator.pick(seeds().size())].bytes);
            ingest.receive(seed);
            if (mutator.one_in(8)) ingest.clock.advance(std::chrono::milliseconds(mutator.pick(5000)));
            if (mutator.one_in(8)) ingest.session.tick();
            if (mutator.one_in(50)) ingest.session.lose("the line is cut");
            static_cast<void>(ingest.session.take_rebirth_request());
        }
    });
}

TEST_F(SessionFuzz, IsWellAgainAfterARebirth) {
    run_turns([](Mutator& mutator) {
        Ingest ingest;
        ingest.be_born();
        for (std::size_t left = mutator.pick(20) + 1; left > 0; --left) {
            Seed seed = seeds()[mutator.pick(seeds().size())];
            seed.bytes = mutator.change(seed.bytes, seeds()[mutator.pick(seeds().size())].bytes);
            ingest.receive(seed);
        }
        const std::size_t before = ingest.sink.count;
        ingest.be_born();
        EXPECT_GT(ingest.sink.count, before);
        EXPECT_FALSE(ingest.session.take_rebirth_request());
    });
}

}  // namespace
}  // namespace labhub::fuzz
