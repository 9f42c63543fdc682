#pragma once

#include <span>
#include <string>
#include <string_view>

#include "shared/base/result.hpp"
#include "shared/sqlite/database.hpp"

namespace labhub::sqlite {

/// One step of a schema's history: `NNNN_name` and the SQL of its file. labhub_embed_sql (CMake) makes these from
/// files.
struct Migration {
    std::string name;
    std::string_view sql;
};

/// Brings the schema up to the last of `migrations` (in ascending order of name), each in a transaction of its own, and
/// notes them in schema_migrations(name, applied_at, checksum). A second call does nothing. Errors: unsupported when
/// the database holds a migration this build doesn't know (a later version wrote it), conflict when an applied one has
/// been changed since, else as the failing SQL gave it, with the migration's name.
Result<void> migrate(Database& database, std::span<const Migration> migrations);

}  // namespace labhub::sqlite
