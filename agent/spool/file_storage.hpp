#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "agent/spool/storage.hpp"
#include "shared/sqlite/writer.hpp"

namespace labhub::agent::spool {

/// A spool's rows in one SQLite file, written by a thread of its own. A file that is damaged is moved aside and begun
/// anew at the next open().
class FileStorage final : public Storage {
  public:
    struct Options {
        std::uint64_t max_bytes = 256u << 20;  ///< of pages that hold something
        bool survives_power_cut = false;       ///< wait for the disk at each commit
    };
    FileStorage(std::filesystem::path file, Options options);
    ~FileStorage() override;

    Result<Found> open(UtcMillis now) override;
    Task<Result<Changed>> change(Change change) override;
    Task<Result<std::vector<Row>>> read_after(Position after, ReadLimit limit) override;
    Task<Result<void>> count_some() override;
    Holding holding() const override { return holding_; }

  private:
    struct Inside;
    Result<void> open_file(Found& found);
    void begin_counting();
    /// Notes the rows' last position and time; returns how many there are of each class.
    PerClass count_in(const std::vector<Row>& rows);
    void note(const Error& error);

    std::filesystem::path file_;
    Options options_;
    std::shared_ptr<Inside> inside_;
    std::shared_ptr<sqlite::Writer> writer_;
    bool is_damaged_ = false;
    std::string damage_;  ///< what was found, for people
    Holding holding_;
    PerClass damaged_{};  ///< rows found damaged since the last change
    UtcMillis newest_;
    Position last_ = 0;
    Position counted_ = 0, count_until_ = 0;
};

}  // namespace labhub::agent::spool
