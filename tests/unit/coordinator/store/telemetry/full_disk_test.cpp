#include <sys/mount.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "tests/unit/coordinator/store/telemetry/store_fixture.hpp"

namespace labhub::coordinator::store {
namespace {

namespace fs = std::filesystem;

/// A file system of 6 MiB under the store.
class FullDisk : public StoreFixture {
  protected:
    void SetUp() override {
        fs::create_directories(folder_);
        if (::mount("tmpfs", folder_.c_str(), "tmpfs", 0, "size=6m") != 0)
            GTEST_SKIP() << "can't mount a small file system: " << std::strerror(errno);
        is_mounted_ = true;
    }
    void TearDown() override {
        store_.reset();
        if (is_mounted_) ::umount2(folder_.c_str(), MNT_DETACH);
        fs::remove_all(folder_);
    }
    void fill() {
        std::ofstream file(folder_ / "ballast", std::ios::binary);
        const std::string block(64 << 10, 'x');
        while (file.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
        }
    }
    Result<StoreCounts> put_batch(std::int64_t batch) {
        std::vector<NewSample> samples;
        for (int i = 0; i < 500; ++i)
            samples.push_back({series("temp"), Quality::good, UtcMillis{kStart + (batch * 500 + i) * 100}, i / 8.0});
        return store_->append(std::span<const NewSample>(samples));
    }

    bool is_mounted_ = false;
};

TEST_F(FullDisk, LosesNothingAcknowledgedAndGoesOnWhenThereIsRoomAgain) {
    TelemetryOptions options;
    options.seal_samples = 4'000;
    open(options);
    std::int64_t batch = 0;
    for (; batch < 12; ++batch) ASSERT_TRUE(put_batch(batch));
    ASSERT_TRUE(store_->tend());
    fill();
    Result<StoreCounts> refused = StoreCounts{};
    for (int i = 0; i < 2'000 && refused; ++i) {
        refused = put_batch(batch);
        if (refused) ++batch;
    }
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::storage_full);
    const auto acknowledged = static_cast<std::size_t>(batch) * 500;
    EXPECT_EQ(all("temp").size(), acknowledged);
    EXPECT_FALSE(put_batch(batch));
    const auto tended = store_->settle();
    EXPECT_FALSE(tended && store_->statistics().failure.empty());
    EXPECT_EQ(all("temp").size(), acknowledged);

    fs::remove(folder_ / "ballast");
    ASSERT_TRUE(put_batch(batch));
    EXPECT_EQ(put_batch(batch)->duplicates, 500u);
    ASSERT_TRUE(store_->settle());
    EXPECT_TRUE(store_->statistics().failure.empty());
    EXPECT_EQ(all("temp").size(), acknowledged + 500);
    open(options);
    EXPECT_EQ(all("temp").size(), acknowledged + 500);
}

TEST_F(FullDisk, ARestartOnAFullDiskStillReads) {
    open();
    for (std::int64_t batch = 0; batch < 10; ++batch) ASSERT_TRUE(put_batch(batch));
    ASSERT_TRUE(store_->settle());
    for (std::int64_t batch = 10; batch < 20; ++batch) ASSERT_TRUE(put_batch(batch));
    fill();
    open();
    EXPECT_EQ(all("temp").size(), 10'000u);
}

}  // namespace
}  // namespace labhub::coordinator::store
