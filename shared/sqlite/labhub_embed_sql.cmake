# labhub_embed_sql(TARGET NAMESPACE FILES…)
#   Compiles migration files (migrations/NNNN_name.sql, relative to the calling folder) into TARGET. The generated header
#   "<folder>/migrations.hpp" declares, in NAMESPACE (as labhub::coordinator::store):
#       std::span<const labhub::sqlite::Migration> migrations();   // ascending by file name
function(labhub_embed_sql target namespace)
  cmake_path(RELATIVE_PATH CMAKE_CURRENT_SOURCE_DIR BASE_DIRECTORY ${CMAKE_SOURCE_DIR} OUTPUT_VARIABLE folder)
  set(out ${CMAKE_BINARY_DIR}/generated/${folder})
  set(files ${ARGN})
  list(SORT files)
  set(rows "")
  foreach(file IN LISTS files)
    cmake_path(ABSOLUTE_PATH file NORMALIZE OUTPUT_VARIABLE absolute)
    cmake_path(GET absolute STEM name)
    if(NOT name MATCHES "^[0-9][0-9][0-9][0-9]_[a-z0-9_]+$")
      message(FATAL_ERROR "${file}: a migration is named NNNN_name.sql, as in 0001_leases.sql")
    endif()
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${absolute})
    file(READ ${absolute} sql)
    string(APPEND rows "    {\"${name}\", R\"labhub_sql(${sql})labhub_sql\"},\n")
  endforeach()
  file(WRITE ${out}/migrations.hpp.new
"#pragma once

#include <span>

#include \"shared/sqlite/migrate.hpp\"

namespace ${namespace} {

std::span<const labhub::sqlite::Migration> migrations();

}
")
  file(WRITE ${out}/migrations.cpp.new
"#include \"${folder}/migrations.hpp\"

namespace ${namespace} {

std::span<const labhub::sqlite::Migration> migrations() {
    static const labhub::sqlite::Migration kMigrations[] = {
${rows}    };
    return kMigrations;
}

}
")
  foreach(name migrations.hpp migrations.cpp)
    file(COPY_FILE ${out}/${name}.new ${out}/${name} ONLY_IF_DIFFERENT)
  endforeach()
  target_sources(${target} PRIVATE ${out}/migrations.cpp)
  target_link_libraries(${target} PUBLIC labhub_sqlite)
endfunction()
