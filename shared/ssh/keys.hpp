#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.hpp"

namespace labhub::ssh {

/// The public half of a key, as authorized_keys and `ssh-keygen` write it.
struct PublicKey {
    std::string type;     ///< "ssh-ed25519"
    std::string base64;   ///< the key's SSH wire form (RFC 4253, 6.6) in base64
    std::string comment;  ///< what follows on the line, no part of the key; often "user@host"

    /// "SHA256:…", exactly as `ssh-keygen -l` prints it.
    std::string fingerprint() const;
    /// "ssh-ed25519 AAAA… comment".
    std::string to_string() const;
    /// Equal keys; the comment doesn't count.
    bool operator==(const PublicKey& other) const { return type == other.type && base64 == other.base64; }

    /// From a line of an authorized_keys or .pub file: "TYPE BASE64 [COMMENT]". Error malformed says which part is
    /// wrong; unsupported for DSA, certificates and hardware-bound kinds, and for options before the type.
    static Result<PublicKey> parse(std::string_view line);
};

/// Every key of a text of such lines; blank lines and those beginning with `#` are passed over. An error names the
/// line.
Result<std::vector<PublicKey>> parse_keys(std::string_view text);

/// The public half of the private key at `path`; a new ed25519 key in OpenSSH format is put there (mode 0600) when
/// there is none. Errors: forbidden when others than its owner can read the file, malformed when it isn't an
/// unencrypted key.
Result<PublicKey> load_or_create_key(const std::filesystem::path& path);

}  // namespace labhub::ssh
