#include "coordinator/daemon/alarm_settings.hpp"

#include <set>

#include "shared/base/files.hpp"
#include "shared/base/text.hpp"

namespace labhub::coordinator::daemon {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxSecret = 4096;

config::Rule duration_or_empty() {
    config::Rule rule;
    rule.text_kind = "duration";
    rule.text_check = [](std::string_view text) -> Result<void> {
        if (text.empty()) return {};
        LABHUB_CHECK(parse_duration(text));
        return {};
    };
    return rule;
}

config::Rule severity() { return config::one_of({"minor", "major", "invalid"}); }
config::Rule limit_severity() { return config::one_of({"none", "minor", "major", "invalid"}); }

void describe_rule(config::Options& item, AlarmRuleSettings& rule) {
    item.add("id", &rule.id, "Its name", config::name("rule id").required());
    item.add("device", &rule.device, "node/device, or * for every device that has the metric");
    item.add("metric", &rule.metric, "What is watched", config::name("metric").required());
    item.add("lowlow", &rule.lowlow, "Alarming at or below this, in the metric's unit");
    item.add("low", &rule.low, "The same");
    item.add("high", &rule.high, "Alarming at or above this, in the metric's unit");
    item.add("highhigh", &rule.highhigh, "The same");
    item.add("lowlow_severity", &rule.lowlow_severity, "How bad that is", limit_severity());
    item.add("low_severity", &rule.low_severity, "How bad that is", limit_severity());
    item.add("high_severity", &rule.high_severity, "How bad that is", limit_severity());
    item.add("highhigh_severity", &rule.highhigh_severity, "How bad that is", limit_severity());
    item.add("hysteresis", &rule.hysteresis, "How far back inside a limit the value must be to clear",
             config::at_least(0));
    item.add("delay", &rule.delay, "So long the condition must hold; empty: alarms.delay", duration_or_empty());
    item.add("no_data", &rule.no_data, "No reading for so long is an alarm; 0s: never; empty: alarms.no_data",
             duration_or_empty());
    item.add("quality", &rule.quality, "Whether a reading without a usable value is an alarm");
    item.add("reaction", &rule.reaction, "What follows", config::one_of({"log", "notify", "pause", "stop"}));
    item.add("description", &rule.description, "For those who are told");
}

void describe_webhook(config::Options& item, WebhookSettings& hook) {
    item.add("name", &hook.name, "Its name", config::name("channel").required());
    item.add("url", &hook.url, "Address that takes a JSON object by POST");
    item.add("url_file", &hook.url_file, "File the address is in, where it is a secret; instead of url");
    item.add("token_file", &hook.token_file, "File with a token, sent as Authorization: Bearer");
    item.add("ca_file", &hook.ca_file, "Certificates to trust; empty: the system's");
    item.add("severity", &hook.severity, "Tells of alarms at least so severe", severity());
    item.add("reservations", &hook.reservations, "Tells of reservations that are about to begin, or are released");
}

void describe_mail(config::Options& item, MailSettings& mail) {
    item.add("name", &mail.name, "Its name", config::name("channel").required());
    item.add("server", &mail.server, "Mail server, as smtp://mail.example.org:587 or smtps://mail.example.org",
             config::not_empty().required());
    item.add("tls", &mail.tls, "With smtp://: whether the connection must be encrypted by STARTTLS",
             config::one_of({"required", "if_offered", "none"}));
    item.add("from", &mail.from, "Sender's address", config::not_empty().required());
    item.add("to", &mail.to, "Receivers' addresses", config::range(1, 100).required());
    item.add("username", &mail.username, "Name to log in with; empty: no login");
    item.add("password_file", &mail.password_file, "File the password is in");
    item.add("ca_file", &mail.ca_file, "Certificates to trust; empty: the system's");
    item.add("severity", &mail.severity, "Tells of alarms at least so severe", severity());
    item.add("reservations", &mail.reservations, "Tells of reservations that are about to begin, or are released");
}

Result<std::string> read_secret(const std::filesystem::path& file) {
    LABHUB_TRY(const std::string text, read_file(file, kMaxSecret));
    std::string secret(trim(text));
    if (secret.empty()) return Error{ErrorCode::malformed, file.string() + " is empty", "it holds the secret alone"};
    if (secret.find_first_of("\r\n") != std::string::npos)
        return Error{ErrorCode::malformed, file.string() + " has several lines", "it holds the secret alone"};
    return secret;
}

Result<std::chrono::milliseconds> time_or(const std::string& text, std::chrono::milliseconds otherwise) {
    return text.empty() ? Result<std::chrono::milliseconds>(otherwise) : parse_duration(text);
}

Result<alarms::Rule> rule_of(const AlarmRuleSettings& from, const AlarmSettings& defaults) {
    alarms::Rule rule;
    rule.id = alarms::RuleId{from.id};
    rule.device = from.device;
    rule.metric = from.metric;
    rule.description = from.description;
    alarms::Limits& limits = rule.limits;
    limits.lowlow = from.lowlow;
    limits.low = from.low;
    limits.high = from.high;
    limits.highhigh = from.highhigh;
    LABHUB_TRY(limits.lowlow_severity, alarm::severity_from(from.lowlow_severity));
    LABHUB_TRY(limits.low_severity, alarm::severity_from(from.low_severity));
    LABHUB_TRY(limits.high_severity, alarm::severity_from(from.high_severity));
    LABHUB_TRY(limits.highhigh_severity, alarm::severity_from(from.highhigh_severity));
    limits.hysteresis = from.hysteresis;
    LABHUB_TRY(limits.delay, time_or(from.delay, defaults.delay));
    LABHUB_TRY(limits.no_data, time_or(from.no_data, defaults.no_data));
    limits.quality = from.quality;
    LABHUB_TRY(rule.reaction, alarms::reaction_from(from.reaction));
    LABHUB_CHECK(alarms::check_rule(rule));
    return rule;
}

Result<notify::Channel> channel_of(const WebhookSettings& from) {
    notify::Channel channel;
    channel.name = from.name;
    channel.ca_file = from.ca_file;
    channel.tells_of_reservations = from.reservations;
    LABHUB_TRY(channel.at_least, alarm::severity_from(from.severity));
    if (from.url.empty() == from.url_file.empty())
        return Error{ErrorCode::malformed, "it needs an address", "either url or url_file"};
    notify::Webhook hook;
    hook.url = from.url;
    if (!from.url_file.empty()) {
        LABHUB_TRY(hook.url, read_secret(from.url_file));
    }
    if (!hook.url.starts_with("http://") && !hook.url.starts_with("https://"))
        return Error{ErrorCode::malformed, "its address is none", "it begins with https:// or http://"};
    if (!from.token_file.empty()) {
        LABHUB_TRY(hook.bearer_token, read_secret(from.token_file));
    }
    channel.how = std::move(hook);
    return channel;
}

Result<notify::Channel> channel_of(const MailSettings& from) {
    notify::Channel channel;
    channel.name = from.name;
    channel.ca_file = from.ca_file;
    channel.tells_of_reservations = from.reservations;
    LABHUB_TRY(channel.at_least, alarm::severity_from(from.severity));
    notify::Mail mail;
    mail.server = from.server;
    mail.from = from.from;
    mail.to = from.to;
    mail.username = from.username;
    if (!mail.server.starts_with("smtp://") && !mail.server.starts_with("smtps://"))
        return Error{ErrorCode::malformed, "server = '" + mail.server + "' is none",
                     "as smtp://mail.example.org:587 or smtps://mail.example.org"};
    if (mail.username.empty() != from.password_file.empty())
        return Error{ErrorCode::malformed, "to log in takes a name and a password", "username and password_file"};
    if (!from.password_file.empty()) {
        LABHUB_TRY(mail.password, read_secret(from.password_file));
    }
    mail.tls = from.tls == "none"         ? notify::Mail::Tls::none
               : from.tls == "if_offered" ? notify::Mail::Tls::if_offered
                                          : notify::Mail::Tls::required;
    if (!mail.username.empty() && mail.tls != notify::Mail::Tls::required && !mail.server.starts_with("smtps://"))
        return Error{ErrorCode::malformed, "a password is sent over encrypted connections only",
                     "tls = \"required\", or smtps://"};
    channel.how = std::move(mail);
    return channel;
}

}  // namespace

void add_alarm_options(config::Options& options, AlarmSettings& settings) {
    options.add("alarms.delay", &settings.delay, "So long a condition must hold, where a rule doesn't say",
                config::range(0ms, 24h));
    options.add("alarms.no_data", &settings.no_data,
                "No reading for so long is an alarm, where a rule doesn't say; 0s: never", config::range(0ms, 168h));
    options.add("alarms.history", &settings.history, "How long the history of alarms is kept",
                config::range(24h, 24h * 365 * 20));
    options.add("alarms.group_window", &settings.group_window, "What happens within it is told in one message",
                config::range(0ms, 1h));
    options.add("alarms.messages_per_hour", &settings.messages_per_hour,
                "Messages of one channel; what comes above it waits and is told together", config::range(1, 10'000));
    options.add("alarms.give_up_after", &settings.give_up_after,
                "What could not be told for so long isn't told any more", config::range(1min, 24h * 30));
    options.list("alarms.rule", &settings.rules, "A rule that is there from the start and can't be removed",
                 describe_rule);
    options.list("alarms.webhook", &settings.webhooks, "A way people are told: an HTTP address", describe_webhook);
    options.list("alarms.mail", &settings.mails, "A way people are told: e-mail", describe_mail);
}

Result<alarms::Alarms::Settings> alarm_rules_of(const AlarmSettings& settings) {
    alarms::Alarms::Settings made;
    made.delay = settings.delay;
    made.no_data = settings.no_data;
    made.history = settings.history;
    std::set<std::string> ids;
    for (const auto& from : settings.rules) {
        auto rule = rule_of(from, settings);
        if (!rule) return rule.error().within("[[alarms.rule]] '" + from.id + "'");
        if (!ids.insert(from.id).second)
            return Error{ErrorCode::malformed, "[[alarms.rule]] id '" + from.id + "' is given twice"};
        made.rules.push_back(std::move(*rule));
    }
    return made;
}

Result<notify::NotifierSettings> channels_of(const AlarmSettings& settings) {
    notify::NotifierSettings made;
    made.group_window = settings.group_window;
    made.messages_per_hour = static_cast<std::size_t>(settings.messages_per_hour);
    made.give_up_after = settings.give_up_after;
    std::set<std::string> names;
    const auto add = [&](std::string_view table, const auto& from) -> Result<void> {
        auto channel = channel_of(from);
        const std::string place = "[[alarms." + std::string(table) + "]] '" + from.name + "'";
        if (!channel) return channel.error().within(place);
        if (!names.insert(from.name).second) return Error{ErrorCode::malformed, place + " has the name of another one"};
        made.channels.push_back(std::move(*channel));
        return {};
    };
    for (const auto& hook : settings.webhooks) LABHUB_CHECK(add("webhook", hook));
    for (const auto& mail : settings.mails) LABHUB_CHECK(add("mail", mail));
    return made;
}

}  // namespace labhub::coordinator::daemon
