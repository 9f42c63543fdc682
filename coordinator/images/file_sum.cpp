#include "coordinator/images/file_sum.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "shared/base/files.hpp"
#include "shared/base/sha256.hpp"

namespace labhub::coordinator::images {

Result<std::string> sum_of_file(const std::filesystem::path& path) {
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
