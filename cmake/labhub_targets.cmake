# labhub_library(NAME SOURCES … DEPENDS … PRIVATE_DEPENDS …)
#   A static library of one folder, with the project's flags and the shared precompiled header.
# labhub_program(NAME SOURCES … DEPENDS …)   the same for a program, placed in <build>/bin.
# labhub_test(NAME SOURCES … DEPENDS … LABELS …)   a GoogleTest program, one ctest entry for each test in it.
# labhub_proto(NAME FILES …)   C++ code of .proto files, as <generated>/shared/proto/X.pb.h.

function(labhub_common target)
  # All targets see the same definitions, or the compiler would refuse the shared precompiled header.
  target_link_libraries(${target} PUBLIC labhub_flags Boost::headers Boost::json tl::expected spdlog::spdlog Threads::Threads)
  if(TARGET labhub_pch AND NOT ${target} STREQUAL labhub_pch)
    target_precompile_headers(${target} REUSE_FROM labhub_pch)
  endif()
endfunction()

# CMake compiles a program with -fpie where a library has -fpic, and g++ then refuses the shared precompiled header: ten
# seconds a source instead of two. Debian's g++ links position-independent programs either way.
function(labhub_like_library name)
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_compile_options(${name} PRIVATE -fPIC)
endfunction()

function(labhub_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS;PRIVATE_DEPENDS" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  labhub_common(${name})
  target_link_libraries(${name} PUBLIC ${arg_DEPENDS} PRIVATE ${arg_PRIVATE_DEPENDS})
endfunction()

function(labhub_program name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  labhub_common(${name})
  labhub_like_library(${name})
  target_link_libraries(${name} PRIVATE ${arg_DEPENDS})
  install(TARGETS ${name} RUNTIME DESTINATION bin)
endfunction()

include(GoogleTest)
function(labhub_test name)
  cmake_parse_arguments(arg "" "TIMEOUT" "SOURCES;DEPENDS;LABELS" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 60)
  endif()
  add_executable(${name} ${arg_SOURCES})
  labhub_common(${name})
  labhub_like_library(${name})
  target_link_libraries(${name} PRIVATE GTest::gtest GTest::gmock GTest::gtest_main ${arg_DEPENDS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
    PROPERTIES LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT}
    # Two properties, as gtest_discover_tests takes a list apart: its second item would be lost.
    ENVIRONMENT "LABHUB_BIN=${CMAKE_BINARY_DIR}/bin"
    ENVIRONMENT_MODIFICATION "LABHUB_SOURCE=set:${CMAKE_SOURCE_DIR}")
endfunction()

function(labhub_proto name)
  cmake_parse_arguments(arg "" "" "FILES" ${ARGN})
  set(out ${CMAKE_BINARY_DIR}/generated)
  file(MAKE_DIRECTORY ${out})
  set(generated)
  foreach(file ${arg_FILES})
    string(REGEX REPLACE "\\.proto$" "" stem ${file})
    add_custom_command(
      OUTPUT ${out}/shared/proto/${stem}.pb.cc ${out}/shared/proto/${stem}.pb.h
      COMMAND protobuf::protoc --proto_path=${CMAKE_SOURCE_DIR} --cpp_out=${out} shared/proto/${file}
      WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
      DEPENDS ${CMAKE_SOURCE_DIR}/shared/proto/${file})
    list(APPEND generated ${out}/shared/proto/${stem}.pb.cc ${out}/shared/proto/${stem}.pb.h)
  endforeach()
  add_library(${name} STATIC ${generated})
  target_link_libraries(${name} PUBLIC labhub_flags protobuf::libprotobuf-lite)
  target_compile_options(${name} PRIVATE -w)
endfunction()
