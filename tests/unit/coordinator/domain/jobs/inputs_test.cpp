#include "coordinator/domain/jobs/inputs.hpp"

#include <sys/stat.h>

#include <fstream>

#include <gtest/gtest.h>

#include "shared/base/random.hpp"

namespace labhub::coordinator::jobs {
namespace {

namespace fs = std::filesystem;

class InputsTest : public testing::Test {
  protected:
    void TearDown() override { fs::remove_all(folder_); }

    InputSettings settings() const {
        InputSettings settings;
        settings.folder = folder_ / "inputs";
        settings.most_bytes = 1'000;
        settings.most_bytes_of_all = 1'500;
        return settings;
    }
    static Result<InputFile> send(Inputs& inputs, const std::string& bytes) {
        LABHUB_TRY(auto upload, inputs.begin());
        for (std::size_t at = 0; at < bytes.size(); at += 100) LABHUB_CHECK(upload->add(bytes.substr(at, 100)));
        return upload->finish();
    }
    std::size_t files() const {
        return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder_ / "inputs"), {}));
    }
    void age(const InputFile& input) const {
        fs::last_write_time(folder_ / "inputs" / input.sha256,
                            fs::file_time_type::clock::now() - std::chrono::hours{48});
    }

    const fs::path folder_ = fs::path(testing::TempDir()) / ("labhub-inputs-" + random_hex(4));
};

TEST_F(InputsTest, GiveAnExperimentItsFilesUnderTheirNames) {
    Inputs inputs(settings());
    const auto sent = send(inputs, "a,b\n1,2\n");
    ASSERT_TRUE(sent) << sent.error().to_string();
    EXPECT_EQ(sent->size, 8);
    EXPECT_EQ(sent->sha256, sha256_hex("a,b\n1,2\n"));
    const auto found = inputs.find_all({{"feed profile.csv", 0, sent->sha256}});
    ASSERT_TRUE(found) << found.error().to_string();
    EXPECT_EQ(found->front().size, 8);
    fs::create_directories(folder_ / "job");
    ASSERT_TRUE(inputs.place(*found, folder_ / "job" / "input"));
    EXPECT_EQ(read_file(folder_ / "job/input/feed profile.csv").value(), "a,b\n1,2\n");
    ASSERT_TRUE(inputs.place(*found, folder_ / "job" / "input")) << "a second attempt of the same job";
}

TEST_F(InputsTest, KeepTheSameBytesOnce) {
    Inputs inputs(settings());
    const std::string bytes(800, 'x');
    ASSERT_TRUE(send(inputs, bytes));
    // A third of them would not fit, were they kept twice.
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(send(inputs, std::string(600, 'y'))) << i;
    EXPECT_EQ(files(), 2u);
}

TEST_F(InputsTest, RefuseWhatIsTooLargeAndLeaveNothingOfIt) {
    Inputs inputs(settings());
    EXPECT_EQ(send(inputs, std::string(1'001, 'x')).error().code, ErrorCode::too_large);
    EXPECT_EQ(files(), 0u);
    const auto first = send(inputs, std::string(900, 'x'));
    EXPECT_EQ(send(inputs, std::string(700, 'y')).error().code, ErrorCode::too_many);
    const auto second = send(inputs, std::string(500, 'y'));
    ASSERT_TRUE(second) << "what was refused takes no room";
    EXPECT_EQ(inputs.find_all({{"x", 0, first->sha256}, {"y", 0, second->sha256}}).error().code, ErrorCode::too_large);
}

TEST_F(InputsTest, BoundHowManyComeInAtOneTime) {
    Inputs inputs(settings());
    std::vector<std::unique_ptr<Inputs::Upload>> all;
    for (std::size_t i = 0; i < Inputs::kMostUploads; ++i) all.push_back(std::move(*inputs.begin()));
    EXPECT_EQ(inputs.begin().error().code, ErrorCode::too_many);
    all.pop_back();
    EXPECT_TRUE(inputs.begin());
}

TEST_F(InputsTest, KnowAfterARestartWhatIsThere) {
    std::string sum;
    {
        Inputs inputs(settings());
        sum = send(inputs, std::string(900, 'x'))->sha256;
        auto half = inputs.begin();
        ASSERT_TRUE((*half)->add("half"));
    }
    Inputs inputs(settings());
    EXPECT_TRUE(inputs.find(sum));
    EXPECT_EQ(files(), 1u);
    EXPECT_EQ(send(inputs, std::string(700, 'y')).error().code, ErrorCode::too_many);
}

TEST_F(InputsTest, RemoveWhatNobodyUsesAfterAWhile) {
    Inputs inputs(settings());
    const auto used = send(inputs, "used"), old = send(inputs, "old"), fresh = send(inputs, "fresh");
    age(*used);
    age(*old);
    const auto removed = inputs.tidy({used->sha256});
    EXPECT_EQ(removed.value(), 1u);
    EXPECT_TRUE(inputs.find(used->sha256));
    EXPECT_TRUE(inputs.find(fresh->sha256));
    EXPECT_EQ(inputs.find(old->sha256).error().code, ErrorCode::not_found);
}

TEST_F(InputsTest, TakeAFileOfAnEarlierResultBackUnlessItHasChanged) {
    Inputs inputs(settings());
    fs::create_directories(folder_);
    std::ofstream(folder_ / "kept.csv") << "a,b\n";
    const InputFile kept{"kept.csv", 4, sha256_hex("a,b\n")};
    ASSERT_TRUE(inputs.take_back(folder_ / "kept.csv", kept));
    EXPECT_TRUE(inputs.find(kept.sha256));
    const InputFile other{"kept.csv", 4, sha256_hex("other")};
    EXPECT_EQ(inputs.take_back(folder_ / "kept.csv", other).error().code, ErrorCode::corrupt);
    fs::create_symlink(folder_ / "kept.csv", folder_ / "link.csv");
    EXPECT_FALSE(inputs.take_back(folder_ / "link.csv", other));
}

TEST(InputNames, AreThoseOfOneFileInAFolder) {
    const auto is_name = [](std::string name) { return check_input_names({{std::move(name), 0, ""}}).has_value(); };
    for (const char* const name : {"data.csv", "größe, 100%.csv", "-rf", "a b", "日本.txt"})
        EXPECT_TRUE(is_name(name)) << name;
    for (const char* const name :
         {"", ".", "..", ".hidden", "a/b", "../a", "a\\b", "a\nb", "a\x7F", "\xFF", "a\xC2\x85", "a\xE2\x80\xA8"})
        EXPECT_FALSE(is_name(name)) << name;
    EXPECT_FALSE(is_name(std::string("a\0b", 3)));
    EXPECT_FALSE(is_name(std::string(129, 'a')));
}

TEST(InputNames, AreEachThereOnce) {
    EXPECT_FALSE(check_input_names({{"Data.csv", 0, ""}, {"data.CSV", 0, ""}}));
    EXPECT_EQ(check_input_names(std::vector<InputFile>(kMostInputs + 1)).error().code, ErrorCode::too_large);
}

}  // namespace
}  // namespace labhub::coordinator::jobs
