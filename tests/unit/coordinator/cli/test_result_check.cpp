#include <unistd.h>

#include <clocale>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/cli/result_check.hpp"
#include "shared/base/files.hpp"
#include "shared/base/sha256.hpp"
#include "tests/unit/coordinator/cli/zip_file.hpp"

namespace labhub::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Files = std::vector<std::pair<std::string, std::string>>;

constexpr const char* kList = "ro-crate-metadata.json";

std::string entity(const std::string& id, const std::string& content) {
    return R"({"@id":")" + id + R"(","@type":"File","contentSize":")" + std::to_string(content.size()) +
           R"(","sha256":")" + sha256_hex(content) + R"("},)";
}

std::string crate(const std::string& entities) {
    return R"({"@context":"https://w3id.org/ro/crate/1.1/context","@graph":[)" + entities +
           R"({"@id":"./","@type":"Dataset"}]})";
}

class ResultCheckTest : public ::testing::Test {
  protected:
    void SetUp() override { std::setlocale(LC_CTYPE, "C.UTF-8"); }
    ResultCheck checked_zip(const Files& files) {
        testing::write_zip(folder_.path() / "r.zip", files);
        auto check = check_result(folder_.path() / "r.zip");
        EXPECT_TRUE(check) << check.error().to_string();
        return check ? *check : ResultCheck{};
    }
    fs::path written(const Files& files) {
        const fs::path at = folder_.path() / "unpacked";
        for (const auto& [name, content] : files) {
            fs::create_directories((at / name).parent_path());
            EXPECT_TRUE(write_file(at / name, content));
        }
        return at;
    }

    testing::TestFolder folder_;
    const std::string list_ = crate(entity("stdout.txt", "hello") + entity("output/a%20b%0A.csv", "1,2"));
};

TEST_F(ResultCheckTest, AWholeResultIsSound) {
    const Files files{{"stdout.txt", "hello"}, {"output/a b\n.csv", "1,2"}, {kList, list_}};
    const ResultCheck of_zip = checked_zip(files);
    EXPECT_TRUE(of_zip.is_sound());
    EXPECT_EQ(of_zip.sound, 2u);
    const auto of_folder = check_result(written(files));
    ASSERT_TRUE(of_folder) << of_folder.error().to_string();
    EXPECT_TRUE(of_folder->is_sound());
    EXPECT_EQ(of_folder->sound, 2u);
}

TEST_F(ResultCheckTest, NamesWhatIsChangedMissingAndUnlisted) {
    const Files files{{"stdout.txt", "hellO"}, {"extra.txt", "x"}, {kList, list_}};
    const auto of_folder = check_result(written(files));
    ASSERT_TRUE(of_folder);
    for (const ResultCheck& check : {checked_zip(files), *of_folder}) {
        EXPECT_FALSE(check.is_sound());
        EXPECT_THAT(check.changed, ElementsAre("stdout.txt"));
        EXPECT_THAT(check.missing, ElementsAre("output/a b\n.csv"));
        EXPECT_THAT(check.unlisted, ElementsAre("extra.txt"));
        EXPECT_EQ(check.sound, 0u);
    }
}

TEST_F(ResultCheckTest, TheZipBesideTheFilesIsNoPartOfTheResult) {
    const fs::path at =
        written({{"stdout.txt", "hello"}, {"output/a b\n.csv", "1,2"}, {kList, list_}, {"results.zip", "zip"}});
    ASSERT_EQ(::symlink("/etc/passwd", (at / "output/link").c_str()), 0);
    const auto check = check_result(at);
    ASSERT_TRUE(check) << check.error().to_string();
    EXPECT_THAT(check->changed, IsEmpty());
    EXPECT_THAT(check->unlisted, ElementsAre("output/link"));
}

TEST_F(ResultCheckTest, AFileThatIsThereTwiceIsNotSound) {
    const ResultCheck check =
        checked_zip({{"stdout.txt", "hello"}, {"output/a b\n.csv", "1,2"}, {"stdout.txt", "other"}, {kList, list_}});
    EXPECT_THAT(check.unlisted, ElementsAre("stdout.txt (there twice)"));
}

TEST_F(ResultCheckTest, AFileListedWithoutASumIsNotSound) {
    const std::string bare = R"({"@id":"stdout.txt","@type":["File","Text"]},)";
    const ResultCheck check = checked_zip({{"stdout.txt", "hello"}, {kList, crate(bare)}});
    EXPECT_THAT(check.changed, ElementsAre("stdout.txt"));
}

TEST_F(ResultCheckTest, SaysWhyItCanNotBeChecked) {
    testing::write_zip(folder_.path() / "old.zip", {{"stdout.txt", "hello"}});
    EXPECT_EQ(check_result(folder_.path() / "old.zip").error().code, ErrorCode::not_found);
    testing::write_zip(folder_.path() / "odd.zip", {{kList, "[]"}});
    EXPECT_EQ(check_result(folder_.path() / "odd.zip").error().code, ErrorCode::malformed);
    ASSERT_TRUE(write_file(folder_.path() / "not.zip", "no zip at all"));
    EXPECT_EQ(check_result(folder_.path() / "not.zip").error().code, ErrorCode::corrupt);
}

}  // namespace
}  // namespace labhub::cli
