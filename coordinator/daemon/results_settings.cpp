#include "coordinator/daemon/results_settings.hpp"

namespace labhub::coordinator::daemon {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds kLongest = 24h * 36'500;

}  // namespace

void add_results_options(config::Options& options, jobs::RetentionRules& rules) {
    options.add("results.keep_completed", &rules.keep_completed,
                "So long after its end the results of an experiment that completed are removed; 0s: never",
                config::range(0ms, kLongest));
    options.add("results.keep_failed", &rules.keep_failed,
                "The same for experiments that failed, were stopped or timed out; 0s: never",
                config::range(0ms, kLongest));
    options.add("results.keep_until_downloaded", &rules.keep_until_downloaded,
                "Remove no results by their age, nor by a clean-up, before somebody has downloaded them");
    options.add("results.min_free", &rules.min_free,
                "Bytes of the disk that are to stay free: when fewer are, results are removed, downloaded ones first, "
                "then the oldest; 0: never for that",
                config::range(0, 1LL << 50));
    options.add("results.max_bytes", &rules.max_bytes, "Bytes that all results together may have, likewise; 0: any",
                config::range(0, 1LL << 50));
}

}  // namespace labhub::coordinator::daemon
