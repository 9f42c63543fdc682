#include "coordinator/notify/message.hpp"

#include <gtest/gtest.h>

#include "shared/base/json.hpp"
#include "tests/unit/coordinator/notify/receivers.hpp"

namespace labhub::coordinator::notify {
namespace {

using test::some_event;

TEST(NotifyMessage, PutsTheWorstEventIntoTheSubject) {
    auto cleared = some_event(1, alarm::Severity::none);
    cleared.kind = alarms::EventKind::cleared;
    cleared.message = "vial_B_temp of sim-1/vessel is normal again";
    EXPECT_EQ(subject_of({cleared}), "CLEARED: vial_B_temp of sim-1/vessel is normal again");
    EXPECT_EQ(subject_of({some_event(2), cleared}),
              "MAJOR: vial_A_temp of sim-1/vessel is at or above 45 Cel: 46.5 Cel (and 1 more)");
}

TEST(NotifyMessage, SaysWhoAcknowledgedAndWhat) {
    auto event = some_event(1);
    event.kind = alarms::EventKind::acknowledged;
    event.who = "user:ada";
    event.comment = "on my way";
    const std::string text = text_of({event});
    EXPECT_NE(text.find("ACKNOWLEDGED"), std::string::npos);
    EXPECT_NE(text.find("by user:ada: on my way"), std::string::npos);
}

TEST(NotifyMessage, ListsSoManyAndCountsTheRest) {
    std::vector<alarms::Event> many;
    for (int i = 1; i <= 200; ++i) many.push_back(some_event(i));
    const std::string text = text_of(many);
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), static_cast<long>(kMostListed) + 1);
    EXPECT_NE(text.find("and 150 more"), std::string::npos);
}

TEST(NotifyMessage, IsJsonForAWebhook) {
    Channel channel{"chat", alarm::Severity::minor, Webhook{"http://127.0.0.1/", ""}, {}};
    const auto body = parse_json(letter_of(channel, {some_event(7), some_event(8)}, UtcMillis{0}).text);
    ASSERT_TRUE(body);
    const auto& object = body->as_object();
    EXPECT_EQ(object.at("severity").as_string(), "major");
    EXPECT_EQ(object.at("count").to_number<int>(), 2);
    EXPECT_EQ(object.at("events").as_array()[0].as_object().at("metric").as_string(), "vial_A_temp");
    EXPECT_EQ(object.at("text"), object.at("content"));
}

TEST(NotifyMessage, TellsOfReservationsInTheSameForm) {
    reservations::Event event;
    event.number = 7;
    event.kind = reservations::event::kReminder;
    event.reservation = reservations::ReservationId{"r1"};
    event.device = DeviceAddress{NodeId{"sim-1"}, "vessel"};
    event.owner = "user:ada";
    event.message = "sim-1/vessel is reserved for user:ada in 15m";
    Channel channel{"chat", alarm::Severity::minor, Webhook{"http://127.0.0.1/", ""}, {}};
    const auto body = parse_json(letter_of(channel, std::vector{event, event}, UtcMillis{0}).text);
    ASSERT_TRUE(body);
    const auto& object = body->as_object();
    EXPECT_EQ(object.at("id").as_string(), "labhub-reservations-chat-7-7-0");
    EXPECT_EQ(object.at("subject").as_string(), "sim-1/vessel is reserved for user:ada in 15m (and 1 more)");
    EXPECT_EQ(object.at("severity").as_string(), "none");
    EXPECT_EQ(object.at("events").as_array()[1].as_object().at("reservation").as_string(), "r1");
    channel.how = Mail{"smtp://127.0.0.1", "hub@example.org", {"ada@example.org"}, "", "", Mail::Tls::none};
    EXPECT_NE(
        letter_of(channel, std::vector{event}, UtcMillis{0}).text.find("Subject: [labhub] sim-1/vessel is reserved"),
        std::string::npos);
}

TEST(NotifyMessage, HasNoHeaderOfItsContents) {
    EXPECT_EQ(header_value("one\r\nBcc: everyone@example.org"), "one  Bcc: everyone@example.org");
    const std::string encoded = header_value("Temperatur über 45 °C");
    EXPECT_TRUE(encoded.starts_with("=?utf-8?B?"));
    const std::string long_text(300, '\xC3');
    EXPECT_FALSE(header_value(long_text).empty()) << "not even of bytes that are no text";
}

}  // namespace
}  // namespace labhub::coordinator::notify
