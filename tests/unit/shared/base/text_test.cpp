#include "shared/base/text.hpp"

#include <charconv>

#include <gtest/gtest.h>

#include "shared/base/random.hpp"

namespace labhub {
namespace {

TEST(FormatNumber, IsShortAndPlain) {
    EXPECT_EQ(format_number(0.5), "0.5");
    EXPECT_EQ(format_number(40), "40");
    EXPECT_EQ(format_number(0), "0");
    EXPECT_EQ(format_number(-0.1), "-0.1");
    EXPECT_EQ(format_number(123456789012), "123456789012");
    EXPECT_EQ(format_number(1e-7), "1e-07");
    EXPECT_EQ(format_number(1e300), "1e+300");
}

TEST(FormatNumber, ReadsBackTheSame) {
    for (int i = 0; i < 10'000; ++i) {
        const double number = (random_fraction() - 0.5) * (i % 2 == 0 ? 1.0 : 1e9);
        const auto text = format_number(number);
        double back = 0;
        std::from_chars(text.data(), text.data() + text.size(), back);
        ASSERT_EQ(back, number) << text;
    }
}

TEST(Utf8, FindsTheFirstWrongByte) {
    const std::pair<std::string, std::size_t> kWrong[] = {{"a\x80", 1},
                                                          {"\xc0\xaf", 0},
                                                          {"ab\xe0\x80\xaf", 2},
                                                          {"\xed\xa0\x80", 0},
                                                          {"\xf4\x90\x80\x80", 0},
                                                          {"\xf8\x88\x80\x80\x80", 0},
                                                          {"\xc3", 0},
                                                          {"\xe2\x82", 0},
                                                          {"\xf0\x9f\x98", 0},
                                                          {"\xf0\x80\x80\xaf", 0},
                                                          {"ok\xff", 2}};
    for (const auto& [text, where] : kWrong) {
        std::size_t offset = 99;
        EXPECT_FALSE(is_utf8(text, &offset)) << printable(text);
        EXPECT_EQ(offset, where) << printable(text);
    }
}

TEST(Utf8, AcceptsEveryLength) {
    EXPECT_TRUE(is_utf8("a\xc2\xb5\xe2\x82\xac\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf")) << "1 to 4 bytes";
}

TEST(Split, KeepsEmptyParts) {
    using Parts = std::vector<std::string_view>;
    EXPECT_EQ(split("a,,b", ','), (Parts{"a", "", "b"}));
    EXPECT_EQ(split("", ','), (Parts{""}));
    EXPECT_EQ(split(",", ','), (Parts{"", ""}));
}

TEST(Trim, TakesBlanksOffBothEnds) {
    EXPECT_EQ(trim(" \t a b\r\n"), "a b");
    EXPECT_EQ(trim(" \n"), "");
    EXPECT_EQ(trim(""), "");
}

TEST(Printable, ShowsWhatAStrangerSentSafely) {
    EXPECT_EQ(printable("ok µ"), "ok µ");
    EXPECT_EQ(printable("\x1b[2J\r\n"), "\\x1b[2J\\x0d\\x0a");
    EXPECT_EQ(printable("\xff\x7f"), "\\xff\\x7f");
    EXPECT_EQ(printable("\xc2\x9b\xc2\xa0"), "\\xc2\\x9b\xc2\xa0")
        << "U+009B begins an escape sequence, U+00A0 doesn't";
    EXPECT_EQ(printable("abcdef", 3), "abc…");
    EXPECT_EQ(printable("abc", 3), "abc");
}

}  // namespace
}  // namespace labhub
