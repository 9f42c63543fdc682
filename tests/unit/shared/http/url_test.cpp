#include "shared/http/url.hpp"

#include <gtest/gtest.h>

#include "shared/base/json.hpp"
#include "shared/http/message.hpp"

namespace labhub::http {
namespace {

TEST(Url, ReadsHostPortAndPath) {
    const auto url = Url::parse("http://hub.lab:8080/api/");
    ASSERT_TRUE(url) << url.error().to_string();
    EXPECT_EQ(url->host, "hub.lab");
    EXPECT_EQ(url->port, 8080);
    EXPECT_EQ(url->path, "/api");
    EXPECT_EQ(url->to_string(), "http://hub.lab:8080/api");
    EXPECT_EQ(Url::parse("http://127.0.0.1")->port, 80);
}

TEST(Url, ReadsIpv6Addresses) {
    const auto url = Url::parse("http://[::1]:8000");
    ASSERT_TRUE(url);
    EXPECT_EQ(url->host, "::1");
    EXPECT_EQ(url->to_string(), "http://[::1]:8000");
}

TEST(Url, SaysWhatIsWrong) {
    EXPECT_EQ(Url::parse("https://hub").error().code, ErrorCode::unsupported);
    for (const auto* text : {"", "hub:8000", "127.0.0.1:8000", "http://", "http://hub:99999", "http://hub:0",
                             "http://hub?x=1", "http://me@hub", "http://hub/ a"}) {
        const auto refused = Url::parse(text);
        ASSERT_FALSE(refused) << text;
        EXPECT_EQ(refused.error().detail, "write it as http://host:port") << text;
    }
}

TEST(PercentCoding, GoesThereAndBack) {
    std::string every;
    for (int c = 0; c < 256; ++c) every += static_cast<char>(c);
    EXPECT_EQ(percent_decode(percent_encode(every)).value(), every);
    EXPECT_EQ(percent_encode("a b/ä~"), "a%20b%2F%C3%A4~");
}

TEST(PercentCoding, RefusesHalfAnEscape) {
    for (const auto* text : {"%", "a%4", "%zz", "%4g"}) EXPECT_FALSE(percent_decode(text)) << text;
    EXPECT_NE(percent_decode("ab%4").error().message.find("byte 2"), std::string::npos);
}

TEST(Query, GoesThereAndBack) {
    const Query query{{"since", "2026-01-01T00:00:00Z"}, {"name", "a b&c=d"}, {"flag", ""}};
    EXPECT_EQ(parse_query(encode_query(query)).value(), query);
}

TEST(Query, ReadsPlusAsBlankAndKeysWithoutValue) {
    const Query expected{{"a b", "c d"}, {"flag", ""}, {"x", "1=2"}};
    EXPECT_EQ(parse_query("a+b=c+d&&flag&x=1=2").value(), expected);
    EXPECT_TRUE(parse_query("").value().empty());
    EXPECT_FALSE(parse_query("a=%"));
}

TEST(Headers, AreFoundWithoutRegardToCase) {
    const Headers headers{{"Content-Type", "a"}, {"X-One", "1"}, {"x-one", "2"}};
    EXPECT_EQ(find_header(headers, "content-type"), "a");
    EXPECT_EQ(find_header(headers, "X-ONE"), "1");
    EXPECT_EQ(find_header(headers, "X-On"), std::nullopt);
}

TEST(ErrorResponse, HasTheHubsShape) {
    const Error error{ErrorCode::out_of_range, "stirrer can't be set to 400", "allowed: 0 to 100 %"};
    const auto response = error_response(error);
    EXPECT_EQ(response.status, 422);
    const auto json = parse_json(std::get<std::string>(response.body));
    ASSERT_TRUE(json);
    EXPECT_EQ(to_json(*json),
              R"({"status":"error","error":{"code":"out_of_range","message":"stirrer can't be set to 400",)"
              R"("detail":"allowed: 0 to 100 %"},"detail":"stirrer can't be set to 400"})");
}

}  // namespace
}  // namespace labhub::http
