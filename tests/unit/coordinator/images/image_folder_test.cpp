#include "coordinator/images/image_folder.hpp"

#include <sys/stat.h>

#include <gtest/gtest.h>

#include "shared/base/files.hpp"
#include "shared/base/random.hpp"

namespace labhub::coordinator::images {
namespace {

namespace fs = std::filesystem;

class ImageFolder : public ::testing::Test {
  protected:
    void SetUp() override { images_ = fs::temp_directory_path() / ("labhub-images-" + random_hex(6)); }
    void TearDown() override { fs::remove_all(images_); }
    Manifest make(const std::string& contents = "abc") {
        const auto work = new_work_folder(images_);
        fs::create_directories(*work / "root/usr/bin");
        EXPECT_TRUE(write_file(*work / "root/usr/bin/python3", contents, 0555));
        Manifest manifest;
        manifest.name = "test";
        manifest.modules = {"os", "sys"};
        auto made = adopt(images_, *work, std::move(manifest));
        EXPECT_TRUE(made) << made.error().to_string();
        return made ? *made : Manifest{};
    }
    fs::path python(const Manifest& made) const { return image_root(images_, made.digest) / "usr/bin/python3"; }
    fs::path images_;
};

TEST_F(ImageFolder, KnowsAnImageByItsFiles) {
    const Manifest first = make(), again = make(), other = make("abd");
    EXPECT_EQ(first.digest, again.digest);
    EXPECT_NE(first.digest, other.digest);
    EXPECT_EQ(first.digest.size(), 64u);
    EXPECT_EQ(first.files, 1u);
    EXPECT_EQ(first.bytes, 3u);
    const auto read = read_manifest(image_folder(images_, first.digest) / "manifest.json");
    ASSERT_TRUE(read);
    EXPECT_EQ(read->modules, (std::vector<std::string>{"os", "sys"}));
    EXPECT_TRUE(fs::is_empty(images_ / "new"));
}

TEST_F(ImageFolder, FindsWhatWasChangedWithoutReadingTheRest) {
    const Manifest made = make();
    const std::string sum = *manifest_sum(images_, made.digest);
    EXPECT_TRUE(check_quickly(images_, made.digest, sum));
    ASSERT_TRUE(write_file(python(made), "abX", 0555));
    const auto damaged = check_quickly(images_, made.digest, sum);
    ASSERT_FALSE(damaged);
    EXPECT_EQ(damaged.error().code, ErrorCode::corrupt);
    EXPECT_NE(damaged.error().message.find("usr/bin/python3 has other contents"), std::string::npos);
    EXPECT_FALSE(check_wholly(images_, made.digest));
    ASSERT_TRUE(write_file(python(made), "abc", 0555));
    EXPECT_TRUE(check_wholly(images_, made.digest));
}

TEST_F(ImageFolder, FindsAChangedListingOrManifest) {
    const Manifest made = make();
    const fs::path folder = image_folder(images_, made.digest);
    const std::string sum = *manifest_sum(images_, made.digest);
    ASSERT_TRUE(write_file(folder / "manifest.json", "{}"));
    EXPECT_EQ(check_quickly(images_, made.digest, sum).error().code, ErrorCode::corrupt);
    ASSERT_TRUE(write_file(folder / "listing", ""));
    EXPECT_EQ(check_quickly(images_, made.digest, "").error().code, ErrorCode::corrupt);
    EXPECT_EQ(check_quickly(images_, std::string(64, '0'), "").error().code, ErrorCode::not_found);
}

TEST_F(ImageFolder, MakesADamagedImageAnew) {
    const Manifest made = make();
    ASSERT_TRUE(write_file(python(made), "abX", 0555));
    EXPECT_EQ(make().digest, made.digest);
    EXPECT_TRUE(check_wholly(images_, made.digest));
}

TEST_F(ImageFolder, Removes) {
    const Manifest made = make();
    EXPECT_TRUE(remove_image(images_, made.digest));
    EXPECT_FALSE(fs::exists(image_folder(images_, made.digest)));
    EXPECT_TRUE(remove_image(images_, made.digest));
    EXPECT_TRUE(fs::is_empty(images_ / "new"));
}

}  // namespace
}  // namespace labhub::coordinator::images
