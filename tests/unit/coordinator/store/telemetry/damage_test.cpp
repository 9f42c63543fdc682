#include <fstream>
#include <random>

#include "tests/unit/coordinator/store/telemetry/store_fixture.hpp"

namespace labhub::coordinator::store {
namespace {

namespace fs = std::filesystem;

class Damage : public StoreFixture {
  protected:
    /// Ten series of one day, sealed and closed.
    void SetUp() override {
        open();
        std::mt19937 random(21);
        for (int s = 0; s < kSeries; ++s) {
            std::vector<std::pair<std::int64_t, Value>> values;
            for (int i = 0; i < kSamples; ++i) values.emplace_back(kStart + i * 1'000, value_of(s, i));
            put("m" + std::to_string(s), values);
        }
        ASSERT_TRUE(store_->settle());
        store_.reset();
        for (const auto& entry : fs::recursive_directory_iterator(folder_ / "telemetry/partitions"))
            if (entry.path().extension() == ".db") file_ = entry.path();
        size_ = fs::file_size(file_);
    }
    static double value_of(int series, std::int64_t i) {
        return static_cast<double>((i * 2'654'435'761LL + series) % 1'000'003) / 1'000;
    }
    void flip(std::uint64_t offset) {
        std::fstream file(file_, std::ios::in | std::ios::out | std::ios::binary);
        file.seekg(static_cast<std::streamoff>(offset));
        const auto byte = static_cast<char>(file.get());
        file.seekp(static_cast<std::streamoff>(offset));
        file.put(static_cast<char>(byte ^ 0x55));
    }
    /// How many samples are readable; every one of them must be right.
    std::size_t count_readable() {
        std::size_t readable = 0;
        for (int s = 0; s < kSeries; ++s) {
            std::int64_t before = -1;
            for (const auto& sample : all("m" + std::to_string(s))) {
                EXPECT_GT(sample.time.count, before);
                before = sample.time.count;
                EXPECT_EQ(sample.value, Value{value_of(s, (sample.time.count - kStart) / 1'000)});
                ++readable;
            }
        }
        return readable;
    }

    static constexpr int kSeries = 10, kSamples = 16'000;
    fs::path file_;
    std::uint64_t size_ = 0;
};

TEST_F(Damage, ABrokenBlockIsSetAsideAndCountedAndTheRestCanBeRead) {
    flip(size_ / 2);
    open();
    const auto readable = count_readable();
    EXPECT_LT(readable, static_cast<std::size_t>(kSeries * kSamples));
    EXPECT_GE(readable, static_cast<std::size_t>(kSeries * kSamples - 8'192));
    ASSERT_TRUE(store_->tend());
    EXPECT_EQ(store_->statistics().quarantined_blocks, 1u);
    EXPECT_EQ(count_readable(), readable);
    open();
    ASSERT_TRUE(store_->tend());
    EXPECT_EQ(store_->statistics().quarantined_blocks, 1u);
    EXPECT_EQ(put("m0", {{kStart + kDay, 5.0}}).stored, 1u);
}

TEST_F(Damage, AFileThatIsNoDatabaseAnyMoreIsSetAsideWhole) {
    fs::resize_file(file_, 100);
    for (std::uint64_t i = 0; i < 100; ++i) flip(i);
    open();
    EXPECT_EQ(count_readable(), 0u);
    ASSERT_TRUE(store_->tend());
    EXPECT_EQ(store_->statistics().quarantined_blocks, 1u);
    EXPECT_FALSE(fs::is_empty(folder_ / "telemetry/partitions/quarantine"));
    EXPECT_EQ(put("m0", {{kStart + 5, 5.0}}).stored, 1u);
    ASSERT_TRUE(store_->settle());
    EXPECT_EQ(times("m0"), (std::vector<std::int64_t>{kStart + 5}));
}

TEST_F(Damage, NoFlippedByteAnywhereIsEverReadAsAValue) {
    const std::string sound = [this] {
        std::ifstream in(file_, std::ios::binary);
        return std::string(std::istreambuf_iterator<char>(in), {});
    }();
    std::mt19937_64 random(22);
    for (int round = 0; round < 25; ++round) {
        SCOPED_TRACE(round);
        store_.reset();
        fs::remove_all(folder_ / "telemetry/partitions");
        fs::create_directories(file_.parent_path());
        std::ofstream(file_, std::ios::binary) << sound;
        for (int n = 0; n < 3; ++n) flip(round % 5 == 4 ? random() % 4'096 * 2 : random() % size_);
        open();
        (void)count_readable();
        ASSERT_TRUE(store_->tend());
        (void)store_->tend();
        const auto readable = count_readable();
        if (round % 5 != 4) EXPECT_GT(readable, static_cast<std::size_t>(kSeries * kSamples / 3));
    }
}

}  // namespace
}  // namespace labhub::coordinator::store
