#include "shared/ssh/keys.hpp"

#include <cerrno>

#include <sys/stat.h>

#include "shared/base/files.hpp"
#include "shared/base/text.hpp"
#include "shared/ssh/libssh_handles.hpp"

namespace labhub::ssh {
namespace {

constexpr std::string_view kTypes =
    "ssh-ed25519, ecdsa-sha2-nistp256, ecdsa-sha2-nistp384, ecdsa-sha2-nistp521, ssh-rsa";
constexpr std::size_t kKeyFileBytes = 64 * 1024;

bool is_plain_type(ssh_keytypes_e type) {
    return type == SSH_KEYTYPE_ED25519 || type == SSH_KEYTYPE_RSA || type == SSH_KEYTYPE_ECDSA_P256 ||
           type == SSH_KEYTYPE_ECDSA_P384 || type == SSH_KEYTYPE_ECDSA_P521;
}

/// Cuts the next word off `text`.
std::string_view next_word(std::string_view& text) {
    text = trim(text);
    const auto word = text.substr(0, text.find_first_of(" \t"));
    text.remove_prefix(word.size());
    return word;
}

KeyHandle import_public(const std::string& type, const std::string& base64) {
    ssh_key key = nullptr;
    const auto kind = ssh_key_type_from_name(type.c_str());
    if (ssh_pki_import_pubkey_base64(base64.c_str(), kind, &key) != SSH_OK) return nullptr;
    KeyHandle handle(key);
    return ssh_key_type(key) == kind ? std::move(handle) : nullptr;
}

Result<KeyHandle> create_private_key(const std::filesystem::path& path) {
    ssh_key key = nullptr;
    if (ssh_pki_generate(SSH_KEYTYPE_ED25519, 0, &key) != SSH_OK)
        return Error{ErrorCode::internal, "make an ed25519 key for " + path.string() + ": the crypto library failed"};
    KeyHandle handle(key);
    char* text = nullptr;
    if (ssh_pki_export_privkey_base64(key, nullptr, nullptr, nullptr, &text) != SSH_OK)
        return Error{ErrorCode::internal,
                     "write the new key for " + path.string() + " as text: the crypto library failed"};
    const CharHandle owned(text);
    LABHUB_CHECK(write_file(path, text, 0600));
    return handle;
}

}  // namespace

std::string fingerprint_of(ssh_key key) {
    unsigned char* hash = nullptr;
    std::size_t length = 0;
    if (ssh_get_publickey_hash(key, SSH_PUBLICKEY_HASH_SHA256, &hash, &length) != SSH_OK) return {};
    const CharHandle text(ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash, length));
    ssh_clean_pubkey_hash(&hash);
    return text ? text.get() : std::string{};
}

Result<PublicKey> public_half(ssh_key key) {
    char* base64 = nullptr;
    if (ssh_pki_export_pubkey_base64(key, &base64) != SSH_OK)
        return Error{ErrorCode::malformed, "the key has no public half that can be written"};
    const CharHandle owned(base64);
    return PublicKey{ssh_key_type_to_char(ssh_key_type(key)), base64, {}};
}

std::string PublicKey::fingerprint() const {
    const KeyHandle key = import_public(type, base64);
    return key ? fingerprint_of(key.get()) : std::string{};
}

std::string PublicKey::to_string() const {
    return comment.empty() ? type + " " + base64 : type + " " + base64 + " " + comment;
}

Result<PublicKey> PublicKey::parse(std::string_view line) {
    std::string_view rest = line;
    const std::string type(next_word(rest));
    const std::string base64(next_word(rest));
    if (type.empty()) return Error{ErrorCode::malformed, "the key line is empty", "TYPE BASE64 [COMMENT]"};
    if (!is_plain_type(ssh_key_type_from_name(type.c_str()))) {
        const std::string expected = "the line begins with one of " + std::string(kTypes);
        if (ssh_key_type_from_name(type.c_str()) != SSH_KEYTYPE_UNKNOWN)
            return Error{ErrorCode::unsupported, "keys of type '" + printable(type, 60) + "' are not accepted",
                         expected};
        return Error{ErrorCode::malformed, "'" + printable(type, 60) + "' is not a key type", expected};
    }
    if (base64.empty())
        return Error{ErrorCode::malformed, "the key itself is missing after '" + type + "'", "TYPE BASE64 [COMMENT]"};
    const KeyHandle key = import_public(type, base64);
    if (!key)
        return Error{ErrorCode::malformed,
                     "the text after '" + type + "' is no key of that type: " + printable(base64, 40)};
    LABHUB_TRY(PublicKey parsed, public_half(key.get()));
    parsed.comment = std::string(trim(rest));
    return parsed;
}

Result<std::vector<PublicKey>> parse_keys(std::string_view text) {
    std::vector<PublicKey> keys;
    unsigned number = 0;
    for (const auto raw : split(text, '\n')) {
        ++number;
        const auto line = trim(raw);
        if (line.empty() || line.front() == '#') continue;
        auto key = PublicKey::parse(line);
        if (!key) return key.error().within("line " + std::to_string(number));
        keys.push_back(std::move(*key));
    }
    return keys;
}

Result<KeyHandle> load_private_key(const std::filesystem::path& path) {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) return system_error("open the key " + path.string(), errno);
    if ((info.st_mode & 077) != 0)
        return Error{ErrorCode::forbidden, "the key " + path.string() + " can be read by others than its owner",
                     "chmod 600 " + path.string()};
    LABHUB_TRY(const std::string text, read_file(path, kKeyFileBytes));
    ssh_key key = nullptr;
    if (ssh_pki_import_privkey_base64(text.c_str(), nullptr, nullptr, nullptr, &key) != SSH_OK)
        return Error{ErrorCode::malformed, path.string() + " is not a private key without a passphrase",
                     "OpenSSH format, as `ssh-keygen -t ed25519 -N ''` makes it"};
    return KeyHandle(key);
}

Result<PublicKey> load_or_create_key(const std::filesystem::path& path) {
    auto key = load_private_key(path);
    if (!key && key.error().code == ErrorCode::not_found) key = create_private_key(path);
    if (!key) return key.error();
    return public_half(key->get());
}

}  // namespace labhub::ssh
