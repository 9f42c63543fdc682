#pragma once

#include <string>
#include <vector>

#include "shared/sparkplug/topics.hpp"

namespace labhub::fuzz {

/// A message that was really sent.
struct Seed {
    sparkplug::Topic topic;
    std::string bytes;
};

/// Those of tests/fuzz/seeds: of labhub-agent, and in the ways of other senders. Throws where they can't be read.
const std::vector<Seed>& seeds();
/// The first of this kind.
const Seed& seed_of(sparkplug::MessageType type);

/// What nodes were sent: commands of a coordinator and of other hosts.
const std::vector<Seed>& command_seeds();
/// What a host application said of itself: the payloads of its STATE topic.
const std::vector<std::string>& state_seeds();

}  // namespace labhub::fuzz
