#include "coordinator/runner/root_folder.hpp"

#include <unistd.h>

#include <filesystem>
#include <map>

#include <gtest/gtest.h>

#include "shared/base/files.hpp"
#include "shared/base/random.hpp"

namespace labhub::coordinator::runner {
namespace {

namespace fs = std::filesystem;

class RootFolder : public ::testing::Test {
  protected:
    void SetUp() override {
        for (const char* each : {"usr/bin", "etc/fonts", "opt/conda", "opt/labhub", "lib32", "root"})
            fs::create_directories(image_ / each);
        fs::create_symlink("usr/bin", image_ / "bin");
        EXPECT_TRUE(write_file(image_ / "etc/ld.so.cache", "cache"));
    }
    void TearDown() override { fs::remove_all(folder_); }
    std::map<std::string, fs::path> bound() const {
        std::map<std::string, fs::path> all;
        for (const auto& each : bound_folders(image_)) all[each.at] = each.source;
        return all;
    }
    const fs::path folder_ = fs::temp_directory_path() / ("labhub-root-" + random_hex(6));
    const fs::path image_ = folder_ / "image";
};

TEST_F(RootFolder, TakesOfAnImageItsProgramsAndWhatTheyRead) {
    EXPECT_EQ(bound(), (std::map<std::string, fs::path>{{"/usr", image_ / "usr"},
                                                        {"/etc/fonts", image_ / "etc/fonts"},
                                                        {"/lib32", image_ / "lib32"},
                                                        {"/opt/conda", image_ / "opt/conda"}}));
    ASSERT_TRUE(make_root_folder(folder_ / "root", 1000, image_));
    EXPECT_EQ(fs::read_symlink(folder_ / "root/bin"), "usr/bin");
    EXPECT_EQ(*read_file(folder_ / "root/etc/ld.so.cache"), "cache");
    EXPECT_TRUE(fs::is_directory(folder_ / "root/opt/conda"));
    EXPECT_FALSE(fs::exists(folder_ / "root/root"));
}

TEST_F(RootFolder, FollowsNoLinkOfAnImageToTheHost) {
    for (const char* each : {"usr", "etc", "opt"}) fs::remove_all(image_ / each);
    for (const char* each : {"usr", "etc", "opt"}) fs::create_symlink("/" + std::string(each), image_ / each);
    EXPECT_EQ(bound(), (std::map<std::string, fs::path>{{"/lib32", image_ / "lib32"}}));
    fs::remove(image_ / "etc");
    fs::create_directories(image_ / "etc");
    fs::create_symlink("/etc/hostname", image_ / "etc/matplotlibrc");
    ASSERT_TRUE(make_root_folder(folder_ / "root", 1000, image_));
    EXPECT_FALSE(fs::exists(folder_ / "root/etc/matplotlibrc"));
}

}  // namespace
}  // namespace labhub::coordinator::runner
