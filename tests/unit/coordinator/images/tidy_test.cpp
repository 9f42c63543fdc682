#include "coordinator/images/tidy.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "coordinator/images/listing.hpp"
#include "shared/base/files.hpp"
#include "shared/base/random.hpp"

namespace labhub::coordinator::images {
namespace {

namespace fs = std::filesystem;

class Tidy : public ::testing::Test {
  protected:
    void SetUp() override {
        folder_ = fs::temp_directory_path() / ("labhub-tidy-" + random_hex(6));
        root_ = folder_ / "root";
        for (const char* each : {"usr/bin", "usr/share/doc/x", "etc/fonts", "var/lib/dpkg", "root", "opt"})
            fs::create_directories(root_ / each);
        EXPECT_TRUE(write_file(root_ / "usr/bin/su", "x", 0755));
        ::chmod((root_ / "usr/bin/su").c_str(), 06755);
        EXPECT_TRUE(write_file(root_ / "etc/shadow", "secret", 0600));
        EXPECT_TRUE(write_file(root_ / "etc/ld.so.cache", "x", 0600));
        EXPECT_TRUE(write_file(root_ / "var/lib/dpkg/status", "Package: b\nVersion: 2\n\nPackage: a\nVersion: 1\n"));
        ::mkfifo((root_ / "usr/pipe").c_str(), 0666);
    }
    void TearDown() override { fs::remove_all(folder_); }
    fs::path folder_, root_;
};

TEST_F(Tidy, LeavesProgramsAndNoPrivilegeOrSecret) {
    EXPECT_EQ(installed_packages(root_), (std::vector<std::string>{"a 1", "b 2"}));
    const auto done = tidy(root_, {"usr/share/doc"});
    ASSERT_TRUE(done) << done.error().to_string();
    const auto left = list_tree(root_, Depth::facts);
    std::vector<std::string> names;
    for (const auto& [name, entry] : *left) {
        names.push_back(name);
        EXPECT_EQ(entry.mode & 06022, 0u) << name;
        EXPECT_EQ(entry.mode & 0444, 0444u) << name;
    }
    EXPECT_EQ(names, (std::vector<std::string>{"etc", "etc/fonts", "etc/ld.so.cache", "opt", "usr", "usr/bin",
                                               "usr/bin/su", "usr/share"}));
}

TEST_F(Tidy, FollowsNoLinkOutOfTheTree) {
    fs::create_directories(folder_ / "outside/doc");
    fs::remove_all(root_ / "usr/share");
    fs::create_symlink(folder_ / "outside", root_ / "usr/share");
    ASSERT_TRUE(tidy(root_, {"usr/share/doc"}));
    EXPECT_TRUE(fs::exists(folder_ / "outside/doc"));
    fs::remove_all(root_ / "etc");
    fs::create_symlink(folder_ / "outside", root_ / "etc");
    EXPECT_EQ(tidy(root_, {}).error().code, ErrorCode::unsupported);
    EXPECT_TRUE(fs::exists(folder_ / "outside/doc"));
}

}  // namespace
}  // namespace labhub::coordinator::images
