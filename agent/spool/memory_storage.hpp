#pragma once

#include <deque>

#include "agent/spool/storage.hpp"

namespace labhub::agent::spool {

/// A spool's rows in memory, for nodes that need no disk: simulated ones, by the thousand. A few bytes when empty; what
/// it holds is encoded as in the file. Lost with the process.
class MemoryStorage final : public Storage {
  public:
    /// `max_bytes` of encoded rows, counting what their keeping costs.
    explicit MemoryStorage(std::uint64_t max_bytes) : max_bytes_(max_bytes) {}

    Result<Found> open(UtcMillis now) override;
    Task<Result<Changed>> change(Change change) override;
    Task<Result<std::vector<Row>>> read_after(Position after, ReadLimit limit) override;
    Task<Result<void>> count_some() override;
    Holding holding() const override { return {rows_of_, bytes_, true}; }

  private:
    struct Kept {
        Position position;
        Class of;
        UtcMillis time;
        std::string device;
        std::string bytes;
    };
    using Rows = std::deque<Kept>;

    static std::uint64_t cost(const Kept& kept);
    void add(const Row& row);
    Rows::iterator remove(Rows::iterator at);
    void forget(const Forget& forget);
    void drop_old(Class of, const AgeLimit& limit, Changed& changed);
    void drop_to_bounds(Changed& changed);
    std::uint32_t shape(const Batch& batch);

    std::uint64_t max_bytes_;
    std::unique_ptr<Rows> rows_;  ///< in ascending order of position; none while empty
    std::vector<Shape> shapes_;
    PerClass rows_of_{};
    std::uint64_t bytes_ = 0;
    Found found_;
};

}  // namespace labhub::agent::spool
