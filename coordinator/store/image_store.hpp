#pragma once

#include <string>
#include <vector>

#include "coordinator/domain/images/image.hpp"
#include "shared/runtime/task.hpp"
#include "shared/sqlite/writer.hpp"

namespace labhub::coordinator::store {

/// Which images there are, under which names and for whom, in labhub.db. Used from the main thread; the work happens on
/// the writer's. Failures come back as they are: nothing has changed then.
class ImageStore {
  public:
    explicit ImageStore(sqlite::Writer& writer) : writer_(writer) {}

    /// Oldest first.
    Task<Result<std::vector<images::StoredImage>>> load();
    Task<Result<std::vector<images::StoredRoles>>> load_roles();
    /// Adds it, or takes it anew: then it is the newest of its name.
    Task<Result<void>> put(images::StoredImage image);
    /// The build is not that name any more.
    Task<Result<void>> remove(std::string digest, std::string name);
    /// No roles: the image is for everybody.
    Task<Result<void>> set_roles(images::StoredRoles roles);

  private:
    sqlite::Writer& writer_;
};

}  // namespace labhub::coordinator::store
