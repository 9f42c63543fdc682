#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/domain/alarms/alarms.hpp"
#include "coordinator/notify/notifier.hpp"
#include "shared/config/options.hpp"

namespace labhub::coordinator::daemon {

/// A rule as the configuration file has it. Empty text: the default.
struct AlarmRuleSettings {
    std::string id, device = "*", metric;
    std::optional<double> lowlow, low, high, highhigh;
    std::string lowlow_severity = "major", low_severity = "minor", high_severity = "minor", highhigh_severity = "major";
    double hysteresis = 0;
    std::string delay, no_data;
    bool quality = true;
    std::string reaction = "notify", description;
};

struct WebhookSettings {
    std::string name, url;
    std::filesystem::path url_file, token_file, ca_file;
    std::string severity = "minor";
    bool reservations = true;
};

struct MailSettings {
    std::string name, server, from, username;
    std::vector<std::string> to;
    std::filesystem::path password_file, ca_file;
    std::string tls = "required", severity = "minor";
    bool reservations = true;
};

/// [alarms] of the configuration file.
struct AlarmSettings {
    std::chrono::milliseconds delay{0}, no_data{60'000};
    std::chrono::milliseconds history{std::chrono::hours{24 * 365}};
    std::chrono::milliseconds group_window{5'000};
    int messages_per_hour = 60;
    std::chrono::milliseconds give_up_after{std::chrono::hours{72}};
    std::vector<AlarmRuleSettings> rules;
    std::vector<WebhookSettings> webhooks;
    std::vector<MailSettings> mails;
};

/// Adds what the file may say to the program's option table. `settings` must outlive it.
void add_alarm_options(config::Options& options, AlarmSettings& settings);

/// Errors malformed, naming the table that is wrong.
Result<alarms::Alarms::Settings> alarm_rules_of(const AlarmSettings& settings);
/// The same for the ways people are told; reads the secrets from their files, once.
Result<notify::NotifierSettings> channels_of(const AlarmSettings& settings);

}  // namespace labhub::coordinator::daemon
