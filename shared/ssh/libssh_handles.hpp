#pragma once

// Inside shared/ssh only: what its sources share about libssh.

#include <filesystem>
#include <memory>
#include <string>

#include <libssh/libssh.h>
#include <libssh/server.h>

#include "shared/base/result.hpp"
#include "shared/ssh/keys.hpp"

namespace labhub::ssh {

struct KeyFree {
    void operator()(ssh_key key) const { ssh_key_free(key); }
};
using KeyHandle = std::unique_ptr<ssh_key_struct, KeyFree>;

struct BindFree {
    void operator()(ssh_bind bind) const { ssh_bind_free(bind); }
};
using BindHandle = std::unique_ptr<ssh_bind_struct, BindFree>;

struct CharFree {
    void operator()(char* text) const { ssh_string_free_char(text); }
};
using CharHandle = std::unique_ptr<char, CharFree>;

// What both ends offer. Only forms with an authenticated cipher or encrypt-then-MAC; no certificates anywhere, because
// libssh 0.10 accepts them without checking their CA, validity or principals.
inline constexpr const char* kKeyExchanges =
    "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521";
inline constexpr const char* kCiphers =
    "chacha20-poly1305@openssh.com,aes256-gcm@openssh.com,aes128-gcm@openssh.com,aes256-ctr,aes128-ctr";
inline constexpr const char* kMacs = "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com";
inline constexpr const char* kKeyAlgorithms =
    "ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,rsa-sha2-512,rsa-sha2-256";
inline constexpr int kMinimumRsaBits = 2048;

/// The private key in the file, with the checks of load_or_create_key; a missing file is Error not_found.
Result<KeyHandle> load_private_key(const std::filesystem::path& path);
/// The public half of any key.
Result<PublicKey> public_half(ssh_key key);
/// "SHA256:…"; empty when the key has no such form.
std::string fingerprint_of(ssh_key key);

}  // namespace labhub::ssh
