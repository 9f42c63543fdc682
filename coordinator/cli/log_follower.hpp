#pragma once

#include <chrono>
#include <string>

#include "coordinator/cli/context.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::cli {

/// Reads an experiment's two output streams from where it stopped the last time, and prints whole lines of them as they
/// come: output to standard output, errors to standard error (with --json both to standard error for `run`, as standard
/// output belongs to the result).
class LogFollower {
  public:
    enum class State {
        more,     ///< text came: ask again at once
        drained,  ///< all there is so far has been printed
        ended,    ///< all there will ever be has been printed
    };
    static constexpr std::chrono::milliseconds kPeriod{300};  ///< between two looks at a stream that gave nothing

    LogFollower(Context& context, std::string experiment, bool keeps_output_free = false);

    /// Prints what is new of both. Errors as the hub's; nothing is lost, the next poll goes on from the same place.
    Task<Result<State>> poll();
    /// Prints a last line that has no end.
    void finish();

  private:
    struct Stream {
        const char* name;
        bool to_output;
        std::int64_t next = 0;
        bool ended = false;
        std::string pending;  ///< a line whose end has not come
    };
    Task<Result<bool>> poll_stream(Stream& stream);
    void print(const Stream& stream, std::string_view text);

    Context& context_;
    std::string path_;
    Stream output_;
    Stream errors_;
};

}  // namespace labhub::cli
