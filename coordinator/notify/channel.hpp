#pragma once

#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "shared/alarm/words.hpp"

namespace labhub::coordinator::notify {

/// An HTTP(S) address that takes a JSON object by POST.
struct Webhook {
    std::string url;
    std::string bearer_token;  ///< sent as "Authorization: Bearer …"; empty: none
};

/// A mail server that takes messages over SMTP.
struct Mail {
    enum class Tls { required, if_offered, none };

    std::string server;  ///< "smtp://mail.example.org:587", or smtps:// for TLS from the first byte on
    std::string from;
    std::vector<std::string> to;
    std::string username, password;  ///< empty: no login
    Tls tls = Tls::required;
};

/// One way to tell people.
struct Channel {
    std::string name;
    alarm::Severity at_least = alarm::Severity::minor;
    std::variant<Webhook, Mail> how;
    std::filesystem::path ca_file;  ///< certificates to trust; empty: the system's
    bool tells_of_reservations = true;
};

}  // namespace labhub::coordinator::notify
