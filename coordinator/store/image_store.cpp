#include "coordinator/store/image_store.hpp"

#include "shared/base/json.hpp"

namespace labhub::coordinator::store {
namespace {

using images::StoredImage;
using images::StoredRoles;
using sqlite::Database;
using sqlite::Statement;

Result<void> run(Statement& statement) {
    LABHUB_TRY([[maybe_unused]] const bool row, statement.step());
    return {};
}

Result<std::vector<StoredImage>> select_images(Database& database) {
    LABHUB_TRY(
        auto statement,
        database.prepare("SELECT digest, name, manifest_sum, made_by, taken_ms FROM images ORDER BY taken_ms, digest"));
    std::vector<StoredImage> loaded;
    while (true) {
        LABHUB_TRY(const bool row, statement.step());
        if (!row) return loaded;
        loaded.push_back({std::string(statement.column_text(0)), std::string(statement.column_text(1)),
                          std::string(statement.column_text(2)), std::string(statement.column_text(3)),
                          UtcMillis{statement.column_int64(4)}});
    }
}

Result<std::vector<StoredRoles>> select_roles(Database& database) {
    LABHUB_TRY(auto statement, database.prepare("SELECT name, roles FROM image_roles ORDER BY name"));
    std::vector<StoredRoles> loaded;
    while (true) {
        LABHUB_TRY(const bool row, statement.step());
        if (!row) return loaded;
        StoredRoles roles{std::string(statement.column_text(0)), {}};
        LABHUB_TRY(const auto parsed, parse_json(statement.column_text(1)));
        auto names = boost::json::try_value_to<std::vector<std::string>>(parsed);
        if (!names) return Error{ErrorCode::corrupt, "the stored roles of image '" + roles.name + "' are no list"};
        roles.roles = std::move(*names);
        loaded.push_back(std::move(roles));
    }
}

Result<void> put_image(Database& database, const StoredImage& image) {
    LABHUB_TRY(auto statement,
               database.prepare("INSERT OR REPLACE INTO images (digest, name, manifest_sum, made_by, taken_ms) "
                                "VALUES (?, ?, ?, ?, ?)"));
    statement.bind(1, image.digest);
    statement.bind(2, image.name);
    statement.bind(3, image.manifest_sum);
    statement.bind(4, image.made_by);
    statement.bind(5, image.taken.count);
    return run(statement);
}

Result<void> put_roles(Database& database, const StoredRoles& roles) {
    if (roles.roles.empty()) {
        LABHUB_TRY(auto statement, database.prepare("DELETE FROM image_roles WHERE name = ?"));
        statement.bind(1, roles.name);
        return run(statement);
    }
    LABHUB_TRY(auto statement, database.prepare("INSERT OR REPLACE INTO image_roles (name, roles) VALUES (?, ?)"));
    statement.bind(1, roles.name);
    statement.bind(2, to_json(boost::json::value_from(roles.roles)));
    return run(statement);
}

}  // namespace

Task<Result<std::vector<StoredImage>>> ImageStore::load() {
    return writer_.write([](Database& database) { return select_images(database); });
}

Task<Result<std::vector<StoredRoles>>> ImageStore::load_roles() {
    return writer_.write([](Database& database) { return select_roles(database); });
}

Task<Result<void>> ImageStore::put(StoredImage image) {
    return writer_.write([image = std::move(image)](Database& database) { return put_image(database, image); });
}

Task<Result<void>> ImageStore::remove(std::string digest, std::string name) {
    return writer_.write([digest = std::move(digest), name = std::move(name)](Database& database) -> Result<void> {
        LABHUB_TRY(auto statement, database.prepare("DELETE FROM images WHERE digest = ? AND name = ?"));
        statement.bind(1, digest);
        statement.bind(2, name);
        return run(statement);
    });
}

Task<Result<void>> ImageStore::set_roles(StoredRoles roles) {
    return writer_.write([roles = std::move(roles)](Database& database) { return put_roles(database, roles); });
}

}  // namespace labhub::coordinator::store
