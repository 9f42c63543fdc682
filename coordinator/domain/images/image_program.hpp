#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <sys/types.h>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/json.hpp>

#include "shared/base/files.hpp"
#include "shared/runtime/task.hpp"

namespace labhub::coordinator::images {

/// One run of labhub-image, which says JSON objects line by line. Lives on one executor. Killed with this object; it
/// takes everything it started with it.
class ImageProgram {
  public:
    /// Error as the system gave it.
    static Result<std::shared_ptr<ImageProgram>> start(asio::any_io_executor executor,
                                                       const std::filesystem::path& program,
                                                       std::vector<std::string> arguments);
    ~ImageProgram();
    ImageProgram(const ImageProgram&) = delete;
    ImageProgram& operator=(const ImageProgram&) = delete;

    using Progress = std::function<void(std::string line)>;
    /// Until it has ended: the last object it said. Error what it said was wrong; timed_out after `limit`; internal
    /// when it ended without a word. Once; `self` keeps it.
    static Task<Result<boost::json::object>> follow(std::shared_ptr<ImageProgram> self, Progress progress,
                                                    std::chrono::milliseconds limit);
    void kill();

  private:
    ImageProgram(asio::any_io_executor executor, pid_t pid, int output) : pid_(pid), output_(executor, output) {}
    static Task<bool> read_all(std::shared_ptr<ImageProgram> self, Progress progress);
    void take_line(const std::string& line, const Progress& progress);

    pid_t pid_;
    bool is_reaped_ = false;
    asio::posix::stream_descriptor output_;
    boost::json::object last_;
};

}  // namespace labhub::coordinator::images
