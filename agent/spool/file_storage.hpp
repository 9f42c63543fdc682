#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/thread_pool.hpp>

#include "agent/spool/storage.hpp"
#include "shared/sqlite/writer.hpp"

namespace labhub::agent::spool {

/// A spool's rows in one SQLite file, opened and written by threads of its own. A file that is damaged is moved aside
/// and begun anew at the next open().
class FileStorage final : public Storage {
  public:
    struct Options {
        std::uint64_t max_bytes = 256u << 20;  ///< of pages that hold something
        bool survives_power_cut = false;       ///< wait for the disk at each commit
    };
    FileStorage(std::filesystem::path file, Options options);
    ~FileStorage() override;

    Result<Found> open(UtcMillis now) override;
    Task<Result<Found>> open_aside(UtcMillis now) override;
    Task<Result<Changed>> change(Change change) override;
    Task<Result<std::vector<Row>>> read_after(Position after, ReadLimit limit) override;
    Task<Result<void>> count_some() override;
    Holding holding() const override { return holding_; }

  private:
    struct Inside;
    /// What opening needs and what it gives, so that another thread can do it.
    struct Opening {
        std::filesystem::path file;
        bool survives_power_cut = false;
        std::optional<std::string> damage;        ///< it is to be set aside
        std::shared_ptr<sqlite::Writer> closing;  ///< of the file as it was open before
        UtcMillis now;
    };
    struct Opened {
        Found found;
        std::uint64_t bytes = 0;
        PerClass rows{};
        Position counted = 0;
        bool is_counted = false;
        std::shared_ptr<sqlite::Writer> writer;
    };
    static Result<Opened> open_file(const Opening& opening);
    static Result<Opened> open_or_replace(Opening opening);
    Opening opening(UtcMillis now);
    Found take(Opened opened);
    Found begin(Found found, UtcMillis now);
    void begin_counting();
    /// Notes the rows' last position and time; returns how many there are of each class.
    PerClass count_in(const std::vector<Row>& rows);
    void note(const Error& error);

    std::filesystem::path file_;
    Options options_;
    std::shared_ptr<Inside> inside_;
    std::shared_ptr<sqlite::Writer> writer_;
    std::shared_ptr<sqlite::Writer> closing_;  ///< of a damaged file, until it is opened anew
    std::optional<std::string> damage_;        ///< what was found, for people
    std::unique_ptr<asio::thread_pool> aside_;
    Holding holding_;
    PerClass damaged_{};  ///< rows found damaged since the last change
    UtcMillis newest_;
    Position last_ = 0;
    Position counted_ = 0, count_until_ = 0;
};

}  // namespace labhub::agent::spool
