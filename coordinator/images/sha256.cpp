#include "coordinator/images/sha256.hpp"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <vector>

#include "shared/base/files.hpp"

namespace labhub::coordinator::images {

struct Sha256::State {
    EVP_MD_CTX* context = ::EVP_MD_CTX_new();
    ~State() { ::EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) { ::EVP_DigestInit_ex(state_->context, ::EVP_sha256(), nullptr); }
Sha256::~Sha256() = default;

void Sha256::add(std::string_view bytes) { ::EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()); }

std::string Sha256::hex() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int length = 0;
    ::EVP_DigestFinal_ex(state_->context, digest.data(), &length);
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    for (unsigned int i = 0; i < length; ++i) {
        text.push_back(kDigits[digest[i] >> 4]);
        text.push_back(kDigits[digest[i] & 15]);
    }
    return text;
}

std::string sha256_of(std::string_view bytes) {
    Sha256 sum;
    sum.add(bytes);
    return sum.hex();
}

Result<std::string> sha256_of_file(const std::filesystem::path& path) {
    const UniqueFd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
    if (!file) return system_error("open " + path.string(), errno);
    Sha256 sum;
    std::vector<char> chunk(1u << 18);
    while (true) {
        const ssize_t got = ::read(file.get(), chunk.data(), chunk.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return system_error("read " + path.string(), errno);
        if (got == 0) return sum.hex();
        sum.add({chunk.data(), static_cast<std::size_t>(got)});
    }
}

}  // namespace labhub::coordinator::images
