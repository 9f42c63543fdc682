#include "coordinator/notify/message.hpp"

#include <algorithm>
#include <array>
#include <ctime>

#include "shared/base/json.hpp"
#include "shared/base/text.hpp"

namespace labhub::coordinator::notify {
namespace {

namespace json = boost::json;
using alarms::Event;
using alarms::EventKind;

constexpr std::size_t kLineLength = 76;  // of base64 in a mail, RFC 2045, 6.8
constexpr std::size_t kWordBytes = 45;   // of one encoded word, RFC 2047, 2

std::string base64(std::string_view bytes) {
    constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        std::uint32_t group = 0;
        for (std::size_t j = 0; j < 3; ++j)
            group = group << 8 | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0u);
        for (std::size_t j = 0; j < 4; ++j) text += i + j <= bytes.size() ? kDigits[group >> (18 - 6 * j) & 63] : '=';
    }
    return text;
}

std::string upper(std::string_view text) {
    std::string all(text);
    std::transform(all.begin(), all.end(), all.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
    return all;
}

std::string word_for(const Event& event) {
    switch (event.kind) {
        case EventKind::raised:
        case EventKind::severity_changed: return upper(alarm::to_string(event.severity));
        case EventKind::cleared: return "CLEARED";
        case EventKind::acknowledged: return "ACKNOWLEDGED";
    }
    return {};
}

alarm::Severity worst_of(const std::vector<Event>& events) {
    auto worst = alarm::Severity::none;
    for (const Event& event : events) worst = std::max(worst, event.severity);
    return worst;
}

/// The event people should see first: the worst, and of several equal ones the last.
const Event& headline(const std::vector<Event>& events) {
    const Event* chosen = &events.front();
    for (const Event& event : events)
        if (event.severity >= chosen->severity) chosen = &event;
    return *chosen;
}

/// RFC 5322, 3.3, whatever the process's locale is.
std::string mail_date(UtcMillis now) {
    constexpr std::array kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr std::array kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const std::time_t seconds = now.count / 1000;
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    const std::string time = to_rfc3339(now).substr(11, 8);
    return std::string(kDays[static_cast<std::size_t>(parts.tm_wday)]) + ", " + std::to_string(parts.tm_mday) + " " +
           kMonths[static_cast<std::size_t>(parts.tm_mon)] + " " + std::to_string(parts.tm_year + 1900) + " " + time +
           " +0000";
}

/// The same for a message that is sent again, so that a receiver can tell.
template <class AnyEvent>
std::string id_of(std::string_view what, const Channel& channel, const std::vector<AnyEvent>& events) {
    return "labhub-" + std::string(what) + channel.name + "-" + std::to_string(events.front().number) + "-" +
           std::to_string(events.back().number) + "-" + std::to_string(events.back().time.count);
}

/// What a letter says, whatever it is about.
struct Content {
    std::string id, subject, text;
    std::string hint;  ///< for a mail: what the reader can do
    std::string_view severity;
    std::size_t count = 0;
    json::array events;
};

std::string mail_text(const Mail& mail, const Content& content, UtcMillis now) {
    std::string receivers;
    for (const auto& to : mail.to) receivers += (receivers.empty() ? "" : ", ") + header_value(to);
    std::string text = "Date: " + mail_date(now) + "\r\nFrom: " + header_value(mail.from) + "\r\nTo: " + receivers +
                       "\r\nSubject: " + header_value("[labhub] " + content.subject) + "\r\nMessage-ID: <" +
                       content.id +
                       "@labhub.invalid>\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: "
                       "text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n";
    const std::string body = base64(content.text + "\n" + content.hint + "\n");
    for (std::size_t i = 0; i < body.size(); i += kLineLength) text += body.substr(i, kLineLength) + "\r\n";
    return text;
}

std::string webhook_body(Content content) {
    return to_json(json::object{{"source", "labhub"},
                                {"id", content.id},
                                {"severity", content.severity},
                                {"subject", content.subject},
                                {"text", content.text},     // what Slack, Mattermost and Teams show
                                {"content", content.text},  // what Discord shows
                                {"count", content.count},
                                {"events", std::move(content.events)}});
}

Letter letter_with(const Channel& channel, Content content, UtcMillis now) {
    Letter letter;
    letter.channel = channel;
    if (const auto* const mail = std::get_if<Mail>(&channel.how))
        letter.text = mail_text(*mail, content, now);
    else
        letter.text = webhook_body(std::move(content));
    return letter;
}

template <class AnyEvent>
json::array listed(const std::vector<AnyEvent>& events) {
    json::array list;
    for (std::size_t i = 0; i < std::min(events.size(), kMostListed); ++i) list.push_back(to_json_object(events[i]));
    return list;
}

}  // namespace

std::string header_value(std::string_view text) {
    std::string clean;
    bool is_ascii = true;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        is_ascii = is_ascii && byte < 0x80;
        clean += byte < 0x20 || byte == 0x7F ? ' ' : c;
    }
    if (is_ascii) return clean;
    std::string words;
    for (std::size_t begin = 0; begin < clean.size();) {
        std::size_t end = std::min(clean.size(), begin + kWordBytes);
        while (end < clean.size() && end > begin + 1 && (static_cast<unsigned char>(clean[end]) & 0xC0) == 0x80) --end;
        words += (words.empty() ? "=?utf-8?B?" : "\r\n =?utf-8?B?") +
                 base64(std::string_view(clean).substr(begin, end - begin)) + "?=";
        begin = end;
    }
    return words;
}

std::string subject_of(const std::vector<Event>& events) {
    const Event& first = headline(events);
    std::string text = word_for(first) + ": " + first.message;
    if (events.size() > 1) text += " (and " + std::to_string(events.size() - 1) + " more)";
    return text;
}

std::string text_of(const std::vector<Event>& events) {
    std::string text;
    for (std::size_t i = 0; i < std::min(events.size(), kMostListed); ++i) {
        const Event& event = events[i];
        text += to_rfc3339(event.time) + "  " + word_for(event) + "  " + event.message;
        if (event.kind == EventKind::acknowledged)
            text += ", by " + event.who + (event.comment.empty() ? "" : ": " + event.comment);
        if (!event.job.empty()) text += "  [experiment " + event.job.value + "]";
        text += "  (" + event.alarm.value + ")\n";
    }
    if (events.size() > kMostListed)
        text += "… and " + std::to_string(events.size() - kMostListed) + " more: see `labhub alarms history`.\n";
    return text;
}

Letter letter_of(const Channel& channel, const std::vector<Event>& events, UtcMillis now) {
    Content content;
    content.id = id_of("", channel, events);
    content.subject = subject_of(events);
    content.text = text_of(events);
    content.hint = "Acknowledge with `labhub alarms ack ID`; see `labhub alarms list`.";
    content.severity = alarm::to_string(worst_of(events));
    content.count = events.size();
    content.events = listed(events);
    return letter_with(channel, std::move(content), now);
}

Letter letter_of(const Channel& channel, const std::vector<reservations::Event>& events, UtcMillis now) {
    Content content;
    content.id = id_of("reservations-", channel, events);
    content.subject = events.front().message;
    if (events.size() > 1) content.subject += " (and " + std::to_string(events.size() - 1) + " more)";
    for (std::size_t i = 0; i < std::min(events.size(), kMostListed); ++i)
        content.text += events[i].message + "  (" + events[i].reservation.value + ")\n";
    if (events.size() > kMostListed)
        content.text += "… and " + std::to_string(events.size() - kMostListed) + " more.\n";
    content.hint = "See `labhub reservations`; `labhub unreserve ID` gives one up.";
    content.severity = alarm::to_string(alarm::Severity::none);
    content.count = events.size();
    content.events = listed(events);
    return letter_with(channel, std::move(content), now);
}

}  // namespace labhub::coordinator::notify
