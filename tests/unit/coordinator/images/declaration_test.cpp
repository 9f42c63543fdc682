#include "coordinator/images/declaration.hpp"

#include <algorithm>
#include <cstdlib>

#include <gtest/gtest.h>

#include "shared/base/files.hpp"
#include "shared/base/random.hpp"

namespace labhub::coordinator::images {
namespace {

namespace fs = std::filesystem;

class Declared : public ::testing::Test {
  protected:
    void SetUp() override {
        folder_ = fs::temp_directory_path() / ("labhub-declared-" + random_hex(6));
        fs::create_directories(folder_ / "sources.list.d");
    }
    void TearDown() override { fs::remove_all(folder_); }
    Result<Declaration> declare(const std::string& text) {
        EXPECT_TRUE(write_file(folder_ / "image.toml", text));
        return read_declaration(folder_ / "image.toml");
    }
    fs::path folder_;
};

TEST_F(Declared, TheStandardImageHasTheAllowList) {
    const char* const source = std::getenv("LABHUB_SOURCE");
    const auto declared = read_declaration(fs::path(source ? source : fs::current_path().c_str()) /
                                           "coordinator/images/python/image.toml");
    ASSERT_TRUE(declared) << declared.error().to_string();
    EXPECT_EQ(declared->name, "python");
    for (const char* package : {"python3-numpy", "python3-pandas", "python3-matplotlib", "python3-sklearn",
                                "python3-scipy", "python3-requests"})
        EXPECT_EQ(std::count(declared->packages.begin(), declared->packages.end(), package), 1) << package;
    EXPECT_EQ(std::count(declared->packages.begin(), declared->packages.end(), "python3-pip"), 0);
}

TEST_F(Declared, SaysWhatIsWrong) {
    EXPECT_NE(declare("name = \"x\"\npackages = []\n").error().to_string().find("'packages' is empty"),
              std::string::npos);
    EXPECT_NE(declare("name = \"x\"\npackages = [\"--evil\"]\n").error().to_string().find("--evil"), std::string::npos);
    EXPECT_NE(declare("name = \"x\"\npackages = [\"a b\"]\n").error().to_string().find("a b"), std::string::npos);
    EXPECT_FALSE(declare("name = \"x\"\npackages = [\"python3\"]\nleave_out = [\"../etc\"]\n"));
    EXPECT_FALSE(declare("name = \"x y\"\npackages = [\"python3\"]\n"));
    EXPECT_TRUE(declare("name = \"x\"\nsuite = \"bookworm\"\npackages = [\"python3\"]\n"));
}

TEST_F(Declared, TakesOfTheHostsSourcesThoseOfTheSuite) {
    ASSERT_TRUE(
        write_file(folder_ / "sources.list.d/debian.sources",
                   "Types: deb\nURIs: http://archive.invalid/debian\nSuites: bookworm bookworm-updates trixie\n"
                   "Components: main\n\nTypes: deb\nURIs: http://other.invalid/\nSuites: stable\nComponents: x\n"));
    ASSERT_TRUE(
        write_file(folder_ / "sources.list",
                   "# deb http://no.invalid bookworm main\n"
                   "deb [arch=amd64 signed-by=/k.gpg] http://security.invalid bookworm-security main contrib\n"));
    const auto sources = sources_of(folder_, "bookworm");
    ASSERT_TRUE(sources) << sources.error().to_string();
    EXPECT_NE(sources->find("Suites: bookworm bookworm-updates\n"), std::string::npos) << *sources;
    EXPECT_NE(sources->find("URIs: http://security.invalid\nSuites: bookworm-security\nComponents: main contrib\n"
                            "Signed-By: /k.gpg\n"),
              std::string::npos)
        << *sources;
    EXPECT_EQ(sources->find("other.invalid"), std::string::npos);
    EXPECT_EQ(sources->find("no.invalid"), std::string::npos);
    EXPECT_EQ(sources->find("trixie"), std::string::npos);
    const auto none = sources_of(folder_, "forky");
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, ErrorCode::not_found);
    EXPECT_NE(none.error().detail.find("bookworm-security"), std::string::npos) << none.error().detail;
}

}  // namespace
}  // namespace labhub::coordinator::images
