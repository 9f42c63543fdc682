#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace labhub::coordinator::api {

/// What Prometheus scrapes at /metrics. Counters and histograms are fed as things happen; gauges are asked for at each
/// scrape. Any thread may observe.
class Metrics {
  public:
    Metrics();
    ~Metrics();

    void observe_http(std::string_view operation, int status, double seconds);
    void observe_command(std::string_view outcome, double seconds);

    /// Names and values of one scrape, given to `text` by whoever knows them.
    struct Reading {
        std::string name;  ///< "labhub_nodes"
        std::string help;
        bool is_counter = false;
        std::string label;  ///< name of the label; empty: none
        std::string label_value;
        double value = 0;
    };
    /// The exposition text (Prometheus text format 0.0.4) of what was observed and of `now`.
    std::string text(const std::vector<Reading>& now) const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace labhub::coordinator::api
