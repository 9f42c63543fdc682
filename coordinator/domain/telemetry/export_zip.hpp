#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "shared/base/result.hpp"

namespace labhub::coordinator::telemetry {

/// Packs files of unknown length into a ZIP while it is sent: what goes in is compressed, what is ready can be taken at
/// any time. Memory is that of the compressor and of what has not been taken. Used by one thread at a time.
class ZipStream {
  public:
    static Result<std::unique_ptr<ZipStream>> open();
    ~ZipStream();
    ZipStream(const ZipStream&) = delete;
    ZipStream& operator=(const ZipStream&) = delete;

    /// Ends the file before it, if there is one. `seconds`: its time, UTC since 1970.
    Result<void> begin_file(const std::string& name, std::int64_t seconds);
    Result<void> write(std::string_view bytes);
    /// Ends the archive.
    Result<void> finish();

    std::size_t ready() const;
    std::string take();

  private:
    class Impl;
    explicit ZipStream(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace labhub::coordinator::telemetry
