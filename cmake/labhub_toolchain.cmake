set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

option(LABHUB_ASAN "Build with AddressSanitizer and UndefinedBehaviorSanitizer" OFF)
option(LABHUB_TSAN "Build with ThreadSanitizer" OFF)

find_program(CCACHE ccache)
if(CCACHE)
  # Precompiled headers are only cached with these two sloppiness settings; base_dir lets two checkouts share. No two
  # precompiled headers are alike to the byte, so that units that use one are known by its .sum instead (shared/).
  set(launcher ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros CCACHE_PCH_EXTSUM=1
      CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
endif()

# Every target of ours links this: one set of flags, so that all can share one precompiled header.
add_library(labhub_flags INTERFACE)
target_include_directories(labhub_flags INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/generated)
target_compile_options(labhub_flags INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wnon-virtual-dtor -Woverloaded-virtual -fcoroutines -fpch-preprocess>
  $<$<COMPILE_LANGUAGE:C>:-Wall -Wextra>)
target_compile_definitions(labhub_flags INTERFACE
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED
  LABHUB_VERSION="${PROJECT_VERSION}")
target_link_options(labhub_flags INTERFACE -Wl,--as-needed)
if(LABHUB_ASAN)
  target_compile_options(labhub_flags INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=undefined
                         -fno-omit-frame-pointer)
  target_link_options(labhub_flags INTERFACE -fsanitize=address,undefined)
endif()
if(LABHUB_TSAN)
  target_compile_options(labhub_flags INTERFACE -fsanitize=thread -fno-omit-frame-pointer)
  target_link_options(labhub_flags INTERFACE -fsanitize=thread)
endif()
